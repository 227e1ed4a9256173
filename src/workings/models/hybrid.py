"""Attention in a residual network (statement 4.1b): the last map, 2048 x 7 x 7 in a ResNet-50, attended as 49 tokens of 2048."""

import torch
from torch import Tensor, nn

from workings.layers.dropping import number_places
from workings.layers.initialization import initialize_classifier, zero_residuals
from workings.layers.linear import Linear
from workings.models.hybrid_settings import HybridSettings
from workings.models.picture_input import check_pictures
from workings.models.resnet import ResNet
from workings.models.stack import Stack, note


class Hybrid(nn.Module):
    """Pictures [B, C, H, W] -> logits [B, classes], or without classes the mean of the tokens [B, D].

    x_t is the vector of the D channels at pixel t of the ResNet's last map, in reading order; the transformer adds where it stands; the logits are
    W mean_t y_t + b. Parameters: `resnet`, `body`, `classifier` [classes, D].
    """

    def __init__(self, settings: HybridSettings):
        super().__init__()
        s = self.settings = settings
        self.resnet = ResNet(s.resnet)
        self.body = Stack(s.body)
        self.classifier = Linear(s.body.width, s.classes) if s.classes else None
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew, each part as it says itself; with `last_maps` at zero the transformer begins as the identity. The classifier is small."""
        self.resnet.initialize()
        self.body.initialize()
        if self.settings.last_maps == "zero":
            zero_residuals(self.body)
        initialize_classifier(self.classifier)

    def forward(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """Logits [B, classes], or the mean of the tokens. Arguments as `hidden`."""
        y = self.hidden(pictures, record=record).mean(1)
        return y if self.classifier is None else self.classifier(y)

    def hidden(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """The vectors of all tokens [B, T, D]. pictures: [B, C, H, W]. record: filled with "map" [B, D, h, w] and as `Stack.run` does."""
        check_pictures(pictures, self.settings.channels, self.settings.image_size)
        x = self.resnet.hidden(pictures)
        note(record, "map", x)
        return self.body.run(x.flatten(2).transpose(1, 2), record=record)
