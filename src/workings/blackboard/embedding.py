"""Tokens and their positions become vectors (statements 2.1 and 1.1a). Positions t count from 0."""

import math

import torch
from torch import Tensor

from workings.blackboard.functions import norm
from workings.blackboard.parameters import Parameters


def embed(token: int, A0: Tensor) -> Tensor:
    """x_t = A^0[w_t, :] (2.1).  A0: [V, D]. Returns [D]."""
    return A0[token, :]


def lecture_position(t: int, D: int) -> Tensor:
    """sin(t) x range(D), as printed: the vector 0, 1, ..., D - 1, times one number that says where (1.1a). Returns [D]."""
    return torch.tensor([math.sin(t) * i for i in range(D)], dtype=torch.float64)


def sinusoidal_position(t: int, D: int, theta: float) -> Tensor:
    """s[2i] = sin(t / theta^(2i/D)), s[2i+1] = cos(t / theta^(2i/D)); when D is odd the last sine has no cosine. Returns [D].

    Vaswani et al. 2017, section 3.5, where theta = 10000.
    """
    s = []
    for j in range(D):
        i = j // 2
        angle = t / theta ** (2 * i / D)
        s.append(math.sin(angle) if j % 2 == 0 else math.cos(angle))
    return torch.tensor(s, dtype=torch.float64)


def sinusoidal_halves_position(t: int, D: int, theta: float) -> Tensor:
    """The same numbers, first those with even places (the sines), then those with odd ones (the cosines). Returns [D]."""
    s = sinusoidal_position(t, D, theta)
    return torch.stack([s[j] for j in range(0, D, 2)] + [s[j] for j in range(1, D, 2)])


def frequency(i: int, d: int, settings) -> float:
    """theta^(-2i/d), by which the i-th pair turns at every step; divided by a factor when stretched for a longer context.

    rope_scaling "linear" divides all of them. "llama3" (Dubey et al. 2024) divides those that turn at most `low` times in the original context,
    leaves those that turn at least `high` times, and mixes the two in between.
    """
    f = settings.rope_theta ** (-2 * i / d)
    if settings.rope_scaling == "linear":
        return f / settings.rope_factor
    if settings.rope_scaling == "llama3":
        turns = settings.rope_original_context * f / (2 * math.pi)
        low, high = settings.rope_low_frequency, settings.rope_high_frequency
        stays = min(max((turns - low) / (high - low), 0.0), 1.0)
        return stays * f + (1 - stays) * f / settings.rope_factor
    return f


def rotate(q: Tensor, t: int, settings) -> Tensor:
    """The pair (q[i], q[i + d/2]) is turned by the angle t f_i, with f_i = theta^(-2i/d) (`frequency`).  q: [d]. Returns [d].

    q'[i]       = q[i] cos - q[i + d/2] sin
    q'[i + d/2] = q[i + d/2] cos + q[i] sin
    Su et al. 2021, with the pairs laid out in halves as in Llama. A score q_t . k_s then depends on t - s only.
    """
    d = len(q)
    turned = [torch.zeros((), dtype=q.dtype)] * d
    for i in range(d // 2):
        angle = t * frequency(i, d, settings)
        turned[i] = q[i] * math.cos(angle) - q[i + d // 2] * math.sin(angle)
        turned[i + d // 2] = q[i + d // 2] * math.cos(angle) + q[i] * math.sin(angle)
    return torch.stack(turned)


def entry(token: int, t: int, parameters: Parameters, settings, segment: int = 0) -> Tensor:
    """x_t^0 = A^0[w_t, :] + the vector of position t, which is nothing for "rotary" (it turns queries and keys) and "none".

    Some models multiply A^0[w_t, :] by sqrt(D) (Vaswani et al. 2017), add a vector for the segment, or normalize the sum (Devlin et al. 2019).
    parameters: `embedding.weight` [V, D], `segments.weight` [kinds, D], `positions.weight` [offset + T, D] when learned, `embedding_norm`. Returns [D].
    """
    x = embed(token, parameters["embedding.weight"])
    if settings.embedding_scale == "sqrt(D)":
        x = math.sqrt(settings.width) * x
    if settings.segments:
        x = x + parameters["segments.weight"][segment]
    x = placed(x, t, parameters, settings)
    return norm(x, parameters, "embedding_norm", settings) if settings.embedding_norm else x


def placed(x: Tensor, t: int, parameters: Parameters, settings) -> Tensor:
    """x plus the vector of position t. Returns [D]."""
    match settings.position:
        case "lecture":
            return x + lecture_position(t, settings.width)
        case "sinusoidal":
            return x + sinusoidal_position(t, settings.width, settings.rope_theta)
        case "sinusoidal-halves":
            return x + sinusoidal_halves_position(t, settings.width, settings.rope_theta)
        case "learned":
            return x + parameters["positions.weight"][settings.position_offset + t]
    return x
