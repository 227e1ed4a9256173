"""Ctrl-C and SIGTERM ask the loop to save and stop; a second one, a second later or more, stops at once."""

import signal
import threading
import time
from types import FrameType, TracebackType


class Stop:
    """`asked` turns true at the first SIGINT or SIGTERM inside the block; the handlers from before come back after it."""

    def __init__(self) -> None:
        self.asked = False
        self.first = 0.0
        self.before: dict[int, object] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self.ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Note the wish; when it is repeated, saving is not waited for. (One Ctrl-C reaches torchrun's workers twice: from the terminal and from it.)"""
        if self.asked and time.monotonic() - self.first >= 1:
            raise KeyboardInterrupt
        if not self.asked:
            self.asked, self.first = True, time.monotonic()
