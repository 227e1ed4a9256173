"""A foreign `preprocessor_config.json`: how the pictures of a foreign model are prepared."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from workings.data.picture_settings import Filter, Preparation
from workings.errors import BadInput
from workings.weights.config_fields import Fields
from workings.weights.tensors import read_json

FILE = "preprocessor_config.json"
FILTERS = dict(enumerate(get_args(Filter)))
"""Pillow's number -> our name."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "ViT": dict(size={"height": 224, "width": 224}, resample=2),
    "DeiT": dict(size={"height": 256, "width": 256}, resample=3, do_center_crop=True, crop_size={"height": 224, "width": 224}),
    "ConvNext": dict(size={"shortest_edge": 384}, resample=3, crop_pct=224 / 256),
}
"""What each kind of processor does where its file says nothing. ConvNext's, which residual networks have too, keeps `crop_pct` of what it resizes."""

HALF = (0.5, 0.5, 0.5)
"""The mean and the deviation where a file says nothing."""

NO_EFFECT = "processor_class _valid_processor_keys do_convert_rgb data_format input_data_format return_tensors device disable_grouping default_to_square"


def read_preparation(folder: Path, channels: int) -> Preparation | None:
    """How the folder says that pictures are prepared; None where it does not say."""
    return from_config(read_json(folder / FILE), channels) if (folder / FILE).exists() else None


def from_config(config: Mapping[str, Any], channels: int = 3) -> Preparation:
    """The steps that a file of a known processor names."""
    fields = Fields(config)
    name = fields.take("image_processor_type", None) or fields.take("feature_extractor_type", None) or ("ConvNext" if "crop_pct" in config else "ViT")
    fields.ignore("image_processor_type", "feature_extractor_type", "pad_size", *NO_EFFECT.split())
    kind = str(name).removesuffix("Fast").removesuffix("Pil").removesuffix("ImageProcessor").removesuffix("FeatureExtractor")
    if kind not in DEFAULTS:
        raise BadInput(f"{FILE} is of a {name!r}, which is not known here; those of {', '.join(DEFAULTS)} are.")
    default = DEFAULTS[kind]
    if fields.take("do_pad", False):
        raise BadInput(f"{FILE} has do_pad = True, which is not supported here; it must be False.")
    size, crop = fields.take("size", default["size"]), fields.take("crop_size", default.get("crop_size"))
    crop = crop if fields.flag("do_center_crop", default.get("do_center_crop", False)) else None
    resample, share = fields.take("resample", default["resample"]), fields.number("crop_pct", default.get("crop_pct", 1.0))
    if not 0 < share <= 1:
        raise BadInput(f"{FILE} has crop_pct = {share}, which should be above 0 and at most 1.")
    if resample not in list(FILTERS):
        raise BadInput(f"{FILE} has resample = {resample!r}, which is no filter; 0 to {len(FILTERS) - 1} are.")
    resize, sides = read_size(size, square=kind != "ConvNext") if fields.flag("do_resize", True) else ("none", ())
    middle = read_size(crop, square=True)[1] if crop is not None else ()
    if kind == "ConvNext" and resize == "shortest":
        (side,) = sides
        resize, sides, inner = ("shortest", (int(side / share),), (side, side)) if side < 384 else ("stretch", (side, side), ())
        if inner and middle and middle != inner:
            raise BadInput(f"{FILE} crops twice, to {inner[0]} by crop_pct and to {list(middle)} by crop_size; remove one.")
        middle = middle or inner
    scale = fields.number("rescale_factor", 1 / 255)
    mean, std = fields.take("image_mean", HALF), fields.take("image_std", HALF)
    normalize, rescale = fields.flag("do_normalize", True), fields.flag("do_rescale", True)
    fields.done()
    return Preparation(
        channels=channels,
        resize=resize,
        size=sides,
        filter=FILTERS[resample],
        crop=middle,
        scale=scale if rescale else 1.0,
        mean=as_numbers(mean) if normalize else (0.0,),
        std=as_numbers(std) if normalize else (1.0,),
    )


def read_size(size: Any, square: bool) -> tuple[Any, tuple[int, ...]]:
    """(stretch, (height, width)) or (shortest, (side,)) of a number, which is a square or a side, of two numbers or of a table."""
    inner = list(size.values()) if isinstance(size, dict) else size if isinstance(size, list) else [size]
    if not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in inner if side is not None):
        raise not_a_size(size)
    if isinstance(size, int):
        return ("stretch", (size, size)) if square else ("shortest", (size,))
    if isinstance(size, list) and len(size) == 2:
        return "stretch", (size[0], size[1])
    given = {key: value for key, value in size.items() if value is not None} if isinstance(size, dict) else {}
    if set(given) == {"height", "width"}:
        return "stretch", (given["height"], given["width"])
    if set(given) == {"shortest_edge"}:
        return "shortest", (given["shortest_edge"],)
    raise not_a_size(size)


def not_a_size(size: Any) -> BadInput:
    """What is said of a size that is none."""
    return BadInput(f"{FILE} has a size of {size!r}, which is not supported here; it must be height and width, or the shortest edge.")


def as_numbers(value: Any) -> tuple[float, ...]:
    """One number or a list of them."""
    if not all(isinstance(one, (int, float)) for one in (value if isinstance(value, (list, tuple)) else [value])):
        raise BadInput(f"{FILE} has {value!r} where numbers should be.")
    return tuple(map(float, value)) if isinstance(value, (list, tuple)) else (float(value),)


def write_preparation(folder: Path, how: Preparation) -> None:
    """The same as a file that transformers reads; every way of preparing here has a home in one of its processors."""
    sides = {"stretch": ("height", "width"), "shortest": ("shortest_edge",), "none": ()}[how.resize]
    config: dict[str, Any] = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": how.resize != "none",
        "resample": {name: number for number, name in FILTERS.items()}[how.filter],
        "do_center_crop": bool(how.crop),
        "do_rescale": True,
        "rescale_factor": how.scale,
        "do_normalize": True,
        "image_mean": list(how.mean if len(how.mean) > 1 else how.mean * how.channels),
        "image_std": list(how.std if len(how.std) > 1 else how.std * how.channels),
    }
    if sides:
        config["size"] = dict(zip(sides, how.size, strict=True))
    if how.crop:
        config["crop_size"] = dict(zip(("height", "width"), how.crop, strict=True))
    (folder / FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
