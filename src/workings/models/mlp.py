"""The fully connected network (statement 6.2a)."""

import torch
from torch import Tensor, nn

from workings.layers.dropping import Dropout, number_places
from workings.layers.feed_forward import PHI
from workings.layers.initialization import initialize, initialize_classifier
from workings.layers.linear import Linear
from workings.layers.norms import make_norm
from workings.models.mlp_settings import MLPSettings
from workings.models.picture_input import check_pictures


class MLP(nn.Module):
    """Pictures [B, C, H, W] -> logits [B, classes], or without classes the last hidden layer y^L [B, widths[-1]].

    y^0 is all numbers of a picture, y^l = phi(N(W^l y^{l-1} + b^l)), and the logits are W y^L + b; of y^0, without hidden layers: logistic regression.
    Parameters: `layers.{l}` [widths[l], inputs], `norms.{l}` if there are norms, `classifier` [classes, the last width].
    """

    def __init__(self, settings: MLPSettings):
        super().__init__()
        s = self.settings = settings
        *inputs, last = (s.channels * s.image_size[0] * s.image_size[1], *s.widths)
        self.layers = nn.ModuleList(Linear(n, m) for n, m in zip(inputs, s.widths, strict=True))
        self.norms = nn.ModuleList(make_norm("layer", width, 1e-5, True) if s.norm == "layer" else nn.Identity() for width in s.widths)
        self.dropout = nn.ModuleList(Dropout(s.dropout) for _ in s.widths)
        self.phi = PHI[s.phi]
        self.classifier = Linear(last, s.classes) if s.classes else None
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: hidden layers as `initialization` says, the classifier small."""
        initialize(self, self.settings.initialization)
        initialize_classifier(self.classifier)

    def forward(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """Logits [B, classes], or the last hidden layer. Arguments as `hidden`."""
        y = self.hidden(pictures, record=record)
        return y if self.classifier is None else self.classifier(y)

    def hidden(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """The last hidden layer [B, widths[-1]]. pictures: [B, C, H, W]. record: a dict that is filled with "hidden.{l}"."""
        check_pictures(pictures, self.settings.channels, self.settings.image_size)
        y = pictures.flatten(1)
        for number, (layer, norm, dropout) in enumerate(zip(self.layers, self.norms, self.dropout, strict=True)):
            y = dropout(self.phi(norm(layer(y))))
            if record is not None:
                record[f"hidden.{number}"] = y
        return y
