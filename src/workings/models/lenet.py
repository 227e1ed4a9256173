"""LeNet, the first convolutional network that read digits (LeCun et al. 1998; statement 6.2b), with ReLU and the largest of 2 x 2 pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.initialization import initialize, initialize_classifier
from workings.layers.linear import Linear
from workings.models.lenet_settings import WINDOW, LeNetSettings
from workings.models.picture_input import check_pictures


class LeNet(nn.Module):
    """Pictures [B, C, H, W] -> logits [B, classes], or without classes the hidden layer [B, hidden].

    x^s = relu(W^s * P(x^{s-1}) + b^s), P the largest of 2 x 2 pixels and the identity for s = 1; a window stays inside of the map, whose border of 2 pixels
    is so taken off. Then y = relu(V x^S + c) of all numbers of the last map, and the logits W y + b. Unlike `CNN`, it knows where in a picture something is.
    Parameters: `convolutions.{s}` [widths[s], inputs, 5, 5]; `hidden_layer` V [hidden, numbers]; `classifier` [classes, hidden].
    """

    def __init__(self, settings: LeNetSettings):
        super().__init__()
        s = self.settings = settings
        self.convolutions = nn.ModuleList(nn.Conv2d(n, m, WINDOW) for n, m in zip((s.channels, *s.widths), s.widths, strict=False))
        height, width = s.last_map()
        self.hidden_layer = Linear(s.widths[-1] * height * width, s.hidden)
        self.classifier = Linear(s.hidden, s.classes) if s.classes else None
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: as `initialization` says, the classifier small."""
        initialize(self, self.settings.initialization)
        initialize_classifier(self.classifier)

    def forward(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """Logits [B, classes], or the hidden layer. Arguments as `hidden`."""
        y = F.relu(self.hidden_layer(self.hidden(pictures, record=record).flatten(1)))
        return y if self.classifier is None else self.classifier(y)

    def hidden(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """The last map [B, widths[-1], h, w]. pictures: [B, C, H, W]. record: a dict that is filled with "hidden.{s}", what leaves convolution s."""
        check_pictures(pictures, self.settings.channels, self.settings.image_size)
        x = pictures
        for number, convolution in enumerate(self.convolutions):
            x = F.relu(convolution(x if number == 0 else F.max_pool2d(x, 2)))
            if record is not None:
                record[f"hidden.{number}"] = x
        return x
