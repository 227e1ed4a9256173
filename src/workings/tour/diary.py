"""What the tour has done so far, in one file of its folder: so that a tour that was stopped goes on, and the page knows how long each part took."""

import contextlib
import json
from pathlib import Path
from typing import Any

from workings.errors import BadInput
from workings.training.checkpoints import write_whole


class Diary:
    """tour.json: for each part its seconds, the scores that were taken after its training, and what went wrong; over: every part has been tried."""

    def __init__(self, folder: Path):
        self.path = folder / NAME
        try:
            known = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
            self.facts: dict[str, Any] = {"parts": {}, "over": False} | known
        except (ValueError, TypeError) as error:
            raise BadInput(f"{self.path} is not whole JSON: {error}; remove it, and the tour goes on with the parts that are there.") from error

    def of(self, part: str) -> dict[str, Any]:
        """What is known of a part."""
        return self.facts["parts"].get(part, {})

    def note(self, part: str, **facts: Any) -> None:
        """Write down more of a part; None takes a fact away."""
        kept = {name: value for name, value in (self.of(part) | facts).items() if value is not None}
        self.facts["parts"][part] = kept
        self.write()

    def spend(self, part: str, seconds: float) -> None:
        """So many seconds more."""
        self.note(part, seconds=self.of(part).get("seconds", 0.0) + seconds)

    def write(self, **facts: Any) -> None:
        """Save it all, with these facts of the whole tour."""
        self.facts |= facts
        write_whole(self.path, json.dumps(self.facts, indent=2, ensure_ascii=False).encode())


NAME = "tour.json"


def unfinished(runs: Path = Path("runs")) -> Path | None:
    """The newest folder of a tour here that is not over; one whose diary is damaged is left alone."""
    found = []
    for path in runs.glob(f"tour-*/{NAME}"):
        with contextlib.suppress(BadInput):
            found += [path.parent] if not Diary(path.parent).facts["over"] else []
    return max(found, key=lambda folder: folder.name, default=None)
