"""Attention rolled out as it is written: what of a token's vector comes from which token of the first layer (Abnar and Zuidema 2020; statements 4.1a-b)."""

import torch
from torch import Tensor

from workings.blackboard.functions import softmax
from workings.blackboard.parameters import Parameters


def mean_of_heads(attention: list[Tensor], t: int, s: int) -> Tensor:
    """A_ts = 1 / M sum_m a^m_ts.  attention: M of [T, T]. Returns a number."""
    return torch.stack([a[t, s] for a in attention]).sum() / len(attention)


def share(layers: list[list[Tensor]], t: int, s: int) -> Tensor | float:
    """R^l_ts = (R^{l-1}_ts + sum_u A^l_tu R^{l-1}_us) / 2 with R^0 the identity: half of a vector stays, half is mixed.  layers: l of M of [T, T]."""
    if not layers:
        return float(t == s)
    *below, last = layers
    mixed = sum(mean_of_heads(last, t, u) * share(below, u, s) for u in range(len(last[0])))
    return (share(below, t, s) + mixed) / 2


def seen_by_cls(layers: list[list[Tensor]], rows: int, columns: int, extra: int) -> list[list]:
    """R^L_0s of each patch s, laid out as the patches lie in the picture.  extra: how many tokens stand before the patches. Returns rows of numbers."""
    return [[share(layers, 0, extra + i * columns + j) for j in range(columns)] for i in range(rows)]


def seen_by_mean(layers: list[list[Tensor]], rows: int, columns: int) -> list[list]:
    """1 / T sum_t R^L_ts of each pixel s of the map that is attended."""
    T = rows * columns
    return [[sum(share(layers, t, i * columns + j) for t in range(T)) / T for j in range(columns)] for i in range(rows)]


def seen_by_weighted_mean(layers: list[list[Tensor]], y: list[Tensor], parameters: Parameters, rows: int, columns: int) -> list[list]:
    """sum_t softmax(g . y_t + c)_t R^L_ts.  y: what the transformer says, T of [D]; parameters: `attention_pool.weight` is g, `attention_pool.bias` is c."""
    g, c = parameters["attention_pool.weight"][0], parameters["attention_pool.bias"][0]
    weights = softmax(torch.stack([(g * y_t).sum() + c for y_t in y]))
    return [[sum(w * share(layers, t, i * columns + j) for t, w in enumerate(weights)) for j in range(columns)] for i in range(rows)]
