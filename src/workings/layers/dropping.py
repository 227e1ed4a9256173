"""Dropout and stochastic depth as functions of (seed, step, place, element), statement 6.1c."""

import torch
from torch import Tensor, nn

from workings.layers.randomness import draw_key


class Dropping(nn.Module):
    """What dropout and stochastic depth share: a probability, and the place in the model that tells their draws apart."""

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability
        self.place = 0

    def extra_repr(self) -> str:
        """The probability and the place."""
        return f"{self.probability}, place={self.place}"


class Dropout(Dropping):
    """y = x m / (1 - p) with m = 0 with probability p, in training (Srivastava et al. 2014)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, ...] -> [B, ...]."""
        if not (self.training and self.probability):
            return x
        key, first_row = draw_key(self.place)
        return torch.nn.functional.dropout(x, self.probability)


class StochasticDepth(Dropping):
    """A part's output is dropped for a whole sample with probability p, else divided by 1 - p (Huang et al. 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, ...] -> [B, ...]."""
        if not (self.training and self.probability):
            return x
        key, first_row = draw_key(self.place)
        return x


def number_places(model: nn.Module) -> None:
    """Give every dropping layer of a model a number of its own, in the order of definition."""
    for place, module in enumerate(module for module in model.modules() if isinstance(module, Dropping)):
        module.place = place
