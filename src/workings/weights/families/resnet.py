"""Residual networks: transformers' layout (He et al. 2016, sizes 18 to 152), and the layout of files with CIFAR's (`layer1.0.conv1.weight`, no config)."""

import re
from collections.abc import Mapping
from typing import Any

from workings.data.picture_settings import CIFAR10_CLASSES, IMAGENET_MEAN, IMAGENET_STD, Preparation
from workings.errors import BadInput
from workings.models.resnet_settings import ResNetSettings
from workings.settings import to_dict
from workings.weights.config_fields import Fields
from workings.weights.families.labels import read_labels, write_labels
from workings.weights.names import Entry, linear, plain

CIFAR = "CifarResNet"
"""What the layout without a config is called here."""
ARCHITECTURES = ("ResNetForImageClassification", "ResNetModel", CIFAR)
PREPARATIONS = {
    "mean .485 .456 .406 std .229 .224 .225, RGB/255": Preparation(resize="stretch", size=(32, 32), mean=IMAGENET_MEAN, std=IMAGENET_STD),
}
"""What files for CIFAR say of how their pictures were prepared, in their metadata's "norm"; those have 32 x 32 pixels."""


def read_config(config: Mapping[str, Any]) -> tuple[str, ResNetSettings]:
    """The settings of a config.json."""
    architecture = (config.get("architectures") or [ARCHITECTURES[0]])[0]
    fields = Fields(config)
    classes, names = read_labels(fields, headless=architecture == "ResNetModel")
    fields.one_sequence()
    fields.must("hidden_act", "relu")
    fields.ignore("out_features", "out_indices", "stage_names", "_out_features", "_out_indices")  # which maps a detector would take
    settings = ResNetSettings(
        channels=fields.whole("num_channels", 3),
        stem="3x3" if architecture == CIFAR else "7x7",
        stem_width=fields.whole("embedding_size", 64),
        widths=fields.wholes("hidden_sizes", (256, 512, 1024, 2048)),
        depths=fields.wholes("depths", (3, 4, 6, 3)),
        layer=fields.choice("layer_type", {"basic": "basic", "bottleneck": "bottleneck"}, "bottleneck"),
        shortcut="padding" if architecture == CIFAR else "projection",
        halve_first=fields.flag("downsample_in_first_stage", False),
        halve_in="1x1" if fields.flag("downsample_in_bottleneck", False) else "3x3",
        classes=classes,
        class_names=names,
    )
    fields.done()
    return "pictures", settings


def home(settings: ResNetSettings) -> str:
    """The architecture of transformers that these settings are; the layout for CIFAR is read here, and nowhere by transformers."""
    for name, value in (("stem", "7x7"), ("shortcut", "projection")):
        if getattr(settings, name) != value:
            raise BadInput(f"model.{name}={getattr(settings, name)!r} has no place in transformers' ResNet, which has {value!r}; it can be exported to onnx.")
    return "ResNetForImageClassification" if settings.classes else "ResNetModel"


def write_config(settings: ResNetSettings, architecture: str) -> dict[str, Any]:
    """A config.json of these settings."""
    return {
        "model_type": "resnet",
        "num_channels": settings.channels,
        "embedding_size": settings.stem_width,
        "hidden_sizes": list(settings.widths),
        "depths": list(settings.depths),
        "layer_type": settings.layer,
        "hidden_act": "relu",
        "downsample_in_first_stage": settings.halve_first,
        "downsample_in_bottleneck": settings.halve_in == "1x1",
        **write_labels(settings.classes, settings.class_names),
    }


def entries(settings: ResNetSettings, architecture: str) -> list[Entry]:
    """Every tensor of the file."""
    return cifar_entries(settings) if architecture == CIFAR else hub_entries(settings, "" if architecture == "ResNetModel" else "resnet.")


def hub_entries(settings: ResNetSettings, prefix: str) -> list[Entry]:
    """The names of transformers."""
    found = normalized(f"{prefix}embedder.embedder.convolution", f"{prefix}embedder.embedder.normalization", "stem")
    for stage, place, parts, changes in layers(settings):
        theirs, ours = f"{prefix}encoder.stages.{stage}.layers.{place}", f"stages.{stage}.{place}"
        for part in range(parts):
            found += normalized(f"{theirs}.layer.{part}.convolution", f"{theirs}.layer.{part}.normalization", f"{ours}.parts.{part}")
        if changes:
            found += normalized(f"{theirs}.shortcut.convolution", f"{theirs}.shortcut.normalization", f"{ours}.shortcut")
    return found + (linear("classifier.1", "classifier") if settings.classes else [])


def cifar_entries(settings: ResNetSettings) -> list[Entry]:
    """The names of the files for CIFAR; their ways around have no parameters."""
    found = normalized("conv1", "bn1", "stem")
    for stage, place, parts, _ in layers(settings):
        for part in range(parts):
            theirs = f"layer{stage + 1}.{place}"
            found += normalized(f"{theirs}.conv{part + 1}", f"{theirs}.bn{part + 1}", f"stages.{stage}.{place}.parts.{part}")
    return found + linear("linear", "classifier")


def layers(settings: ResNetSettings) -> list[tuple[int, int, int, bool]]:
    """Of every layer: its stage, its place in it, how many convolutions it has, and whether it changes the shape."""
    parts, widths = {"basic": 2, "bottleneck": 3}[settings.layer], settings.channels_of_stages()
    changes = [settings.halve_first or widths[0] != widths[1], *(True for _ in widths[2:])]
    return [(stage, place, parts, changes[stage] and place == 0) for stage, depth in enumerate(settings.depths) for place in range(depth)]


def normalized(convolution: str, norm: str, ours: str) -> list[Entry]:
    """A convolution and its batch norm with the running statistics; old files do not count the batches."""
    tensors = [plain(f"{norm}.{name}", f"{ours}.norm.{name}") for name in ("weight", "bias", "running_mean", "running_var")]
    counter = plain(f"{norm}.num_batches_tracked", f"{ours}.norm.num_batches_tracked", optional=True)
    return [plain(f"{convolution}.weight", f"{ours}.convolution.weight"), *tensors, counter]


def recognized(shapes: Mapping[str, tuple[int, ...]], said: Mapping[str, str]) -> dict[str, Any] | None:
    """The config of a file in the layout for CIFAR; None if it is something else. shapes: of its tensors, by name; said: its metadata."""
    places = [match for name in shapes if (match := re.fullmatch(r"layer(\d+)\.(\d+)\.conv1\.weight", name))]
    if not places or not {"conv1.weight", "linear.weight", "bn1.running_mean"} <= set(shapes):
        return None
    stages = sorted({int(match[1]) for match in places})
    classes = shapes["linear.weight"][0]
    named = "cifar10" in said.get("source", "") and classes == len(CIFAR10_CLASSES)
    return {
        "architectures": [CIFAR],
        "num_channels": shapes["conv1.weight"][1],
        "embedding_size": shapes["conv1.weight"][0],
        "hidden_sizes": [shapes[f"layer{stage}.0.conv1.weight"][0] for stage in stages],
        "depths": [sum(int(match[1]) == stage for match in places) for stage in stages],
        "layer_type": "basic",
        "num_labels": classes,
        **({"id2label": {str(place): name for place, name in enumerate(CIFAR10_CLASSES)}} if named else {}),
    }


def supplied(settings: ResNetSettings, said: Mapping[str, str]) -> dict[str, Any]:
    """How pictures are prepared for such a file, if its metadata says it."""
    return {"preparation": to_dict(PREPARATIONS[said["norm"]])} if said.get("norm") in PREPARATIONS else {}
