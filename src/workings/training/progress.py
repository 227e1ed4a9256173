"""What a person sees while a run trains: a live panel on a terminal, plain lines elsewhere."""

import os
import sys
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from workings.errors import counted


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(5), duration(75), duration(3700)
    ('5 s', '1:15 min', '1:01 h')
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60}:{seconds % 60:02d} min" if seconds < 3600 else f"{seconds // 3600}:{seconds % 3600 // 60:02d} h"


def scores_in(row: dict[str, Any]) -> str:
    """The losses of a row: "loss 1.234", or one for each player; and the accuracy where there is one."""
    return "  ".join(f"{key} {value:.3f}" for key, value in row.items() if key in ("loss", "accuracy", "bleu") or key.endswith("/loss"))


def glance(text: str, lines: int = 10) -> str:
    """The first lines of a text, blank ones left out.

    >>> glance("a\\n\\n\\nb"), glance("  \\n ")
    ('a\\nb', '(only spaces)')
    """
    written = [line for line in text.split("\n") if line.strip()]
    return "\n".join(written[:lines]) or "(only spaces)" * bool(text)


FEW = 100
"""Steps below which a budget of minutes is not worth its while."""


class Progress:
    """Speaks on standard error, of the first process only; nothing when quiet."""

    def __init__(self, quiet: bool = False, headline: str = "", chosen: bool = True):
        """chosen: whether the best weights are kept, rather than the newest."""
        self.headline, self.chosen = headline, chosen
        self.console = Console(stderr=True, highlight=False)
        self.quiet = quiet or int(os.environ.get("RANK", 0)) > 0
        self.live: Live | None = None
        self.train_line = self.validation_line = self.sample_text = ""
        self.units = "samples"
        self.minutes = 0.0
        self.bar = Bar(TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[left]}"), console=self.console)

    def begin(self, step: int, planned: int, minutes: float, units: str) -> None:
        """The loop is about to take its first step."""
        self.say(self.headline)
        self.units, self.minutes, self.started, self.first = units, minutes, time.monotonic(), step
        self.bar_id = self.bar.add_task(f"step {step:,}", total=planned, completed=step, left="")
        if step >= planned:
            self.say(f"nothing is left to do: the run is at step {step:,}; ask for more with --steps or --minutes")
        elif step:
            self.say(f"going on from step {step:,} of {planned:,}")
        elif minutes and planned < FEW:
            self.warn(f"only about {planned} steps fit into {minutes:g} minutes; more minutes, or a smaller model, would learn more")
        if not self.quiet and self.console.is_terminal:
            self.live = Live(self.panel(), console=self.console, refresh_per_second=4, transient=False)
            self.live.start()

    def panel(self) -> Panel:
        """The live picture."""
        rows = [self.bar, Text(self.train_line)]
        rows += [Text(self.validation_line, style="bold")] if self.validation_line else []
        rows += [Text(), Text(self.sample_text, style="italic")] if self.sample_text else []
        return Panel(Group(*rows), title="training", border_style="blue")

    def train(self, row: dict[str, Any], state: Any) -> None:
        """A line of the record was written."""
        spent, done = time.monotonic() - self.started, max(state.step - self.first, 1)
        left = max(0.0, self.minutes * 60 - state.total_seconds if self.minutes else spent / done * (state.planned - state.step))
        self.train_line = f"{scores_in(row)}   {row['units_per_second']:,.0f} {self.units}/s   {duration(left)} left"
        if self.live is not None:
            self.bar.update(
                self.bar_id, completed=state.step, total=state.planned, description=f"step {state.step:,} of {state.planned:,}", left=f"{duration(left)} left"
            )
            self.live.update(self.panel())

    def validation(self, row: dict[str, Any], state: Any) -> None:
        """The weights were scored."""
        of = f" of the mean of {counted(row['averaged'], 'checkpoint')}" if "averaged" in row else ""
        scores = scores_in(row)  # none of a game that no score can judge
        self.validation_line = f"validation{of} {scores}{'  (best so far)' if row['best'] and self.chosen else ''}" if scores else ""
        if self.live is not None:
            self.live.update(self.panel())
        else:
            self.say(f"step {state.step:,} of {state.planned:,}   {self.train_line}   {self.validation_line}")

    def sample(self, row: dict[str, Any]) -> None:
        """Something to look at was made."""
        self.sample_text = glance(row.get("text", ""))
        if self.live is not None:
            self.live.update(self.panel())
        elif self.sample_text:
            self.say("    " + self.sample_text.replace("\n", "\n    "))

    def warn(self, sentence: str) -> None:
        """One line that is said even when quiet."""
        if int(os.environ.get("RANK", 0)) == 0:
            print(f"workings: {sentence}", file=sys.stderr, flush=True)

    def say(self, sentence: str) -> None:
        """One line, above the live panel if there is one."""
        if self.quiet or not sentence:
            return
        if self.live is not None:
            self.live.console.print(sentence, markup=False)
        else:
            print(sentence, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Give the terminal back, however the loop has ended."""
        if self.live is not None:
            self.live.stop()
            self.live = None

    def end(self, reason: str, step: int) -> None:
        """The loop has ended."""
        self.close()
        sentences = {"done": "trained", "early": "stopped early, since the validation score no longer fell", "interrupted": "interrupted and saved"}
        self.say(f"{sentences[reason]} at step {step:,}")
