"""A trained model of pictures that teaches another one (statement 4.3)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workings.data.picture_tensors import prepared_tensors
from workings.errors import BadInput
from workings.layers.fast.available import autocast_type
from workings.models.packed import prepare
from workings.tasks.picture_classifier import PictureClassifier
from workings.weights.hub import locate

SHOWN = 5
"""So many names are said of classes that one side lacks."""


class Teacher:
    """A run, a model folder of ours (an ensemble too) or another system's, or a model of the hub: what it says of the pictures that a student sees.

    It is no player of the game: it stays in evaluation mode, no gradient runs through it and no optimizer knows it.
    """

    def __init__(self, path: str | Path):
        self.classifier = PictureClassifier(locate(path))
        self.classifier.check()
        self.model = self.classifier.model.requires_grad_(False)
        self.preparation = self.classifier.preparation
        self.dtype = next(self.model.parameters()).dtype
        self.step: Callable[[Tensor], Tensor] = self.classifier.step
        self.place: tuple[torch.device, torch.dtype] = (torch.device("cpu"), self.dtype)
        """Where and in which precision `step` works."""
        self.orders: dict[tuple[str, ...], Tensor] = {}

    def order(self, names: Sequence[str]) -> list[int]:
        """The place of each of the student's classes among the teacher's; refused if they are not the same classes."""
        mine, path = self.classifier.class_names, self.classifier.folder
        for missing, who in (([n for n in names if n not in mine], "the teacher does not"), ([n for n in mine if n not in names], "only the teacher does")):
            if missing:
                said = ", ".join(map(repr, missing[:SHOWN])) + (f" and {len(missing) - SHOWN:,} more" if len(missing) > SHOWN else "")
                raise BadInput(f"{path} cannot teach {len(names):,} classes with its {len(mine):,}: {who} know {said}; give a teacher of the same classes.")
        place = {name: number for number, name in enumerate(mine)}
        return [place[name] for name in names]

    @torch.no_grad()
    def logits(self, pictures: Tensor, names: Sequence[str]) -> Tensor:
        """What the teacher says of pictures as the student sees them, augmented and all: prepared its own way, in the order of the student's classes.

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
