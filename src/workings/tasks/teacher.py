"""A trained model of pictures that teaches another one (statement 4.3)."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workings.data.picture_tensors import prepared_tensors
from workings.layers.fast.available import autocast_type
from workings.models.classes import class_order
from workings.models.packed import prepare
from workings.tasks.picture_classifier import PictureClassifier
from workings.weights.hub import locate


class Teacher:
    """A run, a model folder of ours (an ensemble too) or another system's, or a model of the hub: what it says of the pictures that a student sees.

    It is no player of the game: it stays in evaluation mode, no gradient runs through it and no optimizer knows it.
    """

    def __init__(self, path: str | Path):
        self.classifier = PictureClassifier(locate(path))
        self.preparation = self.classifier.ready()
        self.model = self.classifier.model.requires_grad_(False)
        self.dtype = next(self.model.parameters()).dtype
        self.step: Callable[[Tensor], Tensor] = self.classifier.step
        self.place: tuple[torch.device, torch.dtype] = (torch.device("cpu"), self.dtype)
        """Where and in which precision `step` works."""
        self.orders: dict[tuple[str, ...], Tensor] = {}

    def fingerprint(self) -> str:
        """A checksum of its weights: what another teacher says is other data to a student."""
        digest = hashlib.blake2b(digest_size=16)
        for name, tensor in self.model.state_dict().items():
            digest.update(name.encode() + tensor.float().cpu().numpy().tobytes())
        return digest.hexdigest()

    def order(self, names: Sequence[str]) -> list[int]:
        """The place of each of the student's classes among the teacher's; refused if they are not the same classes."""
        return class_order(names, self.classifier.class_names, f"The teacher {self.classifier.folder}", "give a teacher of the same classes")

    @torch.no_grad()
    def logits(self, pictures: Tensor, names: Sequence[str]) -> Tensor:
        """What the teacher says of pictures as the student sees them, augmented and all: prepared its own way, in the order of the student's classes.

        It looks once, whatever views its folder asks for in use: the student looks once too, and each view costs as much as the first.
        pictures: uint8 or float32, 0 ... 255, gray or color, [B, 1 or 3, H, W]; names: of the student's K classes -> [B, K], float32; of an ensemble log p.
        """
        self.settle(pictures.device)
        x = prepared_tensors(pictures, self.preparation)
        said = self.step(x.to(self.dtype)).float().clone()  # a copy, as a student's gradient can hold nothing that was made in inference mode
        key = tuple(names)
        if key not in self.orders:
            self.orders[key] = torch.tensor(self.order(names))
        return said[:, self.orders[key].to(said.device)]

    def settle(self, device: torch.device) -> None:
        """Work where the pictures are, and in the precision of the products around."""
        wanted = (device, autocast_type(torch.empty(0, dtype=self.dtype, device=device)))
        if wanted != self.place:
            self.model.to(device)
            self.step, self.place = prepare(self.model, wanted[1]), wanted


def heads_of(model: nn.Module) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """How to ask a student for what learns the labels and what learns from the teacher, two of [B, K]: its two classifiers, or what it says twice."""
    own: Any = getattr(model, "heads", None)
    if own is not None:
        return own

    def twice(pictures: Tensor) -> tuple[Tensor, Tensor]:
        said = model(pictures)
        return said, said

    return twice
