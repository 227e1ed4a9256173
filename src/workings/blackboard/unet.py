"""The U-Net as it is written: one pixel, one window, one token at a time (Ho et al. 2020; statement 5.3b).

A picture is rows of pixels [C], as for the residual network; parameters are named as in `UNet.named_parameters()`; settings: anything with the attributes of
`UNetSettings`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from workings.blackboard.attention import cross_attention, self_attention
from workings.blackboard.functions import gelu, layer_norm, silu
from workings.blackboard.parameters import Parameters, affine, plus, under
from workings.blackboard.resnet import Picture, convolution, each

TextTokens = list[Tensor]
"""The visible vectors [D] of a text, perhaps none."""


def waves(t: Tensor, width: int, sines_first: bool, shift: int) -> Tensor:
    """cos(t f_i), then sin(t f_i), or the other way round, with f_i = 10000^(-i / (n - shift)), i < n = width / 2.  t: a number. Returns [width]."""
    n = width // 2
    angles = [t * math.exp(-math.log(10_000) * i / (n - shift)) for i in range(n)]
    cosines, sines = [torch.cos(angle) for angle in angles], [torch.sin(angle) for angle in angles]
    return torch.stack(sines + cosines if sines_first else cosines + sines)


def time_vector(t: Tensor, parameters: Parameters, settings) -> Tensor:
    """e = W_2 silu(W_1 waves(t) + b_1) + b_2. Returns [E]."""
    w = waves(t, settings.widths[0], settings.time_order == "sines first", settings.time_shift)
    return affine(silu(affine(w, parameters, "time.up")), parameters, "time.out")


def group_norm(x: Picture, parameters: Parameters, groups: int, epsilon: float) -> Picture:
    """(x - mean) / sqrt(variance + epsilon) * g + c, mean and variance of a group of C / G channels over all pixels (Wu and He 2018)."""
    every = torch.stack([pixel for row in x for pixel in row])
    size = every.shape[1] // groups
    means, scales = [], []
    for channel in range(every.shape[1]):
        members = every[:, channel // size * size : (channel // size + 1) * size]
        mean = members.sum() / members.numel()
        means.append(mean)
        scales.append(1 / torch.sqrt(((members - mean) ** 2).sum() / members.numel() + epsilon))
    mean, scale = torch.stack(means), torch.stack(scales)
    return pixelwise(x, lambda pixel: (pixel - mean) * scale * parameters["weight"] + parameters["bias"])


def pixelwise(x: Picture, function) -> Picture:
    """A function of every pixel."""
    return each([x], function)[0]


def biased(x: Picture, parameters: Parameters, stride: int = 1) -> Picture:
    """W * x + b."""
    return pixelwise(convolution(x, parameters["weight"], stride), lambda pixel: pixel + parameters["bias"])


def total(x: Picture, y: Picture) -> Picture:
    """x + y, pixel by pixel."""
    return [plus(a, b) for a, b in zip(x, y, strict=True)]


def timed_block(x: Picture, e: Tensor, parameters: Parameters, settings) -> Picture:
    """S x + W_2 * silu(N_2(W_1 * silu(N_1(x)) + A silu(e))); with "scale-shift", silu(N_2(.) (1 + s) + t) with (s, t) = A silu(e)."""
    y = pixelwise(group_norm(x, under(parameters, "first_norm"), settings.groups, settings.norm_epsilon), silu)
    y = biased(y, under(parameters, "first"))
    told = affine(silu(e), parameters, "told")
    if settings.conditioning == "shift":
        y = pixelwise(y, lambda pixel: pixel + told)
    y = group_norm(y, under(parameters, "second_norm"), settings.groups, settings.norm_epsilon)
    if settings.conditioning == "scale-shift":
        s, t = told[: len(told) // 2], told[len(told) // 2 :]
        y = pixelwise(y, lambda pixel: pixel * (1 + s) + t)
    y = biased(pixelwise(y, silu), under(parameters, "second"))
    return total(biased(x, under(parameters, "shortcut")) if "shortcut.weight" in parameters else x, y)


def shrunk(x: Picture, parameters: Parameters, edge: str) -> Picture:
    """A 3 x 3 convolution around every second pixel; with the edge "end", around the pixels between them, whose window needs zeros only at the end."""
    if edge == "both":
        return biased(x, parameters, 2)
    zero = torch.zeros_like(x[0][0])
    wider = [[*row, zero] for row in x] + [[zero] * (len(x[0]) + 1)]
    whole = biased(wider, parameters)
    return [[whole[r][c] for c in range(1, len(x[0]), 2)] for r in range(1, len(x), 2)]


def grown(x: Picture, rows: int, columns: int, parameters: Parameters) -> Picture:
    """W * y + b with y_rc = x_{floor(r h / H), floor(c w / W)}: every pixel again and again until the picture has the size of the one that was halved."""
    h, w = len(x), len(x[0])
    return biased([[x[r * h // rows][c * w // columns] for c in range(columns)] for r in range(rows)], parameters)


@dataclass
class Switches:
    """The switches of attention in pictures: a value for each head, the scale 1/sqrt(d_k), no positions, nothing hidden."""

    width: int
    heads: int
    placement: str
    norm, norm_epsilon, normalize, position = "layer", 1e-5, "all", "none"
    value, value_activation, attend, tau = "per-head", "none", "x", "1/sqrt(d_k)"
    query_key_norm, causal, window = False, False, 0

    @property
    def key_value_heads(self) -> int:
        """As many as queries."""
        return self.heads

    @property
    def head_width(self) -> int:
        """d_k."""
        return self.width // self.heads


def in_rows(tokens: list[Tensor], columns: int) -> Picture:
    """Tokens in reading order as a picture."""
    return [tokens[start : start + columns] for start in range(0, len(tokens), columns)]


def in_order(x: Picture) -> list[Tensor]:
    """The pixels in reading order."""
    return [pixel for row in x for pixel in row]


def picture_attention(x: Picture, parameters: Parameters, heads: int, settings) -> Picture:
    """x_t + sum_m T^m sum_s a^m_ts v^m_s over all pixels s, of N(x) with group norm (1.1b-d)."""
    z = in_order(group_norm(x, under(parameters, "norm"), settings.groups, settings.norm_epsilon))
    return total(x, in_rows(self_attention(z, parameters, Switches(len(z[0]), heads, "post")), len(x[0])))


def text_layer(x: list[Tensor], text: TextTokens, parameters: Parameters, heads: int) -> list[Tensor]:
    """x + A(N(x)), x + A'(N'(x), text), x + C(gelu(G z + b_G) * (B z + b_B)) + b_C with z = N''(x) (1.1d, 3.2). With no text, A' gives its bias."""
    s = Switches(len(x[0]), heads, "pre")
    x = plus(x, self_attention(x, parameters, s))
    x = plus(x, cross_attention(x, text, parameters, s))
    norm, ff = under(parameters, "feed_forward_norm"), under(parameters, "feed_forward")
    z = [layer_norm(x_t, norm["weight"], norm["bias"], s.norm_epsilon) for x_t in x]
    return plus(x, [affine(gelu(affine(z_t, ff, "gate")) * affine(z_t, ff, "up"), ff, "down") for z_t in z])


def text_attention(x: Picture, text: TextTokens, parameters: Parameters, heads: int, settings) -> Picture:
    """x + W_o L(... L(W_i N(x) + b_i)) + b_o with group norm N and the layers L."""
    normal = in_order(group_norm(x, under(parameters, "norm"), settings.groups, 1e-6))
    tokens = [affine(z, parameters, "enter") for z in normal]
    for layer in range(settings.text_layers):
        tokens = text_layer(tokens, text, under(parameters, f"layers.{layer}"), heads)
    return total(x, in_rows([affine(token, parameters, "leave") for token in tokens], len(x[0])))


def attention(x: Picture, text: TextTokens | None, parameters: Parameters, heads: int, settings) -> Picture:
    """Over pixels alone, or with a text."""
    return picture_attention(x, parameters, heads, settings) if text is None else text_attention(x, text, parameters, heads, settings)


def unet(x: Picture, t: Tensor, parameters: Parameters, settings, label: int | None = None, text: TextTokens | None = None) -> Picture:
    """Down through the levels, the middle, and up again, each block of which is given what its counterpart on the way down has left (5.3b).

    t: a number; label: the class, or `classes` for none, in a network that is told classes; text: its visible vectors, in one that is told texts.
    """
    e = time_vector(t, parameters, settings)
    e = e if label is None else e + parameters["classes.weight"][label]
    x = biased(x, under(parameters, "enter"))
    kept = [x]
    for level in range(len(settings.widths)):
        part = under(parameters, f"down.{level}")
        for number in range(settings.depth):
            x = timed_block(x, e, under(part, f"blocks.{number}"), settings)
            x = attention(x, text, under(part, f"attentions.{number}"), settings.heads[level], settings) if level in settings.attention else x
            kept.append(x)
        if level < len(settings.widths) - 1:
            x = shrunk(x, under(part, "shrink.convolution"), settings.halving_edge)
            kept.append(x)
    if settings.middle != "none":
        x = timed_block(x, e, under(parameters, "middle.blocks.0"), settings)
        x = attention(x, text, under(parameters, "middle.attentions.0"), settings.heads[-1], settings) if settings.middle == "attention" else x
        x = timed_block(x, e, under(parameters, "middle.blocks.1"), settings)
    for level in reversed(range(len(settings.widths))):
        part = under(parameters, f"up.{level}")
        for number in range(settings.depth + 1):
            x = [[torch.cat(pair) for pair in zip(*rows, strict=True)] for rows in zip(x, kept.pop(), strict=True)]
            x = timed_block(x, e, under(part, f"blocks.{number}"), settings)
            x = attention(x, text, under(part, f"attentions.{number}"), settings.heads[level], settings) if level in settings.attention else x
        if level:
            x = grown(x, len(kept[-1]), len(kept[-1][0]), under(part, "grow.convolution"))
    x = pixelwise(group_norm(x, under(parameters, "norm"), settings.groups, settings.norm_epsilon), silu)
    return biased(x, under(parameters, "leave"))
