"""A trained model of pictures for another training to begin with."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from workings.data.picture_settings import Preparation
from workings.errors import BadInput
from workings.models.picture_presets import PICTURE_MODELS
from workings.models.vision_settings import VisionSettings
from workings.models.vision_transformer import interpolated
from workings.settings import from_dict, merge, to_dict
from workings.weights.folder import load_folder
from workings.weights.hub import locate

CLASSIFIERS = ("classifier", "distillation_classifier")
"""How the names of what depends on the classes begin."""


@dataclass
class TrainedPictureModel:
    """What it is, its weights, and how its pictures are prepared."""

    settings: Any
    weights: dict[str, Tensor]
    preparation: Preparation

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width of the pictures that it was trained on."""
        wanted = self.preparation.crop or self.preparation.size
        return (wanted[0], wanted[-1])

    def resized(self, size: tuple[int, int]) -> "TrainedPictureModel":
        """The same for pictures of another size: a vision transformer's table of positions is interpolated; other models refuse, or do not care."""
        if not isinstance(self.settings, VisionSettings) or size == self.settings.image_size:
            return self
        settings, weights = interpolated(self.settings, self.weights, size)
        return replace(self, settings=settings, weights=weights)

    def fitted(self, given: dict[str, Any], names: tuple[str, ...]) -> Any:
        """Its settings with these classes, and with what may be said of them."""
        return from_dict(type(self.settings), merge(to_dict(self.settings), given) | {"classes": len(names), "class_names": list(names)}, "model.")

    def numbers_after(self, how: Preparation) -> Preparation:
        """How pictures are brought to their size for this training, and then made the numbers that the model knows."""
        return replace(how, scale=self.preparation.scale, mean=self.preparation.mean, std=self.preparation.std)

    def weights_for(self, names: tuple[str, ...]) -> dict[str, Tensor]:
        """Its weights; other classes than its own need a classifier of their own."""
        same = self.settings.classes == len(names) and self.settings.class_names in ((), names)
        return self.weights if same else {name: tensor for name, tensor in self.weights.items() if not name.startswith(CLASSIFIERS)}


def trained_picture_model(name: str) -> TrainedPictureModel:
    """That of a run, a model folder of ours or another system's, or a model of the hub, in float32."""
    saved = load_folder(locate(name), torch.float32)
    if saved.task != "pictures" or not isinstance(getattr(saved.model, "settings", None), tuple(PICTURE_MODELS.values())):
        raise BadInput(
            f"{name} holds a model for the task {saved.task!r}, which does not look at single pictures; give one of pictures, such as a ResNet or a ViT."
        )
    if "preparation" not in saved.facts:
        raise BadInput(f"{name} does not say how its pictures are prepared; import the model again with its preprocessor_config.json in the folder.")
    return TrainedPictureModel(saved.model.settings, saved.model.state_dict(), from_dict(Preparation, saved.facts["preparation"], "preparation."))
