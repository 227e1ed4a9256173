"""Tokens and their positions become vectors (statements 2.1 and 1.1a). Positions t count from 0."""

import math

import torch
from torch import Tensor

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


def rotate(q: Tensor, t: int, theta: float) -> Tensor:
    """The pair (q[i], q[i + d/2]) is turned by the angle t / theta^(2i/d).  q: [d]. Returns [d].

    q'[i]       = q[i] cos - q[i + d/2] sin
    q'[i + d/2] = q[i + d/2] cos + q[i] sin
    Su et al. 2021, with the pairs laid out in halves as in Llama. A score q_t . k_s then depends on t - s only.
    """
    d = len(q)
    turned = [torch.zeros((), dtype=q.dtype)] * d
    for i in range(d // 2):
        angle = t / theta ** (2 * i / d)
        turned[i] = q[i] * math.cos(angle) - q[i + d // 2] * math.sin(angle)
        turned[i + d // 2] = q[i + d // 2] * math.cos(angle) + q[i] * math.sin(angle)
    return torch.stack(turned)


def entry(token: int, t: int, parameters: Parameters, settings) -> Tensor:
    """x_t^0 = A^0[w_t, :] + the vector of position t, which is nothing for "rotary" (it turns queries and keys) and "none".

    parameters: `embedding.weight` [V, D], and `positions.weight` [T, D] when learned. Returns [D].
    """
    x = embed(token, parameters["embedding.weight"])
    match settings.position:
        case "lecture":
            return x + lecture_position(t, settings.width)
        case "sinusoidal":
            return x + sinusoidal_position(t, settings.width, settings.rope_theta)
        case "learned":
            return x + parameters["positions.weight"][t]
    return x
