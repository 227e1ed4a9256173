"""Dropout and stochastic depth as functions of (seed, step, place, element), statement 6.1c."""

from torch import Tensor, nn

from workings.layers.fast.dropout import dropout, keep_mask
from workings.layers.packing import Packing
from workings.layers.randomness import draw_key


class Dropping(nn.Module):
    """What dropout and stochastic depth share: a probability, and the place in the model that tells their draws apart."""

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability
        self.place = 0

    @property
    def active(self) -> bool:
        """Whether anything is dropped: in training, with a probability above 0."""
        return self.training and self.probability > 0

    def extra_repr(self) -> str:
        """The probability and the place."""
        return f"{self.probability}, place={self.place}"


class Dropout(Dropping):
    """y = x m / (1 - p) with m = 0 with probability p, in training (Srivastava et al. 2014)."""

    def forward(self, x: Tensor, packing: Packing | None = None) -> Tensor:
        """x: [B, ...] -> [B, ...]; or packed [1, N, D], whose rows are dropped as they would be in their places."""
        if not self.active:
            return x
        if packing is None:
            return dropout(x, self.probability, *self.draw(x))
        key, first_sample = draw_key(self.place)
        return dropout(x, self.probability, key, first_sample * packing.rows.shape[1], packing.places)

    def draw(self, x: Tensor) -> tuple[int, int]:
        """The key of the mask of x, and the number of its first row (its last dimension is a row) in the whole batch. x: [B, ...]."""
        key, first_sample = draw_key(self.place)
        return key, first_sample * (x[0].numel() // x.shape[-1])


class StochasticDepth(Dropping):
    """A part's output is dropped for a whole sample with probability p, else divided by 1 - p (Huang et al. 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, ...] -> [B, ...]."""
        if not self.active:
            return x
        keep = keep_mask(len(x), 1, self.probability, *draw_key(self.place), x.device)
        return x * (keep.view(-1, *[1] * (x.ndim - 1)) / (1 - self.probability)).to(x.dtype)


def number_places(model: nn.Module) -> None:
    """Give every dropping layer of a model a number of its own, in the order of definition."""
    for place, module in enumerate(module for module in model.modules() if isinstance(module, Dropping)):
        module.place = place
