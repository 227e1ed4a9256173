"""The record of a run: `metrics.jsonl`, one event a line, only ever added to."""

import json
from pathlib import Path
from typing import Any

from workings.errors import BadInput


class Journal:
    """Adds events to a file; every line is written out at once, so that a kill loses nothing that was said."""

    def __init__(self, path: Path, speaks: bool = True):
        self.path, self.speaks = path, speaks
        if speaks and path.exists() and not path.read_bytes().endswith(b"\n"):
            with open(path, "a", encoding="utf-8") as file:  # a kill cut the last line short
                file.write("\n")

    def write(self, event: str, step: int, **facts: Any) -> dict[str, Any]:
        """Add one event; returns it."""
        row = {"event": event, "step": step, **facts}
        if self.speaks:
            try:
                with open(self.path, "a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
            except OSError as error:
                raise BadInput(f"{self.path} could not be written: {error.strerror}; the last checkpoint is untouched. Make room, then resume.") from error
        return row


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The events of a run as if it had never been stopped.

    What lies after the step that a later resume began at is left out, and what lies before a later start; so is a line that a kill cut short.
    """
    if not path.exists():
        raise BadInput(f"{path} does not exist; is {path.parent} the folder of a run?")
    rows: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row["event"] == "start":
            rows = []
        if row["event"] == "resume":
            rows = [old for old in rows if old["step"] <= row["step"] and old["event"] not in ("end", "test")]
        rows.append(row)
    return rows
