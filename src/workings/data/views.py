"""Several views of a picture, whose answers are averaged: the picture, its mirror image, both moved by a pixel (test-time augmentation; 6.1d)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.data.picture_settings import Views
from workings.errors import BadInput, suggest


def mirrored(share: float, x: Tensor) -> list[tuple[float, Tensor]]:
    """A picture and its mirror image, left for right, with half of the share each."""
    return [(share / 2, x), (share / 2, x.flip(-1))]


def moved(x: Tensor) -> list[Tensor]:
    """A picture one pixel down and to the right, and one up and to the left; what comes in is the mirror image of the border."""
    height, width = x.shape[-2:]
    around = F.pad(x, (1, 1, 1, 1), "reflect")
    return [around[..., :height, :width], around[..., 2:, 2:]]


VIEWS: dict[Views, Callable[[Tensor], list[tuple[float, Tensor]]]] = {
    "one": lambda x: [(1.0, x)],
    "mirror": lambda x: mirrored(1, x),
    "mirror-shift": lambda x: [*mirrored(1 / 2, x), *(view for y in moved(x) for view in mirrored(1 / 4, y))],
}
"""Name -> what each view counts, and the view. Pictures that are moved count half (Jordan 2024)."""


def averaged(step: Callable[[Tensor], Tensor], pictures: Tensor, views: Views) -> Tensor:
    """The weighted mean of the logits over the views, float32 or wider. step: prepared pictures [B, C, H, W] -> [B, classes], called for each view."""
    if views not in VIEWS:
        raise BadInput(f"There is no choice of views {views!r}. {suggest(str(views), VIEWS)}")
    wide = torch.promote_types(pictures.dtype, torch.float32)
    return sum((share * step(x).to(wide) for share, x in VIEWS[views](pictures)), start=pictures.new_zeros(1, dtype=wide))
