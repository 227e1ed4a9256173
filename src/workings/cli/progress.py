"""How far a verb is that works through many texts."""

import sys
import time


class Progress:
    """How many texts are done and how fast, in one line of a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self.count, self.started, self.said = 0, time.perf_counter(), 0.0

    def __call__(self, count: int) -> None:
        """So many more."""
        self.count += count
        now = time.perf_counter()
        if sys.stderr.isatty() and now - max(self.said, self.started) > 1:
            self.said = now
            print(f"\r{self.count:,} texts, {self.count / (now - self.started):,.0f} a second", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """End the line, if there is one."""
        if self.said:
            print(file=sys.stderr)
