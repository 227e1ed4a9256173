"""A maker of small VAEs on the bars of `tests.tasks.pictures`."""

from pathlib import Path
from typing import Any

from tests.tasks.pictures import SMALL as OF_PICTURES
from tests.tasks.pictures import write_arrays
from workings.settings import merge
from workings.tasks.vae import DrawsByVAE
from workings.tasks.vae_settings import read_settings, resolved

SMALL: dict[str, Any] = {
    "data": {"validation": 0.2},
    "model": {"latent": 3, "widths": [16]},
    "objective": {"importance": 7},
    "training": OF_PICTURES["training"],
}


def vaes(folder: Path, **changes: Any):
    """A maker of small VAEs on the arrays in a folder, as `tests.training.games` wants it."""
    path = folder / "bars.npz" if (folder / "bars.npz").exists() else write_arrays(folder)

    def make(more: dict[str, Any]):
        game = DrawsByVAE(read_settings(merge(merge(merge(SMALL, {"data": {"source": str(path)}}), changes), more)))
        return game, game.settings.training, resolved(game.settings)

    return make


def game(folder: Path, **changes: Any) -> DrawsByVAE:
    """One of them."""
    return vaes(folder, **changes)({})[0]
