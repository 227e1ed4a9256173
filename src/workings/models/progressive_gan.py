"""Players that grow with the pictures (Karras et al. 2018; statements 5.2c, 5.2d)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.errors import BadInput
from workings.layers.equalized import GAIN, EqualizedConvolution, EqualizedLinear, initialize_equalized
from workings.layers.labels import LabelPlane, Projection
from workings.layers.picture_norms import minibatch_deviation, pixel_norm
from workings.models.gan_settings import ProgressiveSettings
from workings.models.growth import Growth, doubled, faded, growth, halved

SLOPE = 0.2
"""Of the leaky ReLU below 0."""


class Growing(nn.Module):
    """What both players share: how many real pictures have been shown, from which follows how far they have grown.

    Buffers: `seen`, int64, so that checkpoints and model folders know it.
    """

    def __init__(self, settings: ProgressiveSettings):
        super().__init__()
        self.settings = settings
        self.seen = nn.Buffer(torch.zeros((), dtype=torch.int64))

    @property
    def growth(self) -> Growth:
        """The size that is drawn now, and how much of it is faded in."""
        s = self.settings
        return growth(int(self.seen), s.doublings, s.stable, s.fade)


class ProgressiveGenerator(Growing):
    """Latents [B, latent] -> pictures [B, C, h, w] of the size that has been reached, around -1 ... 1.

    h = P(f(W P(z) + V_y)), P(f(K * h)) at the first size; at each size after it h doubled, P(f(K * h)) twice; with f leaky ReLU and P pixel norm.
    A picture is a 1 x 1 convolution of h, faded with the doubled picture of the size before.
    Parameters: `project` W, `labels` V where there are labels, `stages.{k}.{l}` the convolutions at size k, `pictures.{k}`.
    """

    def __init__(self, settings: ProgressiveSettings):
        super().__init__(settings)
        s, widths = settings, settings.widths
        first = widths[0] * s.start[0] * s.start[1]
        self.project = EqualizedLinear(s.latent, first)
        self.labels = nn.Embedding(s.classes, first) if s.classes else None
        self.stages = nn.ModuleList([nn.ModuleList([EqualizedConvolution(widths[0], widths[0], 3)])])
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            self.stages.append(nn.ModuleList([EqualizedConvolution(inputs, outputs, 3), EqualizedConvolution(outputs, outputs, 3)]))
        self.pictures = nn.ModuleList(EqualizedConvolution(width, s.channels, 1, gain=1.0) for width in widths)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew; a label's part of the first map is as large as the latents'."""
        initialize_equalized(self)
        if self.labels is not None:
            nn.init.normal_(self.labels.weight, std=GAIN)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z: [B, latent]; labels: int64 [B], where there are labels."""
        now, s = self.growth, self.settings
        h = self.project(pixel_norm(z))
        if self.labels is not None:
            h = h + self.labels(labels)
        h = before = pixel_norm(F.leaky_relu(h.view(len(z), -1, *s.start), SLOPE))
        for number in range(now.stage + 1):
            before = h
            h = h if number == 0 else doubled(h)
            for convolution in self.stages[number].children():
                h = pixel_norm(F.leaky_relu(convolution(h), SLOPE))
        drawn = self.pictures[now.stage](h)
        return drawn if now.alpha == 1 else faded(doubled(self.pictures[now.stage - 1](before)), drawn, now.alpha)


class ProgressiveDiscriminator(Growing):
    """Pictures [B, C, h, w] of the size that has been reached -> one score each [B].

    h = f(K * x), a 1 x 1 convolution; at each size but the first f(K * h) twice, then halved, faded with f(K * x) of the halved picture; at the first size the
    minibatch deviation, f(K * h), f(W h), w . h + b, and c V_y . (sum over pixels of h), equalized too, where it is told the labels by projection.
    Parameters: `pictures.{k}`, `stages.{k}.{l}`, `last` W, `score` w, b; `plane` or `projection` where there are labels.
    """

    def __init__(self, settings: ProgressiveSettings):
        super().__init__(settings)
        s, widths = settings, settings.widths
        self.plane = LabelPlane(s.classes, s.start) if s.classes and s.conditioning == "plane" else None
        self.projection = (
            Projection(s.classes, widths[0], 1.0, widths[0] ** -0.5 / (s.start[0] * s.start[1])) if s.classes and s.conditioning == "projection" else None
        )
        self.pictures = nn.ModuleList(EqualizedConvolution(s.channels + (self.plane is not None), width, 1) for width in widths)
        self.stages = nn.ModuleList([nn.ModuleList([EqualizedConvolution(widths[0] + 1, widths[0], 3)])])
        for outputs, inputs in zip(widths, widths[1:], strict=False):
            self.stages.append(nn.ModuleList([EqualizedConvolution(inputs, inputs, 3), EqualizedConvolution(inputs, outputs, 3)]))
        self.last = EqualizedLinear(widths[0] * s.start[0] * s.start[1], widths[0])
        self.score = EqualizedLinear(widths[0], 1, gain=1.0)
        self.initialize()

    def initialize(self) -> None:
        """Draw the parameters anew."""
        initialize_equalized(self)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """pictures: [B, C, h, w]; labels: int64 [B], where there are labels."""
        now, s = self.growth, self.settings
        wanted = (s.channels, *(side << now.stage for side in s.start))
        if tuple(pictures.shape[1:]) != wanted:
            raise BadInput(f"The pictures are {list(pictures.shape)}; at stage {now.stage} of {s.doublings} this model takes {[len(pictures), *wanted]}.")
        x = pictures if self.plane is None else self.plane(pictures, labels)
        h = F.leaky_relu(self.pictures[now.stage](x), SLOPE)
        for number in range(now.stage, 0, -1):
            for convolution in self.stages[number].children():
                h = F.leaky_relu(convolution(h), SLOPE)
            h = halved(h)
            if number == now.stage and now.alpha < 1:
                h = faded(F.leaky_relu(self.pictures[number - 1](halved(x)), SLOPE), h, now.alpha)
        (convolution,) = self.stages[0].children()
        h = F.leaky_relu(convolution(minibatch_deviation(h, s.group)), SLOPE)
        score = self.score(F.leaky_relu(self.last(h.flatten(1)), SLOPE))[:, 0]
        return score if self.projection is None else score + self.projection(h, labels)
