"""One layer: attention, the feed-forward part, and what is added to what (statements 1.1d, 1.1e)."""

from torch import Tensor

from workings.blackboard.attention import cross_attention, self_attention
from workings.blackboard.functions import PHI, norm, silu
from workings.blackboard.parameters import Parameters, affine, plus, under


def feed_forward(z: Tensor, parameters: Parameters, phi: str) -> Tensor:
    """y' = phi(B z + b_B), y'' = C y' + b_C (1.1d).  z: [D]; parameters: `up` is B, `down` is C. Returns [D]."""
    return affine(PHI[phi](affine(z, parameters, "up")), parameters, "down")


def gated_feed_forward(z: Tensor, parameters: Parameters) -> Tensor:
    """C (silu(G z + b_G) * (B z + b_B)) + b_C (Shazeer 2020).  z: [D]; parameters: `gate` is G, `up` is B, `down` is C. Returns [D]."""
    return affine(silu(affine(z, parameters, "gate")) * affine(z, parameters, "up"), parameters, "down")


def feed_forward_part(y: list[Tensor], layer: Parameters, settings) -> list[Tensor]:
    """The feed-forward part of every token, of N(y_t) when the norms stand before (pre), else of y_t.  y: T of [D]. Returns T of [D]."""
    z = [norm(y_t, layer, "feed_forward_norm", settings) for y_t in y] if settings.placement == "pre" else y
    parameters = under(layer, "feed_forward")
    return [gated_feed_forward(z_t, parameters) if settings.phi == "gated" else feed_forward(z_t, parameters, settings.phi) for z_t in z]


def residual(x: list[Tensor], y: list[Tensor], layer: Parameters, name: str, settings) -> list[Tensor]:
    """x_t + y_t (1.1e), or N(x_t + y_t) when the norms stand after the sums (post). Returns T of [D]."""
    total = plus(x, y)
    return [norm(s, layer, name, settings) for s in total] if settings.placement == "post" else total


def one_residual_layer(x: list[Tensor], layer: Parameters, settings, memory: list[Tensor] | None = None) -> list[Tensor]:
    """x^l_t = x^{l-1}_t + y''_t, where y'' is the feed-forward part of what attention says (1.1e). Returns T of [D].

    With a memory, attention asks twice before the feed-forward part: y = self-attention(x), then y <- y + cross-attention(y).
    """
    return residual(x, said(x, layer, settings, memory), layer, "feed_forward_norm", settings)


def no_residual_layer(x: list[Tensor], layer: Parameters, settings, memory: list[Tensor] | None = None) -> list[Tensor]:
    """x^l_t = y''_t: the layer of (1.1e) without what it adds to. Returns T of [D]."""
    y = said(x, layer, settings, memory)
    return [norm(y_t, layer, "feed_forward_norm", settings) for y_t in y] if settings.placement == "post" else y


def said(x: list[Tensor], layer: Parameters, settings, memory: list[Tensor] | None) -> list[Tensor]:
    """y'': the feed-forward part of self-attention(x), or with a memory of y + cross-attention(y) where y is that. Returns T of [D]."""
    y = self_attention(x, layer, settings)
    if memory is not None:
        y = plus(y, cross_attention(y, memory, layer, settings))
    return feed_forward_part(y, layer, settings)


def two_residual_layer(x: list[Tensor], layer: Parameters, settings, memory: list[Tensor] | None = None) -> list[Tensor]:
    """x <- x + attention(x); with a memory x <- x + cross-attention(x); x <- x + feed-forward(x) (Vaswani et al. 2017). Returns T of [D]."""
    x = residual(x, self_attention(x, layer, settings), layer, "attention_norm", settings)
    if memory is not None:
        x = residual(x, cross_attention(x, memory, layer, settings), layer, "cross_norm", settings)
    return residual(x, feed_forward_part(x, layer, settings), layer, "feed_forward_norm", settings)


LAYER = {"none": no_residual_layer, "one": one_residual_layer, "two": two_residual_layer}
"""By the number of residuals."""
