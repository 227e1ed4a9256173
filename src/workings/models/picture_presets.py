"""Every model of pictures by the name that `--model` takes, and how its settings are fitted to the pictures at hand. Imports no torch."""

from typing import Any

from workings.errors import BadInput, suggest
from workings.models.cnn_settings import CNNS, CNNSettings
from workings.models.compact_settings import COMPACT, CompactSettings
from workings.models.hybrid_settings import HYBRIDS, HybridSettings
from workings.models.lenet_settings import LENETS, LeNetSettings
from workings.models.mlp_settings import MLPS, MLPSettings
from workings.models.resnet_settings import RESNETS, ResNetSettings
from workings.models.row_recurrent_settings import RowRecurrentSettings
from workings.models.vision_settings import SWITCHES, VISION_TRANSFORMERS, VisionSettings
from workings.models.whitened_settings import WHITENED, WhitenedSettings
from workings.settings import from_dict, merge

PICTURE_MODELS: dict[str, type] = {
    "mlp": MLPSettings,
    "cnn": CNNSettings,
    "lenet": LeNetSettings,
    "whitened-cnn": WhitenedSettings,
    "resnet": ResNetSettings,
    "row-recurrent": RowRecurrentSettings,
    "vision-transformer": VisionSettings,
    "compact-transformer": CompactSettings,
    "hybrid": HybridSettings,
}
"""The architectures that look at pictures."""

SMALL = 96
"""Pictures with a shorter side than this are small: `resnet` and `hybrid` then keep their size at the entrance."""
BY_SIZE = {"resnet": ("cifar-resnet-20", "resnet-18"), "hybrid": ("hybrid-cifar", "hybrid-50")}
"""Name -> the preset for small pictures and that for others."""
SHORTER = {"cct": "cct-4-3x2"}
"""Shorter names of presets."""
VIT: dict[str, Any] = dict(body=dict(width=128, layers=7, heads=4, ff_width=256, stochastic_depth=0.1))
"""A vision transformer for little data, of 0.9 million parameters; its patches are fitted to the pictures."""
CELLS = ("rnn", "gru", "lstm")
"""Presets that read a picture row by row."""


def preset_names() -> list[str]:
    """All that `--model` takes."""
    return [*MLPS, *CNNS, *LENETS, *WHITENED, *CELLS, "vit", *SHORTER, *BY_SIZE, *RESNETS, *VISION_TRANSFORMERS, *COMPACT, *HYBRIDS]


def preset(name: str, side: int) -> tuple[str, dict[str, Any]]:
    """The architecture and what differs from its defaults. side: the shorter side of the pictures."""
    name = SHORTER.get(name, BY_SIZE[name][side >= SMALL] if name in BY_SIZE else name)
    for architecture, table in (("mlp", MLPS), ("cnn", CNNS), ("lenet", LENETS), ("whitened-cnn", WHITENED), ("resnet", RESNETS)):
        if name in table:
            return architecture, table[name]
    if name in CELLS:
        return "row-recurrent", {"cell": name}
    for architecture, table in (("vision-transformer", VISION_TRANSFORMERS | {"vit": VIT}), ("compact-transformer", COMPACT)):
        if name in table:
            return architecture, table[name] | {"body": SWITCHES | table[name]["body"]}
    if name in HYBRIDS:
        sizes = HYBRIDS[name]
        return "hybrid", sizes | {"resnet": RESNETS[sizes["resnet"]["name"]], "body": SWITCHES | sizes["body"]}
    raise BadInput(f"There is no model {name!r}. {suggest(name, preset_names())}")


def fitted(model: dict[str, Any], shape: tuple[int, int, int], names: tuple[str, ...]) -> Any:
    """The settings that a table describes, for pictures of this shape (channels, height, width) and these classes.

    model: a table with `preset` or `architecture`, and what is to differ; what is said of the pictures must agree with them.
    """
    given = dict(model)
    named, architecture = given.pop("preset", None), given.pop("architecture", None)
    sizes: dict[str, Any] = {}
    if architecture is None:
        architecture, sizes = preset(str(named or "cnn"), min(shape[1:]))
    if architecture not in PICTURE_MODELS:
        raise BadInput(f"There is no architecture {architecture!r} of pictures. {suggest(str(architecture), PICTURE_MODELS)}")
    if named == "vit" and "patch_size" not in given:
        sizes = sizes | {"patch_size": [patch_of(side) for side in shape[1:]]}
    cls = PICTURE_MODELS[architecture]
    facts: dict[str, Any] = {"channels": shape[0], "image_size": list(shape[1:]), "classes": len(names), "class_names": list(names)}
    facts = {name: value for name, value in facts.items() if name in cls.__dataclass_fields__}
    for name, value in facts.items():
        said = given.get(name, value)
        if list_of(said) not in (list_of(value), list_of(value)[:1] if name == "image_size" else None):
            raise BadInput(
                f"model.{name} is {said}, but that of the pictures is {value}; leave it out, or change the pictures with data.size and data.channels."
            )
    model = merge(sizes, given)
    return from_dict(cls, model | facts, "model.")


def list_of(value: Any) -> list[Any]:
    """A list, or the only item of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def patch_of(side: int) -> int:
    """The side of a patch where none is asked for: 16 pixels of a large picture, else about an eighth; the nearest that divides the picture.

    A side that only much smaller or larger ones divide is refused: attention would have several times as many tokens, or next to none.

    >>> [patch_of(side) for side in (28, 32, 64, 100, 224)]
    [4, 4, 8, 10, 16]
    """
    wanted = 16 if side >= 160 else max(2, round(side / 8))
    found = min((patch for patch in range(1, side + 1) if side % patch == 0), key=lambda patch: (abs(patch - wanted), -patch))
    if side > 8 and not wanted / 2 <= found <= 2 * wanted:
        near = round(side / wanted) * wanted
        raise BadInput(
            f"No patch of about {wanted} pixels divides a picture whose side is {side}; set another size, as in data.size={near}, or model.patch_size."
        )
    return found
