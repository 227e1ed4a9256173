"""Small folders of picture models to combine and to learn from."""

from pathlib import Path

import torch

from workings.data.picture_settings import Preparation
from workings.models.build import build
from workings.models.cnn_settings import CNNSettings
from workings.models.mlp_settings import MLPSettings
from workings.settings import to_dict
from workings.weights.folder import save_folder

NAMES = ("cat", "dog", "bird")
COLOR = Preparation(size=(8, 8), mean=(0.5,), std=(0.25,))
GRAY = Preparation(channels=1, size=(6, 6), mean=(0.3,), std=(0.5,))


def save_model(folder: Path, settings, how: Preparation | None, seed: int = 0) -> Path:
    """A model folder with random weights that say something."""
    torch.manual_seed(seed)
    model = build(settings)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.05, 0.4)
    facts = {"preparation": to_dict(how)} if how else {}
    save_folder(folder, "pictures", settings, model.state_dict(), None, "# Card\n", scores={"accuracy": 0.5}, **facts)
    return folder


def save_cnn(folder: Path, seed: int = 0, names: tuple[str, ...] = NAMES, how: Preparation | None = COLOR, **changes) -> Path:
    """A small convolutional network of color pictures, with batch norms."""
    sizes = dict(image_size=(8, 8), channels=3, widths=(4,), depths=(1,), classes=len(names), class_names=names)
    return save_model(folder, CNNSettings(**(sizes | changes)), how, seed)


def save_mlp(folder: Path, seed: int = 0, names: tuple[str, ...] = NAMES) -> Path:
    """A small perceptron of gray pictures of another size."""
    return save_model(folder, MLPSettings(image_size=(6, 6), channels=1, widths=(5,), classes=len(names), class_names=names), GRAY, seed)


def some_pixels(channels: int = 3, side: int = 8, rows: int = 5) -> torch.Tensor:
    """uint8 [rows, channels, side, side]."""
    return torch.randint(0, 256, (rows, channels, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
