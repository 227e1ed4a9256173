"""One step of each optimizer as it is written, and how fast gradient descent gets down a quadratic (statement 6.1b).

w are the parameters of one tensor, g the gradient of the loss by them. A quadratic is 1/2 sum_i a_i w_i^2 with mu <= a_i <= L; its condition number is L / mu.
"""

import math

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b and c of Muon's iteration (Jordan et al. 2024)."""


def gradient_step(w: Tensor, g: Tensor, rate: float) -> Tensor:
    """w <- w - rate g: gradient descent where g is that of all examples, stochastic gradient descent where it is that of some."""
    return w - rate * g


def momentum_step(w: Tensor, m: Tensor, g: Tensor, rate: float, beta: float) -> tuple[Tensor, Tensor]:
    """m <- beta m + g; w <- w - rate m (Polyak 1964).  Returns w and m."""
    m = beta * m + g
    return w - rate * m, m


def adam_step(w: Tensor, m: Tensor, v: Tensor, g: Tensor, t: int, rate: float, beta1: float, beta2: float, epsilon: float, decay: float) -> tuple:
    """AdamW, step t = 1, 2, ... (Kingma and Ba 2015; Loshchilov and Hutter 2019).  Returns w, m and v.

    m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2; both are begun at 0, which is made up for by dividing by 1 - beta^t;
    w <- w - rate decay w - rate m' / (sqrt(v') + epsilon).
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return w - rate * decay * w - rate * (m / (1 - beta1**t)) / (torch.sqrt(v / (1 - beta2**t)) + epsilon), m, v


def newton_schulz(X: Tensor, steps: int = 5) -> Tensor:
    """X <- a X + b (X X^T) X + c (X X^T)^2 X from X / |X|, which brings every singular value near 1 and keeps the singular vectors.  X: [rows, columns]."""
    a, b, c = COEFFICIENTS
    X = X / torch.sqrt((X**2).sum())
    for _ in range(steps):
        S = X @ X.T
        X = a * X + b * S @ X + c * S @ S @ X
    return X


def muon_step(w: Tensor, m: Tensor, g: Tensor, rate: float, beta: float, decay: float) -> tuple[Tensor, Tensor]:
    """m <- beta m + g; w <- w - rate decay w - rate sqrt(max(1, rows / columns)) orthogonal(g + beta m) (Jordan et al. 2024).  Returns w and m."""
    m = beta * m + g
    rows, columns = w.shape
    return w - rate * decay * w - rate * math.sqrt(max(1.0, rows / columns)) * newton_schulz(g + beta * m), m


def best_rate(mu: float, L: float) -> float:
    """2 / (mu + L), at which the flattest and the steepest direction shrink equally fast."""
    return 2 / (mu + L)


def contraction(condition: float) -> float:
    """(k - 1) / (k + 1): what a step of gradient descent at its best rate leaves of the distance to the lowest point, k = L / mu."""
    return (condition - 1) / (condition + 1)


def best_momentum(mu: float, L: float) -> tuple[float, float]:
    """The rate 4 / (sqrt(L) + sqrt(mu))^2 and beta = ((sqrt(L) - sqrt(mu)) / (sqrt(L) + sqrt(mu)))^2 (Polyak 1964)."""
    return 4 / (math.sqrt(L) + math.sqrt(mu)) ** 2, momentum_contraction(L / mu) ** 2


def momentum_contraction(condition: float) -> float:
    """(sqrt(k) - 1) / (sqrt(k) + 1): what a step with the best momentum leaves in the long run; a condition number of 100 costs as 10 does without."""
    return (math.sqrt(condition) - 1) / (math.sqrt(condition) + 1)


def steps_until(part: float, factor: float) -> float:
    """ln part / ln factor: after how many steps that each leave `factor` of a distance no more than `part` of it is left."""
    return math.log(part) / math.log(factor)
