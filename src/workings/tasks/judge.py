"""A trained classifier that judges drawn pictures: the features by which sets of pictures are compared, and what each picture is taken for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from workings.data.picture_settings import Preparation
from workings.data.picture_tensors import prepared_tensors
from workings.errors import BadInput
from workings.models.classes import listed
from workings.models.ensemble import Ensemble
from workings.tasks.picture_classifier import PictureClassifier
from workings.tasks.pictures import at_once
from workings.tasks.trained_picture_model import CLASSIFIERS
from workings.weights.ensemble import member_folders
from workings.weights.hub import locate


class Seen(NamedTuple):
    """What a judge sees in N pictures."""

    features: Tensor
    """What its last linear map reads, [N, F], float32."""
    logits: Tensor
    """[N, K], float32."""


class Judge:
    """A classifier with its name, which every distance on its features is said with: another judge gives other numbers.

    It stays in evaluation mode, no gradient runs through it, and it looks once at a picture, whatever views its folder asks for in use.
    """

    def __init__(self, name: str, model: nn.Module, preparation: Preparation, names: Sequence[str]):
        self.name, self.model, self.preparation, self.names = name, model.eval(), preparation, tuple(names)
        self.heads: list[nn.Module] = [head for one in CLASSIFIERS if isinstance(head := getattr(model, one, None), nn.Module)]
        """The last linear maps: one, or of a model with a second classifier two, whose features lie side by side."""

    def features(self, pictures: Tensor) -> Tensor:
        """What the last linear map reads: uint8 [N, C, H, W] of any size, gray or color -> float32 [N, F]."""
        return self.look(pictures).features

    def logits(self, pictures: Tensor) -> Tensor:
        """What is said of each picture: uint8 [N, C, H, W] -> float32 [N, K], in the order of `names`."""
        return self.look(pictures).logits

    @torch.no_grad()
    def look(self, pictures: Tensor) -> Seen:
        """Both, in one pass. Pictures are brought to the judge's size and channels as its folder says; uint8 [N, C, H, W]."""
        read: list[Tensor] = []
        hooks = [head.register_forward_pre_hook(lambda _, given: read.append(given[0].float().cpu())) for head in self.heads]
        first = next(self.model.parameters())
        features, logits = [], []
        try:
            for some in pictures.split(at_once((self.preparation.channels, *self.size(pictures)))):
                read.clear()
                logits.append(self.model(prepared_tensors(some.to(first.device), self.preparation).to(first.dtype)).float().cpu())
                features.append(torch.cat(read, dim=1))
        finally:
            for hook in hooks:
                hook.remove()
        return Seen(torch.cat(features), torch.cat(logits))

    def size(self, pictures: Tensor) -> tuple[int, int]:
        """Height and width of what the model sees of these pictures."""
        wanted = self.preparation.crop or self.preparation.size or tuple(pictures.shape[2:])
        return wanted[0], wanted[-1]

    def check(self, names: Sequence[str]) -> None:
        """Refuse classes that the judge does not know."""
        unknown = sorted(set(names) - set(self.names))
        if unknown:
            raise BadInput(f"The judge {self.name} does not know the classes {listed(unknown)}, but {listed(self.names)}; give one that was trained on them.")

    def right(self, logits: Tensor, labels: Sequence[str]) -> float:
        """The part of the pictures that are taken for what they were meant to be. logits: [N, K]; labels: N names."""
        self.check(labels)
        wanted = torch.tensor([self.names.index(label) for label in labels])
        return float((logits.argmax(1) == wanted).double().mean())


def open_judge(source: str | Path) -> Judge:
    """The judge that is a run, a model's folder or file of ours or another system's, or a model of the hub; in float32."""
    folder = locate(source)
    classifier = PictureClassifier(folder, torch.float32)
    if isinstance(classifier.model, Ensemble):
        members: Any = member_folders(folder)
        raise BadInput(f"{source} is an ensemble, whose members have features of their own each; judge with one of them, such as {members[0]}.")
    return Judge(name_of(folder), classifier.model, classifier.ready(), classifier.class_names)


def name_of(folder: Path) -> str:
    """What the judge is called: its file or folder without what is before and after its name; of RUN/model the run."""
    place = folder.resolve()
    return place.parent.name if place.name == "model" else place.name.removesuffix(".safetensors")
