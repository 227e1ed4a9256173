"""The plain convolutional network (statements 6.1d, 6.2b)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.convolution import make_convolution
from workings.layers.dropping import Dropout, number_places
from workings.layers.initialization import initialize, initialize_classifier
from workings.layers.linear import Linear
from workings.models.cnn_settings import CNNSettings
from workings.models.picture_input import check_pictures

POOLS = {"max": F.max_pool2d, "mean": F.avg_pool2d}
"""What is kept of 2 x 2 pixels."""


class CNN(nn.Module):
    """Pictures [B, C, H, W] -> logits [B, classes], or without classes the mean over pixels [B, channels of the last stage].

    Stages of relu(N(W * x)), each map but the last pooled to half its size (a side of one pixel stays), the mean over pixels, W y + b.
    Parameters: `stages.{s}.{l}`, a convolution with its batch norm (or with its bias), `classifier` [classes, widths[-1]].
    """

    def __init__(self, settings: CNNSettings):
        super().__init__()
        s = self.settings = settings
        self.stages = nn.ModuleList()
        for inputs, outputs, depth in zip((s.channels, *s.widths), s.widths, s.depths, strict=False):
            parts = (make_convolution(s.norm, inputs if place == 0 else outputs, outputs) for place in range(depth))
            self.stages.append(nn.ModuleList(parts))
        self.pool = POOLS[s.pool]
        self.dropout = Dropout(s.dropout)
        self.classifier = Linear(s.widths[-1], s.classes) if s.classes else None
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: convolutions as `initialization` says, the classifier small."""
        initialize(self, self.settings.initialization)
        initialize_classifier(self.classifier)

    def forward(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """Logits [B, classes], or the mean over pixels. Arguments as `hidden`."""
        y = self.dropout(self.hidden(pictures, record=record).mean((2, 3)))
        return y if self.classifier is None else self.classifier(y)

    def hidden(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """The last stage's map [B, channels, h, w]. pictures: [B, C, H, W]. record: a dict that is filled with "hidden.{s}", what leaves stage s."""
        check_pictures(pictures, self.settings.channels, self.settings.image_size)
        x = pictures
        for number, stage in enumerate(self.stages):
            x = x if number == 0 else self.pool(x, [min(2, side) for side in x.shape[2:]])
            for part in stage.children():
                x = F.relu(part(x))
            if record is not None:
                record[f"hidden.{number}"] = x
        return x
