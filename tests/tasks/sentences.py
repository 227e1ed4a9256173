"""A small table of labeled texts, and a maker of small classifiers on it."""

import random
from pathlib import Path
from typing import Any

from workings.settings import merge
from workings.tasks.sentences import Sentences
from workings.tasks.sentences_settings import read_settings, resolved

GOOD, BAD, OTHER = "great lovely fine superb".split(), "awful dull poor weak".split(), "film scene actor plot music the a was is of with and".split()
SMALL: dict[str, Any] = {
    "data": {"tokens": 300, "validation": 0.2},
    "model": {"body": {"width": 16, "layers": 2, "heads": 2, "context": 32}},
    "training": {"batch": 8, "steps": 20, "evaluate_every": 7, "checkpoint_every": 4, "log_every": 3, "precision": "float32", "device": "cpu"},
}


def write_table(folder: Path, rows: int = 120, good: int = 3) -> Path:
    """Texts that are good or bad by one word of theirs; `good` of them for each bad one."""
    draw = random.Random(1)
    lines = ["text,label"]
    for _ in range(rows):
        label = draw.choice(["good"] * good + ["bad"])
        words = draw.choices(OTHER, k=draw.randint(2, 20))
        words.insert(draw.randrange(len(words)), draw.choice(GOOD if label == "good" else BAD))
        lines.append(f"{' '.join(words)},{label}")
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def classifiers(folder: Path, **changes: Any):
    """A maker of small classifiers on the table in a folder, as `tests.training.games` wants it."""
    path = folder / "table.csv" if (folder / "table.csv").exists() else write_table(folder)
    started = bool(changes.get("tuning", {}).get("start"))
    small = SMALL if not started else {name: part for name, part in SMALL.items() if name != "model"}

    def make(more: dict[str, Any]):
        settings = read_settings(merge(merge(merge(small, {"data": {"source": str(path)}}), changes), more))
        game = Sentences(settings)
        return game, settings.training, resolved(game.settings)

    return make
