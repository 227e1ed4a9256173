"""The convolutional network that learns in the fewest operations: whitened windows, filters that begin as the identity (Jordan 2024; statements 6.1b, 6.2b)."""

import torch
from torch import Tensor, nn

from workings.layers.convolution import ActivatedConvolution
from workings.layers.fast.pointwise import gelu
from workings.layers.linear import Linear
from workings.layers.whitening import Whitening
from workings.models.picture_input import check_pictures
from workings.models.whitened_settings import WhitenedSettings


class Stage(nn.ModuleList):
    """gelu(N(P(W * x))), then gelu(N(W * x)) of each further convolution; with three or more, the last one's N has the first one's result added."""

    def __init__(self, inputs: int, outputs: int, depth: int):
        super().__init__([ActivatedConvolution(inputs if place == 0 else outputs, outputs, pool=place == 0) for place in range(depth)])

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H / 2, W / 2], rounded down."""
        first, *others = self
        x = start = first(x)
        for number, part in enumerate(others, start=2):
            x = part(x, start if number == len(self) > 2 else None)
        return x


class WhitenedCNN(nn.Module):
    """Pictures [B, C, H, W] -> logits [B, classes], or without classes the largest over pixels [B, widths[-1]].

    y = the largest over the pixels, in each channel, of what leaves the last stage; the logits are V y / widths[-1], V from N(0, 1).
    Parameters: `stages.{s}.{l}`, a convolution with the bias of its norm, `classifier` V [classes, widths[-1]]; the buffers of `whitening` are computed.
    """

    def __init__(self, settings: WhitenedSettings):
        super().__init__()
        s = self.settings = settings
        self.whitening = Whitening(s.channels)
        inputs = (len(self.whitening.bias), *s.widths[:-1])
        self.stages = nn.ModuleList(Stage(n, m, s.depth) for n, m in zip(inputs, s.widths, strict=True))
        self.classifier = Linear(s.widths[-1], s.classes, bias=False) if s.classes else None
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew."""
        self.whitening.initialize()
        for stage in self.stages:
            for part in stage.children():
                part.initialize()
        if self.classifier is not None:
            nn.init.normal_(self.classifier.weight)

    def prepare(self, pictures: Tensor) -> None:
        """Whiten: once, before training, with some thousand of the pictures that will be learned from, as the model sees them [B, C, H, W]."""
        check_pictures(pictures, self.settings.channels, self.settings.image_size)
        self.whitening.fit(pictures)

    def forward(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """Logits [B, classes], or the largest over pixels. Arguments as `hidden`."""
        y = self.hidden(pictures, record=record).amax((2, 3))
        return y if self.classifier is None else self.classifier(y) / self.settings.widths[-1]

    def hidden(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """The last stage's map [B, channels, h, w]. pictures: [B, C, H, W]. record: a dict that is filled with "embedding", then "hidden.{s}"."""
        check_pictures(pictures, self.settings.channels, self.settings.image_size)
        x = gelu(self.whitening(pictures.contiguous(memory_format=torch.channels_last)))
        x = x.contiguous(memory_format=torch.channels_last)  # with one channel, a picture does not say how its numbers lie
        if record is not None:
            record["embedding"] = x
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if record is not None:
                record[f"hidden.{number}"] = x
        return x
