"""The denoising network of a set of points as it is written: one point at a time, no positions (statement 5.3d)."""

from torch import Tensor

from workings.blackboard.diffusion_transformer import modulated, modulated_layer
from workings.blackboard.functions import silu
from workings.blackboard.parameters import Parameters, affine, split, under
from workings.blackboard.unet import waves


def point_denoiser(points: list[Tensor], t: Tensor, parameters: Parameters, settings, label: int | None = None) -> list[Tensor]:
    """x_i = E p_i + e, the layers, and W (N(x_i) (1 + s) + t) + w with (t, s) = M silu(e) + m: nothing depends on i but by p_i.

    points: P of [C]; t: a number; label: the class, or `classes` for none, in a network that is told classes; parameters: float64, named as in
    `PointDenoiser.named_parameters()`. Returns P of [out_channels].
    """
    s = settings.body
    e = affine(silu(affine(waves(t, settings.time_waves, False, 0), parameters, "time.up")), parameters, "time.out")
    e = e if label is None else e + parameters["classes.weight"][label]
    x = [affine(point, parameters, "enter") for point in points]
    for number in range(s.layers):
        x = modulated_layer(x, e, None, under(parameters, f"body.blocks.{number}"), s)
    shift, scale = split(affine(silu(e), parameters, "modulation"), s.width)
    return [affine(z, parameters, "leave") for z in modulated(x, shift, scale, s.norm_epsilon)]
