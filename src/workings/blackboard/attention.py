"""Attention, one query and one head at a time (statements 1.1b-d, 1.2a-d, 3.2)."""

import math

import torch
from torch import Tensor

from workings.blackboard.embedding import rotate
from workings.blackboard.functions import PHI, norm, rms_norm, softmax
from workings.blackboard.parameters import Parameters, affine, rows, split, under


def value(u: Tensor, parameters: Parameters) -> Tensor:
    """v_t = A u_t + b_A (1.1b).  u: [D]; parameters: `value`. Returns [n d]: one value, or the values of all heads side by side."""
    return affine(u, parameters, "value")


def value_with_phi(u: Tensor, parameters: Parameters, phi: str) -> Tensor:
    """h_t = phi(A u_t + b_A), the earlier form of v_t (1.2a). Returns [n d]."""
    return PHI[phi](value(u, parameters))


def query(source: Tensor, m: int, parameters: Parameters, settings) -> Tensor:
    """q^m_t = Q^m x°_t + b_Q^m (1.1c), perhaps normalized.  source: [S]. Returns [d]."""
    q = affine(source, rows(parameters, "query", m, settings.head_width), "query")
    return rms_norm(q, parameters["query_norm.weight"], settings.norm_epsilon) if settings.query_key_norm else q


def key(source: Tensor, g: int, parameters: Parameters, settings) -> Tensor:
    """k^g_s = K^g x°_s + b_K^g (1.1c), of group g, perhaps normalized.  source: [S]. Returns [d]."""
    k = affine(source, rows(parameters, "key", g, settings.head_width), "key")
    return rms_norm(k, parameters["key_norm.weight"], settings.norm_epsilon) if settings.query_key_norm else k


def group(m: int, settings) -> int:
    """floor(m G / M): which of the G heads of keys and values serves head m (Ainslie et al. 2023). With G = M it is m."""
    return m * settings.key_value_heads // settings.heads


def tau(m: int, parameters: Parameters, settings) -> Tensor | float:
    """The scale of the scores: 1 / sqrt(D) as in the lecture, 1 / sqrt(d_k), 1, or a parameter of head m (1.2d)."""
    if settings.tau == "learned":
        return parameters["tau"][m]
    return {"1/sqrt(D)": 1 / math.sqrt(settings.width), "1/sqrt(d_k)": 1 / math.sqrt(settings.head_width), "1": 1.0}[settings.tau]


def weights(q: Tensor, keys: list[Tensor], tau: Tensor | float) -> Tensor:
    """a_t = softmax over s of tau q_t . k_s (1.1c).  q: [d]; keys: those that q may see, each [d]. Returns [number of keys]."""
    return softmax(torch.stack([tau * (q @ k) for k in keys]))


def mix(a: Tensor, values: list[Tensor]) -> Tensor:
    """sum_s a_ts v_s, the inner sum of (1.1d). Returns [d]."""
    return torch.stack([a[s] * values[s] for s in range(len(values))]).sum(dim=0)


def join(mixed: list[Tensor], parameters: Parameters, d: int) -> Tensor:
    """y_t = sum_m T^m (sum_s a^m_ts v_s) (+ b_T) (1.1d): T^m is columns m d ... (m + 1) d - 1 of `out`.  mixed: M of [d]. Returns [D]."""
    T = parameters["out.weight"]
    y = torch.stack([T[:, m * d : (m + 1) * d] @ mixed[m] for m in range(len(mixed))]).sum(dim=0)
    return y + parameters["out.bias"] if "out.bias" in parameters else y


def values_of(u: Tensor, parameters: Parameters, settings) -> Tensor:
    """v_t (1.1b) or h_t (1.2a), as the settings say. Returns [n d]."""
    return value_with_phi(u, parameters, settings.phi) if settings.value_activation == "phi" else value(u, parameters)


def head_value(v: Tensor, m: int, settings) -> Tensor:
    """The value that head m mixes: the one that all share (1.1b), or that of its group.  v: [n d]. Returns [d]."""
    parts = split(v, settings.head_width)
    return parts[0] if settings.value == "shared" else parts[group(m, settings)]


def sources_and_values(x: list[Tensor], layer: Parameters, settings) -> tuple[list[Tensor], list[Tensor]]:
    """What queries and keys are made from, and what is mixed, for every t.  x: T of [D]; layer: all parameters of one layer.

    normalize (1.2b)         queries, keys from    values from
      "attention" (1.1b, c)    x° = N(x)             x
      "all"                    x° = N(x)             x°
      "h"                      x                     x, then v := N(all values side by side)
    attend = "h" (1.2c): queries and keys are made from v, the values of all heads side by side.
    placement = "post": no norm here, x° = x.
    """
    attention = under(layer, "attention")
    x_norm = x if settings.placement == "post" or settings.normalize == "h" else [norm(x_t, layer, "attention_norm", settings) for x_t in x]
    u = x if settings.normalize == "attention" else x_norm
    v = [values_of(u_t, attention, settings) for u_t in u]
    if settings.normalize == "h":
        v = [norm(v_t, layer, "attention_norm", settings) for v_t in v]
    return (v if settings.attend == "h" else x_norm), v


def self_attention(x: list[Tensor], layer: Parameters, settings) -> list[Tensor]:
    """y_t = sum_m T^m sum_s a^m_ts v^m_s (1.1b-d): over s <= t when causal, the last `window` of them if there is one, else over all s.

    x: T of [D]. Returns T of [D].
    """
    attention, d = under(layer, "attention"), settings.head_width
    source, v = sources_and_values(x, layer, settings)
    y = []
    for t in range(len(x)):
        first = max(0, t + 1 - settings.window) if settings.window else 0
        seen = range(first, t + 1) if settings.causal else range(len(x))
        mixed = []
        for m in range(settings.heads):
            q = query(source[t], m, attention, settings)
            keys = [key(source[s], group(m, settings), attention, settings) for s in seen]
            if settings.position == "rotary":
                q = rotate(q, t, settings)
                keys = [rotate(k, s, settings) for k, s in zip(keys, seen, strict=True)]
            a = weights(q, keys, tau(m, attention, settings))
            mixed.append(mix(a, [head_value(v[s], m, settings) for s in seen]))
        y.append(join(mixed, attention, d))
    return y


def cross_attention(x: list[Tensor], memory: list[Tensor], layer: Parameters, settings) -> list[Tensor]:
    """A_st = Q[:, s] . K[:, t], softmax over t, times V (3.2): s is a token here, t one of the memory, and V is made from the memory.

    x: S of [D]; memory: T of [D], used as it comes. Queries are made from N(x) when the norms stand before (pre), else from x. Returns S of [D].
    x is the residual stream, or with one residual a layer what self-attention has just said.
    Only the sizes, tau, the biases and the sharing of values are those of the layer's own attention: no position turns anything here, and
    value_activation, normalize and attend do not apply. With an empty memory nothing is mixed: y_s = sum_m T^m 0 (+ b_T).
    """
    cross, d = under(layer, "cross"), settings.head_width
    y = []
    for s in range(len(x)):
        source = norm(x[s], layer, "cross_norm", settings) if settings.placement == "pre" else x[s]
        mixed = []
        for m in range(settings.heads):
            Q = query(source, m, cross, settings)
            K = [key(memory_t, group(m, settings), cross, settings) for memory_t in memory]
            V = [head_value(value(memory_t, cross), m, settings) for memory_t in memory]
            mixed.append(mix(weights(Q, K, tau(m, cross, settings)), V) if memory else torch.zeros(d, dtype=Q.dtype))
        y.append(join(mixed, cross, d))
    return y
