"""A small language and its translation, word by word but backwards, and a maker of small translators of it."""

import random
from pathlib import Path
from typing import Any

from workings.settings import merge
from workings.tasks.translation import Translation
from workings.tasks.translation_settings import read_settings, resolved

WORDS = {"red": "rot", "dog": "hund", "cat": "katze", "runs": "rennt", "sees": "sieht", "small": "klein"}
SMALL: dict[str, Any] = {
    "data": {"tokens": 280, "validation": 0.2, "batch_tokens": 90},
    "model": {"width": 16, "layers": 1, "heads": 2, "ff_width": 24, "context": 32},
    "training": {"batch": 8, "steps": 20, "evaluate_every": 7, "checkpoint_every": 4, "log_every": 3, "precision": "float32", "device": "cpu"},
}


def write_pairs(folder: Path, rows: int = 120) -> Path:
    """Sentences of two to five words and their translations, which begin with the last word."""
    draw = random.Random(1)
    chosen = [draw.choices(list(WORDS), k=draw.randint(2, 5)) for _ in range(rows)]
    path = folder / "pairs.tsv"
    path.write_text("en\tde\n" + "".join(f"{' '.join(words)}\t{' '.join(WORDS[word] for word in reversed(words))}\n" for words in chosen), encoding="utf-8")
    return path


def translators(folder: Path, **changes: Any):
    """A maker of small translators of the pairs in a folder, as `tests.training.games` wants it."""
    path = folder / "pairs.tsv" if (folder / "pairs.tsv").exists() else write_pairs(folder)
    started = bool(changes.get("tuning", {}).get("start"))
    small = SMALL if not started else {name: part for name, part in SMALL.items() if name != "model"}

    def make(more: dict[str, Any]):
        settings = read_settings(merge(merge(merge(small, {"data": {"source": str(path)}}), changes), more))
        game = Translation(settings)
        return game, settings.training, resolved(game.settings)

    return make
