"""The variational autoencoder of PyTorch's examples, as files without a config have it: fc1, fc21 and fc22 of the encoder, fc3 and fc4 of the decoder."""

import math
from collections.abc import Mapping
from typing import Any

from workings.models.vae_settings import VAESettings
from workings.weights.names import Entry, linear

EXAMPLE = "ExampleVAE"
"""What the layout is called here."""
LAYERS = {"fc1": "encoder.layers.0", "fc21": "mean", "fc22": "spread", "fc3": "decoder.layers.0", "fc4": "decoder.output"}
"""Theirs -> ours; fc22 gives log sigma^2 of q(z|x)."""


def recognized(shapes: Mapping[str, tuple[int, ...]], said: Mapping[str, str]) -> dict[str, Any] | None:
    """The config of such a file, whose pictures are square and gray; None if it is something else. shapes: of its tensors, by name; said: its metadata."""
    if set(shapes) != {f"{name}.{part}" for name in LAYERS for part in ("weight", "bias")}:
        return None
    hidden, pixels = shapes["fc1.weight"]
    if math.isqrt(pixels) ** 2 != pixels:
        return None
    return {"architectures": [EXAMPLE], "image_size": math.isqrt(pixels), "hidden_size": hidden, "latent": shapes["fc21.weight"][0]}


def read_config(config: Mapping[str, Any]) -> tuple[str, VAESettings]:
    """The settings of what was recognized: ReLU, and coins for pixels."""
    return "vae", VAESettings(image_size=(config["image_size"],), widths=(config["hidden_size"],), latent=config["latent"])


def entries(settings: VAESettings, architecture: str) -> list[Entry]:
    """Every tensor of the file."""
    return [entry for theirs, ours in LAYERS.items() for entry in linear(theirs, ours)]


def supplied(settings: VAESettings, said: Mapping[str, str]) -> dict[str, Any]:
    """What such files do not say: they were trained on gray pictures, whose cross-entropy is no likelihood."""
    return {"binarization": "gray"}
