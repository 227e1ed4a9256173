"""Muon: momentum whose matrices are made orthogonal (Jordan et al. 2024), for many small matrices at once."""

import math
from collections import defaultdict

import torch
from torch import Tensor
from torch.optim import Optimizer

from workings.training.distribution import like, whole

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration: chosen for a steep slope at 0, so that small singular values rise fast (Jordan et al. 2024)."""


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Near-orthogonal factors: all singular values of each matrix brought to about 1 (between 0.7 and 1.2). [N, a, b] -> [N, a, b].

    Newton-Schulz: X <- a X + (b S + c S S) X with S = X X^T, from X / |X|.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        s = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(s, s, s, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(Optimizer):
    """m <- mu m + g; w <- w - rate (sqrt(max(1, rows / columns)) orthogonal(g + mu m) + decay w), Nesterov's form.

    The filters of a convolution, [outputs, inputs, height, width], are a matrix with a row for each output.
    Matrices of one shape are stacked and iterated together: a small model has dozens, and on a CPU the calls would cost more than the products.
    A sharded matrix is gathered for this: every rank iterates the whole of it and keeps its part.
    coarse: iterate in bfloat16, in half the time; the iteration corrects itself, but rounding then depends on the last bit of a gradient.
    """

    def __init__(self, groups: list[dict], lr: float, momentum: float, weight_decay: float, coarse: bool = False):
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.coarse = coarse

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Take one step."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[parameter.shape].append(parameter)
            for shape, parameters in shapes.items():
                for parameter in parameters:
                    if not self.state[parameter]:
                        self.state[parameter]["momentum"] = torch.zeros_like(parameter)
                gradients, momenta = [p.grad for p in parameters], [self.state[p]["momentum"] for p in parameters]
                torch._foreach_mul_(momenta, group["momentum"])
                torch._foreach_add_(momenta, gradients)
                ahead = torch.stack([whole(matrix).flatten(1) for matrix in torch._foreach_add(gradients, momenta, alpha=group["momentum"])])
                scale = max(1.0, shape[0] / math.prod(shape[1:])) ** 0.5
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
                turned = orthogonalize(ahead.bfloat16() if self.coarse else ahead).to(ahead.dtype)
                updates = [like(matrix.reshape(shape), parameter) for matrix, parameter in zip(turned.unbind(), parameters, strict=True)]
                torch._foreach_add_(parameters, updates, alpha=-group["lr"] * scale)
