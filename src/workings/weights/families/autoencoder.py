"""Tiny autoencoders (Bohan 2023), as files without a config have them: two lists of layers, counted as they follow each other, the ones without numbers too.

The encoder and the decoder have a file each, or one file has both, as diffusers writes it; there the decoder's list begins behind what bounds the latents.
"""

from collections.abc import Mapping
from typing import Any

from workings.errors import BadInput
from workings.models.autoencoder_settings import AutoencoderSettings
from workings.weights.names import Entry, linear, norm, plain

HALVES, WHOLE = "TinyAutoencoderHalves", "TinyAutoencoder"
"""What the two layouts are called here."""
BEGINNINGS = {HALVES: ("encoder.", "decoder."), WHOLE: ("encoder.layers.", "decoder.layers.")}
FIRST = ("0.weight", "1.conv.0.weight", "2.weight")
"""Tensors that every encoder begins with."""
ALONE = (set(FIRST), {"1.weight", "3.conv.0.weight"})
"""Tensors of an encoder, and of a decoder, that are alone."""
BOUND, GROUPS = 3.0, 4
"""What all such autoencoders have, and their files do not say."""


def recognized(shapes: Mapping[str, tuple[int, ...]], said: Mapping[str, str]) -> dict[str, Any] | None:
    """The config of such a file, by what its tensors are called; None if it is something else."""
    if any(names <= set(shapes) for names in ALONE):
        raise BadInput(
            "The file holds one half of an autoencoder; put the other beside it, so that they are called NAME_encoder.safetensors and NAME_decoder.safetensors."
        )
    layout = next((layout for layout, (encoder, _) in BEGINNINGS.items() if {f"{encoder}{name}" for name in FIRST} <= set(shapes)), None)
    if layout is None or not any(name.startswith(BEGINNINGS[layout][1]) for name in shapes):
        return None
    encoder = BEGINNINGS[layout][0]
    layers = {int(name.removeprefix(encoder).partition(".")[0]) for name in shapes if name.startswith(encoder)}
    plain_layers = sorted(layer for layer in layers if f"{encoder}{layer}.weight" in shapes)
    halvings = len(plain_layers) - 2
    depth = plain_layers[2] - plain_layers[1] - 1
    last = f"{encoder}{plain_layers[-1] - 1}.pool.0.weight"
    return {
        "architectures": [layout],
        "in_channels": shapes[f"{encoder}0.weight"][1],
        "latent_channels": shapes[f"{encoder}{plain_layers[-1]}.weight"][0],
        "width": shapes[f"{encoder}0.weight"][0],
        "halvings": halvings,
        "depth": depth,
        "smallest": "normalized" if last in shapes else "plain",
    }


def read_config(config: Mapping[str, Any]) -> tuple[str, AutoencoderSettings]:
    """The settings of what was recognized."""
    named = {name: config[name] for name in ("width", "halvings", "depth", "smallest")}
    return "autoencoder", AutoencoderSettings(channels=config["in_channels"], latent=config["latent_channels"], groups=GROUPS, bound=BOUND, **named)


def entries(settings: AutoencoderSettings, architecture: str) -> list[Entry]:
    """Every tensor of both lists, in their order."""
    s = settings
    encoder, decoder = BEGINNINGS[architecture]
    found = [*linear(f"{encoder}0", "encoder.enter"), *block(f"{encoder}1", "encoder.first")]
    place = 2
    for number in range(s.halvings):
        kind = s.smallest if number == s.halvings - 1 else "plain"
        found.append(plain(f"{encoder}{place}.weight", f"encoder.halvings.{number}.weight"))
        found += [entry for j in range(s.depth) for entry in block(f"{encoder}{place + 1 + j}", f"encoder.blocks.{number}.{j}", kind)]
        place += 1 + s.depth
    found += linear(f"{encoder}{place}", "encoder.leave")
    place = 1 if architecture == HALVES else 0
    found += linear(f"{decoder}{place}", "decoder.enter")
    place += 2  # the nonlinearity has a place
    for number in range(s.halvings):
        kind = s.smallest if number == 0 else "plain"
        found += [entry for j in range(s.depth) for entry in block(f"{decoder}{place + j}", f"decoder.blocks.{number}.{j}", kind)]
        place += s.depth + 1  # and so has the doubling
        found.append(plain(f"{decoder}{place}.weight", f"decoder.doublings.{number}.convolution.weight"))
        place += 1
    return [*found, *block(f"{decoder}{place}", "decoder.last"), *linear(f"{decoder}{place + 1}", "decoder.leave")]


def block(theirs: str, ours: str, kind: str = "plain") -> list[Entry]:
    """The tensors of a block: three convolutions with a nonlinearity between them, and what is before them in a normalized one."""
    found = [entry for number in range(3) for entry in linear(f"{theirs}.conv.{2 * number}", f"{ours}.parts.{number}")]
    if kind == "plain":
        return found
    ways = [plain(f"{theirs}.pool.0.weight", f"{ours}.widen.weight"), plain(f"{theirs}.pool.3.weight", f"{ours}.narrow.weight")]
    return [*found, *ways, *norm(f"{theirs}.pool.1", f"{ours}.norm")]


def supplied(settings: AutoencoderSettings, said: Mapping[str, str]) -> dict[str, Any]:
    """Nothing more."""
    return {}
