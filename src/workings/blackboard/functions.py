"""Functions of one vector: norms, nonlinearities, softmax."""

import math

import torch
from torch import Tensor

from workings.blackboard.parameters import Parameters


def layer_norm(x: Tensor, g: Tensor, c: Tensor | float, epsilon: float) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * g + c, the variance divided by D and not D - 1 (Ba et al. 2016).  x: [D]. Returns [D]."""
    D = len(x)
    mean = x.sum() / D
    variance = ((x - mean) ** 2).sum() / D
    return (x - mean) / torch.sqrt(variance + epsilon) * g + c


def rms_norm(x: Tensor, g: Tensor, epsilon: float) -> Tensor:
    """x / sqrt(mean(x^2) + epsilon) * g (Zhang and Sennrich 2019).  x: [D]. Returns [D]."""
    return x / torch.sqrt((x**2).sum() / len(x) + epsilon) * g


def norm(x: Tensor, parameters: Parameters, name: str, settings) -> Tensor:
    """N(x) with the parameters `name.weight` and, for a layer norm with biases, `name.bias`."""
    if settings.norm == "rms":
        return rms_norm(x, parameters[f"{name}.weight"], settings.norm_epsilon)
    return layer_norm(x, parameters[f"{name}.weight"], parameters.get(f"{name}.bias", 0.0), settings.norm_epsilon)


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return torch.where(x > 0, x, torch.zeros_like(x))


def gelu(x: Tensor) -> Tensor:
    """x times the probability that a standard normal number is below x: x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016)."""
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def gelu_tanh(x: Tensor) -> Tensor:
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, the approximation of gelu that GPT-2 uses."""
    return x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), written as (1 + tanh(x / 2)) / 2, in which nothing overflows."""
    return (1 + torch.tanh(x / 2)) / 2


def silu(x: Tensor) -> Tensor:
    """x sigmoid(x)."""
    return x * sigmoid(x)


PHI = {"relu": relu, "gelu": gelu, "gelu-tanh": gelu_tanh, "silu": silu}
"""The nonlinearities of one argument; "gated" has two and stands in the feed-forward part."""


def softmax(scores: Tensor) -> Tensor:
    """exp(s_i) / sum_j exp(s_j), with the largest score taken off first so that nothing overflows.  scores: [n]. Returns [n]."""
    e = torch.exp(scores - scores.max().detach())
    return e / e.sum()
