"""The compact convolutional transformer (Hassani et al. 2021; statements 4.1a, 6.1d): a vision transformer for little data."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.dropping import number_places
from workings.layers.initialization import INITIALIZATIONS, initialize_classifier
from workings.layers.linear import Linear
from workings.models.compact_settings import CompactSettings
from workings.models.picture_input import check_pictures
from workings.models.stack import Stack, note


class CompactTransformer(nn.Module):
    """Pictures [B, C, H, W] -> logits [B, classes], or without classes the weighted mean of the tokens [B, D].

    Tokens are the pixels of pool(relu(W * ... pool(relu(W * x)))), so that they overlap, where patches do not; the transformer adds their positions.
    In the place of <cls> a mean: y = sum_t softmax(g . y_t + c)_t y_t.
    Parameters: `convolutions.{i}` [outputs, inputs, 3, 3]; `body`, the transformer; `attention_pool` g [1, D] and c; `classifier` [classes, D].
    """

    def __init__(self, settings: CompactSettings):
        super().__init__()
        s = self.settings = settings
        outputs = (*s.convolutions, s.body.width)
        self.convolutions = nn.ModuleList(nn.Conv2d(n, m, 3, padding=1, bias=False) for n, m in zip((s.channels, *s.convolutions), outputs, strict=True))
        self.body = Stack(s.body)
        self.attention_pool = Linear(s.body.width, 1)
        self.classifier = Linear(s.body.width, s.classes) if s.classes else None
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: convolutions from N(0, 2 / fan-in), the transformer as it says itself, the mean unweighted, the classifier small."""
        for convolution in self.convolutions:
            INITIALIZATIONS["he"](convolution.weight)
        self.body.initialize()
        nn.init.zeros_(self.attention_pool.weight)
        nn.init.zeros_(self.attention_pool.bias)
        initialize_classifier(self.classifier)

    def forward(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """Logits [B, classes], or the weighted mean of the tokens. Arguments as `hidden`."""
        y = self.pooled(self.hidden(pictures, record=record))
        return y if self.classifier is None else self.classifier(y)

    def hidden(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """The vectors of all tokens [B, T, D]. pictures: [B, C, H, W]. record: filled with "convolution.{i}" and as `Stack.run` does."""
        check_pictures(pictures, self.settings.channels, self.settings.image_size)
        x = pictures
        for number, convolution in enumerate(self.convolutions):
            x = F.max_pool2d(F.relu(convolution(x)), 3, stride=2, padding=1)
            note(record, f"convolution.{number}", x)
        return self.body.run(x.flatten(2).transpose(1, 2), record=record)

    def pooled(self, y: Tensor) -> Tensor:
        """sum_t softmax(g . y_t + c)_t y_t, [B, T, D] -> [B, D]."""
        return (self.attention_pool(y).softmax(1) * y).sum(1)
