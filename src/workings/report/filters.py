"""The filters of a model's first layer as pictures: what it looks for in the pixels themselves."""

import torch
from torch import Tensor, nn

from workings.layers.patches import PatchEmbedding
from workings.layers.whitening import Whitening
from workings.models.mlp import MLP
from workings.report.pages import Section, render
from workings.report.rasters import embedded, mosaic

SHOWN = 64
"""The most filters that are shown: those with the largest weights."""
COLUMNS, WIDE, MOST = 16, 840, 12
"""Filters in a row, about how many pixels of a page a row may take, and by how much it is magnified at most."""


def first_filters(model: nn.Module) -> Tensor | None:
    """The weights that meet the pixels, as pictures: of the first convolution, of patches, or of a fully connected layer. -> [n, C, h, w].

    None of a model that begins otherwise, or whose pixels have neither one number nor three.
    """
    for module in model.modules():
        if isinstance(module, MLP):
            sizes = (module.settings.channels, *module.settings.image_size)
            filters = module.get_parameter("layers.0.weight").unflatten(1, sizes)
        elif isinstance(module, PatchEmbedding):
            filters = module.projection.weight.unflatten(1, (-1, module.height, module.width))
        elif isinstance(module, (nn.Conv2d, Whitening)):
            filters = module.weight
        else:
            continue
        return filters.detach().float() if filters.shape[1] in (1, 3) else None
    return None


def as_pictures(filters: Tensor) -> Tensor:
    """Weights as levels: 0 is gray, the largest of each filter is full. [n, C, h, w] -> uint8."""
    most = filters.abs().flatten(1).amax(1).clamp(min=torch.finfo(torch.float32).tiny)
    return (127.5 + 127.5 * filters / most[:, None, None, None]).round().byte()


def filter_section(model: nn.Module) -> list[Section]:
    """The filters as one picture, those with the largest weights first; nothing of a model that has none to show."""
    filters = first_filters(model)
    if filters is None:
        return []
    order = filters.flatten(1).norm(dim=1).argsort(descending=True, stable=True)[:SHOWN]
    sheet = mosaic(as_pictures(filters[order]), min(COLUMNS, len(order)))
    side = min(WIDE, MOST * sheet.shape[2])
    page = render("filters.html", drawn=embedded(sheet, side), shown=len(order), all=len(filters), size=tuple(filters.shape[2:]))
    return [Section("What the first layer looks for", page)]
