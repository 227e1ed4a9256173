"""LeNet-5 for MNIST, as files without a config name its tensors after the layers of LeCun et al. 1998: C1, C3, C5, F6, F7."""

from collections.abc import Mapping
from typing import Any

from workings.data.picture_settings import Preparation
from workings.models.lenet_settings import LeNetSettings
from workings.settings import to_dict
from workings.weights.names import Entry, linear

LENET = "LeNet5"
"""What the layout is called here."""
CONVOLUTIONS = ("convnet.c1", "convnet.c3", "convnet.c5")


def recognized(shapes: Mapping[str, tuple[int, ...]], said: Mapping[str, str]) -> dict[str, Any] | None:
    """The config of such a file; None if it is something else. shapes: of its tensors, by name; said: its metadata, which tells nothing of this."""
    if not {f"{name}.weight" for name in (*CONVOLUTIONS, "fc.f6", "fc.f7")} <= set(shapes):
        return None
    return {
        "architectures": [LENET],
        "num_channels": shapes["convnet.c1.weight"][1],
        "hidden_sizes": [shapes[f"{name}.weight"][0] for name in CONVOLUTIONS],
        "hidden_size": shapes["fc.f6.weight"][0],
        "num_labels": shapes["fc.f7.weight"][0],
    }


def read_config(config: Mapping[str, Any]) -> tuple[str, LeNetSettings]:
    """The settings of what was recognized; ten classes are the digits."""
    classes = config["num_labels"]
    names = tuple(str(digit) for digit in range(10)) if classes == 10 else ()
    sizes = dict(channels=config["num_channels"], widths=tuple(config["hidden_sizes"]), hidden=config["hidden_size"])
    return "pictures", LeNetSettings(**sizes, classes=classes, class_names=names)


def entries(settings: LeNetSettings, architecture: str) -> list[Entry]:
    """Every tensor of the file."""
    found = [entry for number, name in enumerate(CONVOLUTIONS) for entry in linear(name, f"convolutions.{number}")]
    return [*found, *linear("fc.f6", "hidden_layer"), *linear("fc.f7", "classifier")]


def supplied(settings: LeNetSettings, said: Mapping[str, str]) -> dict[str, Any]:
    """What such files do not say: a picture is stretched to 32 x 32, and its numbers are between 0 and 1."""
    return {"preparation": to_dict(Preparation(channels=settings.channels, resize="stretch", size=settings.image_size))}
