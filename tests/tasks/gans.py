"""A maker of small pairs of players on the bars of `tests.tasks.pictures`."""

from pathlib import Path
from typing import Any

from tests.tasks.pictures import write_arrays
from workings.settings import merge
from workings.tasks.gan import Gan
from workings.tasks.gan_settings import read_settings, resolved

SMALL: dict[str, Any] = {
    "data": {"validation": 0.2},
    "model": {"latent": 5, "width": 4},
    "scores": {"drawings": 12},
    "training": {"batch": 8, "steps": 20, "evaluate_every": 7, "checkpoint_every": 4, "log_every": 3, "precision": "float32", "device": "cpu"},
}


def players(folder: Path, side: int = 16, **changes: Any):
    """A maker of small pairs of players on the arrays in a folder, as `tests.training.games` wants it."""
    path = folder / "bars.npz" if (folder / "bars.npz").exists() else write_arrays(folder, side=side)

    def make(more: dict[str, Any]):
        settings = read_settings(merge(merge(merge(SMALL, {"data": {"source": str(path)}}), changes), more))
        game = Gan(settings)
        return game, settings.training, resolved(game.settings)

    return make


def game(folder: Path, side: int = 16, **changes: Any) -> Gan:
    """One of them."""
    return players(folder, side, **changes)({})[0]
