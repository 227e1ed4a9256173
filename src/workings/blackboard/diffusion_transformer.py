"""The diffusion transformer as it is written: one patch, one token at a time (Peebles and Xie 2023; statements 4.1a, 5.3b)."""

from dataclasses import replace

import torch
from torch import Tensor

from workings.blackboard.attention import cross_attention, self_attention
from workings.blackboard.embedding import placed, sinusoidal_halves_position
from workings.blackboard.functions import PHI, layer_norm, silu
from workings.blackboard.layer import gated_feed_forward
from workings.blackboard.parameters import Parameters, affine, plus, split, under
from workings.blackboard.unet import waves
from workings.blackboard.vision_transformer import embed


def place(row: int, column: int, width: int, theta: float) -> Tensor:
    """The sines of the row, then those of the column. Returns [D]."""
    return torch.cat([sinusoidal_halves_position(row, width // 2, theta), sinusoidal_halves_position(column, width // 2, theta)])


def modulated(x: list[Tensor], shift: Tensor, scale: Tensor, epsilon: float) -> list[Tensor]:
    """N(x_t) (1 + s) + t, N without gain and offset. Returns T of [D]."""
    return [layer_norm(x_t, torch.ones_like(x_t), 0.0, epsilon) * (1 + scale) + shift for x_t in x]


def feed_forward(z: Tensor, parameters: Parameters, phi: str) -> Tensor:
    """C phi(B z + b_B) + b_C, or with a gate (1.1d). Returns [D]."""
    if phi == "gated":
        return gated_feed_forward(z, parameters)
    return affine(PHI[phi](affine(z, parameters, "up")), parameters, "down")


def modulated_layer(x: list[Tensor], e: Tensor, text: list[Tensor] | None, layer: Parameters, settings) -> list[Tensor]:
    """x + g A(N(x) (1 + s) + t), x + A'(N'(x), text) with a text, x + g' F(N(x) (1 + s') + t'), (t, s, g, t', s', g') = M silu(e) + m. Returns T of [D]."""
    shift, scale, gate, last_shift, last_scale, last_gate = split(affine(silu(e), layer, "modulation"), len(e))
    z = modulated(x, shift, scale, settings.norm_epsilon)
    y = self_attention(z, layer, replace(settings, placement="post"))  # the norm has been done
    x = plus(x, [gate * y_t for y_t in y])
    if text is not None:
        x = plus(x, cross_attention(x, text, layer, settings))
    z = modulated(x, last_shift, last_scale, settings.norm_epsilon)
    return plus(x, [last_gate * feed_forward(z_t, under(layer, "feed_forward"), settings.phi) for z_t in z])


def diffusion_transformer(picture: Tensor, t: Tensor, parameters: Parameters, settings, label: int | None = None, text: list[Tensor] | None = None) -> Tensor:
    """Patches and their places, the layers, N(x) (1 + s) + t with (t, s) = M silu(e) + m, and every token's numbers back in their places.

    picture: [C, H, W]; t: a number; label: the class, or `classes` for none, in a network that is told classes; text: its visible vectors [text_width],
    perhaps none, in one that is told texts; parameters: float64, named as in `DiffusionTransformer.named_parameters()`. Returns [out_channels, H, W].
    """
    s, body = settings.body, under(parameters, "body")
    e = affine(silu(affine(waves(t, settings.time_waves, False, 0), parameters, "time.up")), parameters, "time.out")
    e = e if label is None else e + parameters["classes.weight"][label]
    memory = None if text is None else [affine(vector, parameters, "text") for vector in text]
    height, width = settings.patch_size
    rows, columns = picture.shape[1] // height, picture.shape[2] // width
    x = embed(picture, parameters, settings)
    if s.position == "none":
        x = [x_t + place(t // columns, t % columns, s.width, s.rope_theta) for t, x_t in enumerate(x)]
    x = [placed(x_t, t, body, s) for t, x_t in enumerate(x)]
    for number in range(s.layers):
        x = modulated_layer(x, e, memory, under(body, f"blocks.{number}"), s)
    shift, scale = split(affine(silu(e), parameters, "modulation"), s.width)
    y = [affine(z, parameters, "leave") for z in modulated(x, shift, scale, s.norm_epsilon)]
    drawn = torch.zeros(settings.out_channels, rows * height, columns * width, dtype=picture.dtype)
    for token, numbers in enumerate(y):
        top, left = token // columns * height, token % columns * width
        drawn[:, top : top + height, left : left + width] = numbers.view(settings.out_channels, height, width)
    return drawn
