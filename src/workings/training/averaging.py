"""Averages of the weights: one that moves with them (statement 6.1c), and the mean of several."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """w' <- d w' + (1 - d) w after every step, with d = min(decay, (1 + n) / (10 + n)) after n steps, so that short runs are not all beginning.

    Parameters only: buffers and counters are the model's own.
    """

    def __init__(self, module: nn.Module, decay: float):
        self.decay, self.updates = decay, 0
        self.parameters = dict(module.named_parameters())
        self.weights = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take one step of the average."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self.weights.values()), [parameter.detach() for parameter in self.parameters.values()], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module has the averaged weights inside the block and its own again after it."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()

    @torch.no_grad()
    def exchange(self) -> None:
        """Swap the module's weights with the average's."""
        for name, parameter in self.parameters.items():
            mine: Tensor = parameter.detach().clone()
            parameter.copy_(self.weights[name])
            self.weights[name].copy_(mine)


def mean(several: Iterable[dict[str, Tensor]]) -> tuple[dict[str, Tensor], int]:
    """w' = (w_1 + ... + w_n) / n by name, and n. One set of tensors is looked at after another, and their sum, in float64, is all that is held."""
    total: dict[str, Tensor] = {}
    n = 0
    for tensors in several:
        n += 1
        for name, tensor in tensors.items():
            total[name] = total[name].add_(tensor) if name in total else tensor.to(torch.float64, copy=True)
    return {name: tensor / n for name, tensor in total.items()}, n
