"""The denoising network of sets of points: the one transformer without positions, told the time and a class by its norms (statements 1.1b-d, 5.3d).

Attention does not know in which order vectors come (1.1b), so that the points of what is said are permuted as those of what is seen; a noisy set has no order,
and neither have its points a place but the one that is theirs in space. The layers are those of the diffusion transformer (Peebles and Xie 2023), adaLN-zero.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.dropping import number_places
from workings.layers.linear import Linear
from workings.layers.time_embedding import TimeEmbedding
from workings.models.denoiser import Condition, check_pictures, labels_of
from workings.models.diffusion_transformer import ModulatedStack, modulated
from workings.models.point_denoiser_settings import PointDenoiserSettings


class PointDenoiser(nn.Module):
    """A noisy set of points [B, C, P, 1], its time [B] and a condition -> [B, out_channels, P, 1]; of the C numbers of a point some are its place.

    Parameters: `enter` [D, C]; `time`; `classes` [labels, D]; `body`; `modulation` [2 D, D] of the last norm; `leave` [out_channels, D].
    """

    def __init__(self, settings: PointDenoiserSettings):
        super().__init__()
        s = self.settings = settings
        width = s.body.width
        self.enter = Linear(s.channels, width)
        self.time = TimeEmbedding(s.time_waves, width)
        self.classes = nn.Embedding(s.labels, width) if s.classes else None
        self.body = ModulatedStack(s.body)
        self.modulation = Linear(width, 2 * width)
        self.leave = Linear(width, s.out_channels)
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew, as those of the diffusion transformer: what modulates and `leave` begin at zero, so that the first output is 0."""
        self.body.initialize()
        for layer in (self.enter, self.time.up, self.time.out):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5 if layer is self.enter else 0.02)
            nn.init.zeros_(layer.bias)
        if self.classes is not None:
            nn.init.normal_(self.classes.weight, std=0.02)
        for layer in (self.modulation, self.leave, *(block.modulation for block in self.body.blocks)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, time: Tensor, condition: Condition = None) -> Tensor:
        """x: [B, C, P, 1] of any number of points, time: [B], condition: as `models.denoiser` says -> [B, out_channels, P, 1]."""
        check_pictures(x, time, self.settings)
        labels = labels_of(condition, len(x), self.settings, x.device)
        e = self.time(time)
        e = F.silu(e if labels is None or self.classes is None else e + self.classes(labels))
        y = self.body.run(self.enter(x[..., 0].mT), told=e)
        shift, scale = self.modulation(e)[:, None].chunk(2, dim=-1)
        return self.leave(modulated(y, shift, scale)).mT[..., None]
