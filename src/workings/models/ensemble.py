"""Several models of pictures as one: the mean of their probabilities (statement 6.1c)."""

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from workings.data.picture_settings import Preparation, Views
from workings.data.picture_tensors import prepared_tensors
from workings.data.views import averaged
from workings.models.classes import class_order, names_of
from workings.models.ensemble_settings import EnsembleSettings

Say = Callable[[Tensor], Tensor]
"""From prepared pictures [B, C, H, W] to the logits of a member, [B, classes]."""


def log_mean(logits: Sequence[Tensor]) -> Tensor:
    """log p with p = (1 / M) sum_m softmax(z_m), in float32 at least. logits: M of z_m [B, K] -> [B, K]; their softmax is p."""
    each = [z.to(torch.promote_types(z.dtype, torch.float32)).log_softmax(-1) for z in logits]
    return torch.stack(each).logsumexp(0) - math.log(len(each))


class Ensemble(nn.Module):
    """Pictures [B, C, H, W] -> log p [B, classes], p = (1 / M) sum_m softmax(z_m): the mean of what the members think probable (6.1c).

    Where the members prepare pictures in different ways, the ensemble takes them as they are, levels of 0 ... 255, and each member prepares them its own way.
    A member whose folder asks for several views of a picture is asked for all of them, and the mean of its logits over them is what it says.
    The classes of each member are put into the order of the ensemble's by their names.
    """

    def __init__(self, settings: EnsembleSettings, members: Sequence[nn.Module], preparations: Sequence[Preparation] = (), views: Sequence[Views] = ()):
        """preparations: of each member; none if the pictures come prepared for all of them. views: how each looks at a picture; none if all look once."""
        super().__init__()
        self.settings, self.preparations, self.views = settings, tuple(preparations), tuple(views) or ("one",) * len(members)
        self.members = nn.ModuleList(members)
        self.orders = [class_order(settings.class_names, names_of(m.settings), "A member", "combine models of the same classes") for m in members]

    def forward(self, pictures: Tensor) -> Tensor:
        """[B, C, H, W], levels or prepared, as the class says -> log p [B, classes]."""
        return self.mean(pictures, self.members)

    def mean(self, pictures: Tensor, members: Iterable[Say]) -> Tensor:
        """The same asked of the members in another way that says the same, such as packed for use."""
        said = []
        for number, (member, own) in enumerate(zip(members, self.members, strict=True)):
            x = prepared_tensors(pictures, self.preparations[number]) if self.preparations else pictures
            said.append(averaged(member, x.to(next(own.parameters()).dtype), self.views[number])[:, self.orders[number]])
        return log_mean(said)
