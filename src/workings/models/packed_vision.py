"""The vision transformer for use on a CPU: matrices that stay are packed, sums and norms are one pass, and the last layer does only what is read.

It equals `VisionTransformer.forward` without a record, up to rounding.
"""

import torch
from torch import Tensor, nn

from workings.layers.fast.attention import pieces
from workings.layers.fast.available import SHORT
from workings.layers.fast.compiler import library, run
from workings.layers.fast.packed import PackedProduct, available
from workings.layers.fast.prenorm import PreNorm
from workings.layers.patches import cut
from workings.models.block import Block
from workings.models.vision_settings import body
from workings.models.vision_transformer import VisionTransformer

PIECE = 1 << 20
"""Bytes of scores that are worked on at a time."""

FREE = {"width", "heads", "layers", "ff_width", "context", "head_width", "key_value_heads", "phi", "norm_epsilon", "dropout", "stochastic_depth"}
FREE |= {"initialization", "tied", "tau"}
"""The settings of the body that may differ from those of the published models."""


def fits(model: nn.Module) -> bool:
    """Whether packed layers know this model: a vision transformer with classes and the published switches, in this machine's memory."""
    if not isinstance(model, VisionTransformer) or not model.settings.classes or model.cls.device.type != "cpu" or not available() or library() is None:
        return False
    s, there = model.settings.body, body()
    same = all(getattr(s, name) == getattr(there, name) for name in s.__dataclass_fields__ if name not in FREE and not name.startswith("rope_"))
    return same and s.tau != "learned" and s.key_value_heads == s.heads and s.phi != "gated"


def product(layers: list[nn.Linear], dtype: torch.dtype, phi: str = "none") -> PackedProduct:
    """The maps of several layers as one, with a nonlinearity."""
    return PackedProduct([layer.weight for layer in layers], [layer.bias for layer in layers], dtype, phi)


class Layer:
    """x <- x + attention(N(x)), x <- x + C phi(B N(x) + b_B) + b_C."""

    def __init__(self, block: Block, phi: str, dtype: torch.dtype):
        a, f = block.attention, block.feed_forward
        self.heads, self.width, self.scale = a.heads, a.head_width, a.scale
        self.qkv, self.out = product([a.query, a.key, a.value], dtype), product([a.out], dtype)
        self.up, self.down = product([f.up], dtype, phi), product([f.down], dtype)
        self.norms = PreNorm(block.attention_norm, dtype), PreNorm(block.feed_forward_norm, dtype)

    def __call__(self, x: Tensor, y: Tensor | None, rows: int) -> Tensor:
        """x: [B T, D], changed in place, y: what is still to be added to it; rows: B -> what is then still to be added."""
        q, k, v = self.qkv(self.norms[0](x, y)).view(rows, -1, 3, self.heads, self.width).permute(2, 0, 3, 1, 4).flatten(1, 2).contiguous()
        mixed = self.attend(q, k, v).view(rows, self.heads, -1, self.width).transpose(1, 2).reshape(len(x), -1)
        return self.down(self.up(self.norms[1](x, self.out(mixed))))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """softmax(scale q k^T) v. q: [N, T, d], k and v: [N, S, d] -> [N, T, d]."""
        y = torch.empty_like(q)
        rows, columns = q.shape[1], k.shape[1]
        for some in pieces(len(q), PIECE // (rows * columns * q.element_size())):
            scores = torch.bmm(q[some], k[some].mT)
            run("softmax", scores, scores, scores, None, len(scores), rows, columns, rows, 0, self.scale, SHORT[q.dtype], 0, 0, 0.0)
            torch.bmm(scores, v[some], out=y[some])
        return y


class LastLayer(Layer):
    """The same for the tokens that the classifiers read; the others give only keys and values."""

    def __init__(self, block: Block, phi: str, dtype: torch.dtype):
        super().__init__(block, phi, dtype)
        self.query, self.qkv = product([block.attention.query], dtype), product([block.attention.key, block.attention.value], dtype)

    def first(self, x: Tensor, y: Tensor | None, rows: int, count: int) -> tuple[Tensor, Tensor]:
        """x: [B T, D], y as above -> the first `count` tokens of each row, [B count, D], and what is still to be added to them."""
        normal = self.norms[0](x, y).view(rows, -1, x.shape[1])
        k, v = self.qkv(normal.flatten(0, 1)).view(rows, -1, 2, self.heads, self.width).permute(2, 0, 3, 1, 4).flatten(1, 2).contiguous()
        q = self.query(normal[:, :count].flatten(0, 1)).view(rows, count, self.heads, self.width).transpose(1, 2).flatten(0, 1).contiguous()
        mixed = self.attend(q, k, v).view(rows, self.heads, count, self.width).transpose(1, 2).reshape(rows * count, -1)
        x = x.view(rows, -1, x.shape[1])[:, :count].flatten(0, 1).contiguous()
        return x, self.down(self.up(self.norms[1](x, self.out(mixed))))


class PackedVision:
    """Pictures [B, C, H, W] -> logits [B, classes], float32. The residual stream is float32; in bfloat16 only what enters a product is rounded."""

    @torch.inference_mode()
    def __init__(self, model: VisionTransformer, dtype: torch.dtype):
        s, self.dtype, stack = model.settings, dtype, model.body
        self.settings, self.patch_size = s, s.patch_size
        self.patches = product([model.patches.projection], dtype)
        places = stack.positions.weight.detach().float()
        self.tokens = torch.stack([token.detach().float() for token in model.first_tokens()]) + places[: s.extra]
        self.places = places[s.extra :]
        self.layers = [Layer(block, s.body.phi, dtype) for block in stack.blocks[:-1]]
        self.last = LastLayer(stack.blocks[-1], s.body.phi, dtype)
        self.final_norm = PreNorm(stack.final_norm, torch.float32)
        self.heads = [head.float() for head in (model.classifier, model.distillation_classifier) if head is not None]

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """The mean of what the classifiers say."""
        rows = len(pictures)
        patches = self.patches(cut(pictures.to(self.dtype), *self.patch_size).flatten(0, 1))
        x = torch.empty(rows, self.settings.tokens, patches.shape[1])
        x[:, : self.settings.extra] = self.tokens
        torch.add(patches.view(rows, -1, patches.shape[1]), self.places, out=x[:, self.settings.extra :])
        x, y = x.flatten(0, 1), None
        for layer in self.layers:
            y = layer(x, y, rows)
        x, y = self.last.first(x, y, rows, len(self.heads))
        normal = self.final_norm(x, y.float()).view(rows, len(self.heads), -1)
        return torch.stack([head(normal[:, place]) for place, head in enumerate(self.heads)]).mean(0)
