"""From vectors to predictions and their loss (statements 2.2b and 2.3)."""

import torch
from torch import Tensor

from workings.blackboard.functions import softmax


def predict(y: Tensor, A0: Tensor) -> Tensor:
    """P[:, t] = A^0 y_t, the tied head (2.2b); with a head of its own, its matrix stands for A^0.  y: [D]; A0: [V, D]. Returns [V]."""
    return A0 @ y


def cross_entropy(probabilities: Tensor, token: int) -> Tensor:
    """CE(p, w) = -log p[w], in nats.  probabilities: [V]. Returns a number."""
    return -torch.log(probabilities[token])


def smoothed_cross_entropy(probabilities: Tensor, token: int, smoothing: float) -> Tensor:
    """(1 - s) CE(p, w) + s / V sum_k CE(p, k): the part s of the target is spread evenly over all tokens.  probabilities: [V]. Returns a number."""
    V = len(probabilities)
    even = sum((cross_entropy(probabilities, k) for k in range(V)), probabilities.new_zeros(())) / V
    return (1 - smoothing) * cross_entropy(probabilities, token) + smoothing * even


def next_token_loss(P: list[Tensor], tokens: list[int]) -> Tensor:
    """L = sum over t = 1 ... T - 1 of CE(softmax(P[:, t]), w_{t+1}) (2.3).  P: T of [V]; tokens: w_1 ... w_T. Returns a number; the mean is L / (T - 1)."""
    return sum((cross_entropy(softmax(P[t]), tokens[t + 1]) for t in range(len(tokens) - 1)), torch.zeros((), dtype=P[0].dtype))
