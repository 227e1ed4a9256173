"""Small folders and arrays of labeled pictures, and a maker of small classifiers on them."""

from pathlib import Path
from typing import Any

import numpy as np

from workings.settings import merge
from workings.tasks.pictures import Pictures
from workings.tasks.pictures_settings import read_settings, resolved

SMALL: dict[str, Any] = {
    "data": {"validation": 0.2},
    "model": {"architecture": "mlp", "widths": [16]},
    "training": {"batch": 8, "steps": 20, "evaluate_every": 7, "checkpoint_every": 4, "log_every": 3, "precision": "float32", "device": "cpu"},
}


def bars(count: int = 120, side: int = 12, channels: int = 1, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures with a bright bar that lies, stands or is not there: uint8 [N, side, side(, 3)], and the class of each, 0, 1 or 2."""
    draw = np.random.default_rng(seed)
    pictures, labels = draw.integers(0, 80, (count, side, side)), draw.integers(0, 3, count)
    for picture, label, place in zip(pictures, labels, draw.integers(2, side - 2, count), strict=True):
        if label < 2:
            (picture if label == 0 else picture.T)[place] += 150
    pictures = pictures.astype(np.uint8)
    return (pictures if channels == 1 else np.repeat(pictures[..., None], 3, 3)), labels


def write_arrays(folder: Path, **given: Any) -> Path:
    """The bars as a file of arrays."""
    path = folder / "bars.npz"
    pictures, labels = bars(**given)
    np.savez(path, images=pictures, labels=labels)
    return path


def classifiers(folder: Path, **changes: Any):
    """A maker of small classifiers on the arrays in a folder, as `tests.training.games` wants it."""
    path = folder / "bars.npz" if (folder / "bars.npz").exists() else write_arrays(folder)
    small = (
        SMALL if not changes.get("tuning", {}).get("start") and "preset" not in changes.get("model", {}) else {n: p for n, p in SMALL.items() if n != "model"}
    )

    def make(more: dict[str, Any]):
        settings = read_settings(merge(merge(merge(small, {"data": {"source": str(path)}}), changes), more))
        game = Pictures(settings)
        return game, settings.training, resolved(game.settings)

    return make


def game(folder: Path, **changes: Any) -> Pictures:
    """One of them."""
    return classifiers(folder, **changes)({})[0]
