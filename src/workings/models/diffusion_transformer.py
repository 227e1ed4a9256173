"""The diffusion transformer: a noisy picture as patches in the one transformer, told the time and a class by its norms, a text by a second attention.

Peebles and Xie 2023, adaLN-zero; statements 4.1a, 5.3b. A text is attended to (Chen et al. 2023) and does not stand in the sequence: its tokens are not noisy
and have no place in the picture, so that time should not scale them; the layers stay those of translation (3.2), and a text that nobody sees adds nothing.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.dropping import number_places
from workings.layers.linear import Linear
from workings.layers.masks import EVERYTHING, Mask
from workings.layers.patches import PatchEmbedding, join
from workings.layers.positions import sinusoidal_grid
from workings.layers.time_embedding import TimeEmbedding
from workings.models.block import Block, same
from workings.models.denoiser import Condition, check_pictures, labels_of, text_of
from workings.models.diffusion_transformer_settings import DiffusionTransformerSettings
from workings.models.settings import TransformerSettings
from workings.models.stack import Stack


def bare_norm(s: TransformerSettings) -> nn.LayerNorm:
    """(x - mean) / sqrt(variance + epsilon): what scales and shifts it comes from elsewhere."""
    return nn.LayerNorm(s.width, s.norm_epsilon, elementwise_affine=False)


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """x (1 + s) + t. x: [B, T, D], shift t, scale s: [B, 1, D]."""
    return x * (1 + scale) + shift


class ModulatedBlock(Block):
    """x + g A(N(x) (1 + s) + t), with a text x + A'(N'(x), text), then x + g' F(N(x) (1 + s') + t'), where (t, s, g, t', s', g') = M silu(e) + m.

    Parameters: those of the layer without the gains and offsets of its two norms, and `modulation` M [6 D, D], m.
    """

    def __init__(self, s: TransformerSettings, layer: int):
        super().__init__(s, layer)
        self.attention_norm, self.feed_forward_norm = bare_norm(s), bare_norm(s)
        self.modulation = Linear(s.width, 6 * s.width)

    def forward(self, x: Tensor, memory: Tensor | None = None, memory_mask: Mask = EVERYTHING, *, told: Tensor, **seen: Any) -> Tensor:
        """x: [B, T, D], told: silu(e) [B, D], memory: [B, S, D] -> [B, T, D]."""
        shift, scale, gate, last_shift, last_scale, last_gate = self.modulation(told)[:, None].chunk(6, dim=-1)
        z = modulated(self.attention_norm(x), shift, scale)
        x = x + gate * self.drop(0, self.attention(z, z, same, **seen), seen)
        if memory is not None:
            x = x + self.attend_memory(x, memory, memory_mask, seen)
        z = modulated(self.feed_forward_norm(x), last_shift, last_scale)
        return x + last_gate * self.drop(2, self.feed_forward(z), seen)


class ModulatedStack(Stack):
    """The transformer with such layers; its last norm has no gain either."""

    LAYER = ModulatedBlock

    def __init__(self, settings: TransformerSettings):
        super().__init__(settings)
        self.final_norm = bare_norm(settings)


class DiffusionTransformer(nn.Module):
    """A noisy picture [B, C, H, W], its time [B] and a condition -> [B, out_channels, H, W].

    Parameters: `patches`; `time`; `classes` [labels, D]; `text` [D, text_width]; `body`; `modulation` [2 D, D] of the last norm; `leave` [out_channels h w, D].
    """

    def __init__(self, settings: DiffusionTransformerSettings):
        super().__init__()
        s = self.settings = settings
        width = s.body.width
        self.patches = PatchEmbedding(s.channels, s.patch_size, width)
        self.time = TimeEmbedding(s.time_waves, width)
        self.classes = nn.Embedding(s.labels, width) if s.classes else None
        self.text = Linear(s.text_width, width) if s.text_width else None
        self.body = ModulatedStack(s.body)
        self.modulation = Linear(width, 2 * width)
        self.leave = Linear(width, s.out_channels * s.patch_size[0] * s.patch_size[1])
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: patches and texts from N(0, 1 / inputs), time and classes from N(0, 0.02^2), the transformer as it says itself.

        What modulates begins at zero, and so do the attention to a text and `leave`: every layer begins as the way around it, and the first output is 0.
        """
        self.body.initialize()
        for layer in (self.patches.projection, self.time.up, self.time.out, self.text):
            if layer is not None:
                nn.init.normal_(layer.weight, std=0.02 if layer in (self.time.up, self.time.out) else layer.in_features**-0.5)
                nn.init.zeros_(layer.bias)
        if self.classes is not None:
            nn.init.normal_(self.classes.weight, std=0.02)
        crosses = [block.cross.out for block in self.body.blocks if block.cross is not None]
        for layer in (self.modulation, self.leave, *crosses, *(block.modulation for block in self.body.blocks)):
            nn.init.zeros_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, time: Tensor, condition: Condition = None) -> Tensor:
        """x: [B, C, H, W] of any size that the patches divide, time: [B], condition: as `models.denoiser` says -> [B, out_channels, H, W]."""
        s = self.settings
        check_pictures(x, time, s)
        labels, text = labels_of(condition, len(x), s, x.device), text_of(condition, len(x), s, x)
        e = self.time(time)
        e = F.silu(e if labels is None or self.classes is None else e + self.classes(labels))
        grid = x.shape[2] // s.patch_size[0], x.shape[3] // s.patch_size[1]
        tokens = self.patches(x)
        if s.body.position == "none":
            tokens = tokens + sinusoidal_grid(*grid, s.body.width, s.body.rope_theta, x.device).to(tokens.dtype)
        memory = {} if text is None or self.text is None else {"memory": self.text(text[0]), "memory_visible": text[1]}
        y = self.body.run(tokens, told=e, **memory)
        shift, scale = self.modulation(e)[:, None].chunk(2, dim=-1)
        return join(self.leave(modulated(y, shift, scale)), grid, *s.patch_size)
