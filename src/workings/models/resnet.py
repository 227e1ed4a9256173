"""The residual network for pictures (He et al. 2016; statements 1.1e, 6.2b)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.errors import BadInput
from workings.layers.convolution import NormalizedConvolution, make_shortcut
from workings.layers.dropping import StochasticDepth, number_places
from workings.layers.linear import Linear
from workings.models.resnet_settings import ResNetSettings


class ResidualLayer(nn.Module):
    """x -> relu(S x + N(W * ... relu(N(W * x)))): `parts` are the convolutions with their norms, `shortcut` is S.

    skipped: the probability with which, in training, only S x is left of a picture (4.2a).
    """

    def __init__(self, settings: ResNetSettings, inputs: int, outputs: int, stride: int, skipped: float = 0.0):
        super().__init__()
        parts = {"basic": self.basic, "bottleneck": self.bottleneck}[settings.layer](settings, inputs, outputs, stride)
        self.parts = nn.ModuleList(parts)
        self.shortcut = make_shortcut(settings.shortcut, inputs, outputs, stride)
        self.depth = StochasticDepth(skipped)

    @staticmethod
    def basic(settings: ResNetSettings, inputs: int, outputs: int, stride: int) -> list[NormalizedConvolution]:
        """Two 3 x 3 convolutions; the first halves."""
        return [NormalizedConvolution(inputs, outputs, 3, stride), NormalizedConvolution(outputs, outputs, 3)]

    @staticmethod
    def bottleneck(settings: ResNetSettings, inputs: int, outputs: int, stride: int) -> list[NormalizedConvolution]:
        """1 x 1 to a quarter of the channels, 3 x 3, 1 x 1 back; the one that `halve_in` names halves."""
        inner, (first, middle) = outputs // 4, {"1x1": (stride, 1), "3x3": (1, stride)}[settings.halve_in]
        return [NormalizedConvolution(inputs, inner, 1, first), NormalizedConvolution(inner, inner, 3, middle), NormalizedConvolution(inner, outputs, 1)]

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H / stride, W / stride]."""
        y = x
        for part in self.parts[:-1]:
            y = F.relu(part(y))
        return F.relu(self.depth(self.parts[-1](y)) + self.shortcut(x))


class ResNet(nn.Module):
    """Pictures [B, C, H, W] -> logits [B, classes], or without classes the mean over pixels [B, channels of the last stage].

    Parameters: `stem`; `stages.{s}.{l}.parts.{i}` and `.shortcut`; `classifier` [classes, channels], each convolution with its batch norm.
    """

    def __init__(self, settings: ResNetSettings):
        super().__init__()
        s = self.settings = settings
        size, stride = {"7x7": (7, 2), "3x3": (3, 1)}[s.stem]
        self.stem = NormalizedConvolution(s.channels, s.stem_width, size, stride)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1) if s.stem == "7x7" else nn.Identity()
        self.stages = nn.ModuleList()
        layers = sum(s.depths)
        skipped = iter([s.stochastic_depth * (layer / (layers - 1) if layers > 1 else 1.0) for layer in range(layers)])
        for stage, (inputs, outputs, depth) in enumerate(zip(s.channels_of_stages(), s.widths, s.depths, strict=False)):
            stride = 2 if stage > 0 or s.halve_first else 1
            shapes = [(inputs, outputs, stride), *[(outputs, outputs, 1)] * (depth - 1)]
            self.stages.append(nn.Sequential(*(ResidualLayer(s, *shape, skipped=next(skipped)) for shape in shapes)))
        self.classifier = Linear(s.widths[-1], s.classes) if s.classes else None
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: convolutions from N(0, 2 / (outputs K^2)) (He et al. 2015), norms as the identity, each last one as `last_norm` says."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
        for layer in self.modules():
            if isinstance(layer, ResidualLayer) and self.settings.last_norm == "zero":
                nn.init.zeros_(layer.parts[-1].norm.weight)
        if self.classifier is not None:
            nn.init.normal_(self.classifier.weight, std=0.2 * self.classifier.in_features**-0.5)  # the first loss is ln classes
            nn.init.zeros_(self.classifier.bias)

    def forward(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """Logits [B, classes], or the pooled features where there is no classifier. Arguments as `hidden`."""
        return self.predict(self.pooled(self.hidden(pictures, record=record)))

    def hidden(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """The last stage's map [B, channels, h, w].

        pictures: [B, C, H, W] of any size. record: a dict that is filled with "embedding", what leaves the stem, and "hidden.{s}", what leaves stage s.
        """
        if pictures.ndim != 4 or pictures.shape[1] != self.settings.channels:
            raise BadInput(f"The pictures are {list(pictures.shape)}; this model takes [pictures, {self.settings.channels}, height, width].")
        x = self.pool(F.relu(self.stem(pictures)))
        if record is not None:
            record["embedding"] = x
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if record is not None:
                record[f"hidden.{number}"] = x
        return x

    def pooled(self, hidden: Tensor) -> Tensor:
        """The mean over pixels. [B, channels, h, w] -> [B, channels]."""
        return F.adaptive_avg_pool2d(hidden, 1).flatten(1)

    def predict(self, pooled: Tensor) -> Tensor:
        """W y + b, or y without a classifier. [B, channels] -> [B, classes]."""
        return pooled if self.classifier is None else self.classifier(pooled)
