"""The vision transformer: patches as tokens (statement 4.1a), and DeiT's second token (4.3)."""

import dataclasses
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.errors import BadInput
from workings.layers.dropping import number_places
from workings.layers.linear import Linear
from workings.layers.patches import PatchEmbedding
from workings.models.stack import Stack
from workings.models.vision_settings import VisionSettings


class VisionTransformer(nn.Module):
    """Pictures [B, C, H, W] -> logits [B, classes], or without classes the vectors of all tokens [B, T, D].

    The tokens are <cls>, with distillation the second one, then the patches; the transformer adds their positions.
    Parameters: `patches`; `cls` [D]; `distillation` [D]; `body`, the transformer; `pooler` or `classifier` and `distillation_classifier` [classes, D].
    """

    def __init__(self, settings: VisionSettings):
        super().__init__()
        s = self.settings = settings
        width = s.body.width
        self.patches = PatchEmbedding(s.channels, s.patch_size, width)
        self.cls = nn.Parameter(torch.empty(width))
        self.distillation = nn.Parameter(torch.empty(width)) if s.distillation != "none" else None
        self.body = Stack(s.body)
        self.pooler = Linear(width, s.pooler) if s.pooler else None
        self.classifier = Linear(width, s.classes) if s.classes else None
        self.distillation_classifier = Linear(width, s.classes) if s.distillation == "classifier" else None
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: tokens and heads from N(0, 0.02^2), patches from N(0, 1 / inputs), the transformer as it says itself."""
        self.body.initialize()
        for token in self.first_tokens():
            nn.init.normal_(token, std=0.02)
        for layer in (self.patches.projection, self.pooler, self.classifier, self.distillation_classifier):
            if layer is not None:
                nn.init.normal_(layer.weight, std=layer.in_features**-0.5 if layer is self.patches.projection else 0.02)
                nn.init.zeros_(layer.bias)

    def first_tokens(self) -> list[nn.Parameter]:
        """The tokens that are no patches, in their order."""
        return [token for token in (self.cls, self.distillation) if token is not None]

    def forward(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """Logits [B, classes], the mean of what both classifiers say if there are two; or the vectors of all tokens [B, T, D]. Arguments as `hidden`."""
        y = self.hidden(pictures, record=record)
        said = self.predictions(y)
        return torch.stack(said).mean(0) if said else y

    def hidden(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """The vectors of all tokens after the last norm [B, T, D].

        pictures: [B, C, H, W] of the size that the positions were learned for. record: filled as `Stack.run` does.
        """
        s = self.settings
        if pictures.ndim != 4 or tuple(pictures.shape[1:]) != (s.channels, *s.image_size):
            raise BadInput(
                f"The pictures are {list(pictures.shape)}; this model has learned positions for [pictures, {s.channels}, {', '.join(map(str, s.image_size))}]. "
                "Resize them, or make a model for their size with models.vision_transformer.interpolated."
            )
        patches = self.patches(pictures)
        first = [token.to(patches.dtype).expand(patches.shape[0], 1, -1) for token in self.first_tokens()]
        return self.body.run(torch.cat([*first, patches], dim=1), record=record)

    def predictions(self, hidden: Tensor) -> list[Tensor]:
        """What each classifier says of its token: one or two of [B, classes]; none without classes. hidden: [B, T, D]."""
        heads = [head for head in (self.classifier, self.distillation_classifier) if head is not None]
        return [head(hidden[:, place]) for place, head in enumerate(heads)]

    def heads(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What the classifier says, which learns the labels, and what the second one says, which learns from a teacher (4.3): two of [B, classes].

        With one classifier it is the first twice. In use their mean counts, as `forward` gives it. Arguments as `forward`.
        """
        said = self.predictions(self.hidden(pictures))
        if not said:
            raise BadInput("This model has no classes, so there is nothing that a classifier says; make it with model.classes.")
        return said[0], said[-1]

    def pooled(self, hidden: Tensor) -> Tensor:
        """tanh(W y + b) of the first token, [B, T, D] -> [B, pooler]."""
        if self.pooler is None:
            raise BadInput("This model has no pooler; take the first token's vector, hidden[:, 0].")
        return self.pooler(hidden[:, 0]).tanh()


def interpolated(settings: VisionSettings, state: Mapping[str, Tensor], image_size: tuple[int, int]) -> tuple[VisionSettings, dict[str, Tensor]]:
    """Settings and weights for pictures of another size: the table of positions, as a picture of D channels, resized with cubic polynomials.

    What is no patch keeps its position. Equal to `interpolate_pos_encoding` of transformers.
    """
    new = dataclasses.replace(settings, image_size=image_size)
    table = state["body.positions.weight"]
    extra, grid = table[: settings.extra], table[settings.extra :].t().unflatten(1, settings.grid)  # D rows columns
    grid = F.interpolate(grid[None].float(), size=new.grid, mode="bicubic", align_corners=False)[0]
    return new, {**state, "body.positions.weight": torch.cat([extra, grid.flatten(1).t().to(table.dtype)])}
