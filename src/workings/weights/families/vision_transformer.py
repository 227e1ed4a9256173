"""ViT (Dosovitskiy et al. 2021) and DeiT (Touvron et al. 2021) in transformers' layout."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from workings.errors import BadInput
from workings.models.settings import TransformerSettings
from workings.models.vision_settings import VisionSettings, body
from workings.weights.config_fields import Fields
from workings.weights.families.labels import read_labels, write_labels
from workings.weights.names import Entry, linear, norm, plain

ARCHITECTURES = ("ViTForImageClassification", "ViTModel", "DeiTForImageClassification", "DeiTForImageClassificationWithTeacher", "DeiTModel")

PHI = {"gelu": "gelu", "gelu_new": "gelu-tanh", "gelu_pytorch_tanh": "gelu-tanh", "relu": "relu", "silu": "silu", "swish": "silu"}
"""Their nonlinearities and ours."""

FREE = {"width", "heads", "layers", "ff_width", "context", "phi", "norm_epsilon", "dropout", "stochastic_depth", "initialization", "tied"}
FIXED = [name for name in TransformerSettings.__dataclass_fields__ if name not in FREE and not name.startswith("rope_")]
"""The switches that ViT has only one choice of; the rest are sizes, belong to training, or do nothing without a vocabulary and rotary positions."""


def read_config(config: Mapping[str, Any]) -> tuple[str, VisionSettings]:
    """The settings of a config.json."""
    types = {"vit": "ViTForImageClassification", "deit": "DeiTForImageClassification"}
    architecture = (config.get("architectures") or [types.get(config.get("model_type", ""), "ViTForImageClassification")])[0]
    fields = Fields(config)
    headless = architecture.endswith("Model")
    classes, names = read_labels(fields, headless)
    width, heads = fields.whole("hidden_size", 768), fields.whole("num_attention_heads", 12)
    image, patch = (sides(fields.take(name, default), name) for name, default in (("image_size", 224), ("patch_size", 16)))
    pooler = fields.whole("pooler_output_size", width)
    for name, value in (("qkv_bias", True), ("pooler_act", "tanh"), ("head_dim", width // heads)):
        fields.must(name, value)
    fields.one_sequence()
    fields.ignore("encoder_stride")  # of the decoder that masked pretraining has
    settings = VisionSettings(
        body=body(
            width=width,
            heads=heads,
            layers=fields.whole("num_hidden_layers", 12),
            ff_width=fields.whole("intermediate_size", 3072),
            phi=fields.choice("hidden_act", PHI, "gelu"),
            norm_epsilon=fields.number("layer_norm_eps", 1e-12),
        ),
        image_size=tuple(side // step * step for side, step in zip(image, patch, strict=True)),
        patch_size=patch,
        channels=fields.whole("num_channels", 3),
        distillation="none" if architecture.startswith("ViT") else "classifier" if architecture.endswith("WithTeacher") else "token",
        pooler=pooler if headless else 0,
        classes=classes,
        class_names=names,
    )
    if image != settings.image_size:
        raise BadInput(f"config.json has image_size = {list(image)}, which does not divide by patch_size = {list(patch)}; that is not supported here.")
    fields.done()
    return "pictures", settings


def fitted(settings: VisionSettings, names: Collection[str]) -> VisionSettings:
    """The settings with no pooler where the file has none."""
    has = any(name.endswith("pooler.dense.weight") for name in names)
    return settings if has or not settings.pooler else dataclasses.replace(settings, pooler=0)


def sides(value: Any, name: str) -> tuple[int, int]:
    """Height and width, from one number or two."""
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(pair) != 2 or not all(isinstance(side, int) and side > 0 for side in pair):
        raise BadInput(f"config.json has {name} = {value!r}, which should be one whole number or two.")
    return pair


def home(settings: VisionSettings) -> str:
    """The architecture that these settings are."""
    ours = settings.body
    there = body(width=ours.width, heads=ours.heads, layers=ours.layers, ff_width=ours.ff_width)
    for name in FIXED:
        value, only = getattr(ours, name), getattr(there, name)
        if value != only:
            raise BadInput(f"model.body.{name}={value!r} has no place in transformers' ViT, which has {only!r}; it can be exported to onnx.")
    if ours.phi not in PHI.values():
        raise BadInput(f"model.body.phi={ours.phi!r} has no place in transformers' ViT; it can be exported to onnx.")
    family = "ViT" if settings.distillation == "none" else "DeiT"
    if not settings.classes:
        return f"{family}Model"
    return f"{family}ForImageClassification" + ("WithTeacher" if settings.distillation == "classifier" else "")


def write_config(settings: VisionSettings, architecture: str) -> dict[str, Any]:
    """A config.json of these settings."""
    s = settings.body
    return {
        "model_type": "vit" if settings.distillation == "none" else "deit",
        "hidden_size": s.width,
        "num_hidden_layers": s.layers,
        "num_attention_heads": s.heads,
        "intermediate_size": s.ff_width,
        "hidden_act": {ours: theirs for theirs, ours in reversed(PHI.items())}[s.phi],
        "layer_norm_eps": s.norm_epsilon,
        "image_size": write_sides(settings.image_size),
        "patch_size": write_sides(settings.patch_size),
        "num_channels": settings.channels,
        "qkv_bias": True,
        "pooler_act": "tanh",
        "pooler_output_size": settings.pooler or s.width,
        **write_labels(settings.classes, settings.class_names),
    }


def write_sides(pair: tuple[int, ...]) -> int | list[int]:
    """One number for a square, else two."""
    return pair[0] if pair[0] == pair[1] else list(pair)


def entries(settings: VisionSettings, architecture: str) -> list[Entry]:
    """Every tensor of the file."""
    family = "vit." if settings.distillation == "none" else "deit."
    prefix = "" if architecture.endswith("Model") else family
    found = embedding_entries(settings, f"{prefix}embeddings.")
    for layer in range(settings.body.layers):
        found += layer_entries(prefix, layer)
    found += norm(f"{prefix}layernorm", "body.final_norm")
    if settings.pooler:
        found += linear(f"{prefix}pooler.dense", "pooler")
    if settings.classes:
        found += linear("cls_classifier" if settings.distillation == "classifier" else "classifier", "classifier")
    if settings.distillation == "classifier":
        found += linear("distillation_classifier", "distillation_classifier")
    return found


def embedding_entries(settings: VisionSettings, theirs: str) -> list[Entry]:
    """Patches, tokens and positions; theirs are convolutions and have a dimension for the batch."""
    shape = (settings.channels, *settings.patch_size)
    found = [
        Entry(f"{theirs}patch_embeddings.projection.weight", ("patches.projection.weight",), flat, lambda x: x.unflatten(1, shape)),
        plain(f"{theirs}patch_embeddings.projection.bias", "patches.projection.bias"),
        Entry(f"{theirs}cls_token", ("cls",), lambda x: (x[0, 0],), lambda x: x[None, None]),
        Entry(f"{theirs}position_embeddings", ("body.positions.weight",), lambda x: (x[0],), lambda x: x[None]),
    ]
    if settings.distillation != "none":
        found.append(Entry(f"{theirs}distillation_token", ("distillation",), lambda x: (x[0, 0],), lambda x: x[None, None]))
    return found


def flat(kernel: Tensor) -> tuple[Tensor]:
    """[D, C, height, width] -> [D, C height width]."""
    return (kernel.flatten(1),)


LAYER = {
    "attention.attention.query": ("attention.q_proj", "attention.query"),
    "attention.attention.key": ("attention.k_proj", "attention.key"),
    "attention.attention.value": ("attention.v_proj", "attention.value"),
    "attention.output.dense": ("attention.o_proj", "attention.out"),
    "intermediate.dense": ("mlp.fc1", "feed_forward.up"),
    "output.dense": ("mlp.fc2", "feed_forward.down"),
    "layernorm_before": ("layernorm_before", "attention_norm"),
    "layernorm_after": ("layernorm_after", "feed_forward_norm"),
}
"""Of one layer: the name in files, the name in memory of transformers since version 5, and ours."""


def layer_entries(prefix: str, layer: int) -> list[Entry]:
    """One layer."""
    return [
        plain(f"{prefix}encoder.layer.{layer}.{theirs}.{part}", f"body.blocks.{layer}.{ours}.{part}", aliases=(f"{prefix}layers.{layer}.{new}.{part}",))
        for theirs, (new, ours) in LAYER.items()
        for part in ("weight", "bias")
    ]
