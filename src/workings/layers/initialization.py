"""Where weights begin, by name (statement 6.1b): variances that keep numbers of one size through many layers, and residual parts that begin as nothing.

The fan-in of a weight is how many inputs one output is a sum of, the fan-out how many outputs one input goes to (for a convolution, times its window).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

INITIALIZATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "he": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "xavier": nn.init.xavier_normal_,
    "lecun": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="linear"),
    "orthogonal": lambda weight: nn.init.orthogonal_(weight, gain=2**0.5),
}
"""Name -> what it does to a weight.

he:         N(0, 2 / fan-in), for what goes through ReLU (He et al. 2015)
xavier:     N(0, 2 / (fan-in + fan-out)), a compromise of the forward and the backward pass (Glorot and Bengio 2010)
lecun:      N(0, 1 / fan-in), for what is linear or nearly so (LeCun et al. 1998)
orthogonal: rows (or columns, if there are fewer) that are orthogonal and of length sqrt(2), for ReLU (Saxe et al. 2014)
"""


@torch.no_grad()
def initialize(model: nn.Module, name: str) -> None:
    """Draw every matrix and every convolution of a model anew; biases become 0, norms the identity."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            INITIALIZATIONS[name](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            module.reset_parameters()


@torch.no_grad()
def initialize_classifier(classifier: nn.Linear | None) -> None:
    """From N(0, 0.04 / inputs), small, so that the first loss is ln classes; nothing to do where there are no classes."""
    if classifier is not None:
        nn.init.normal_(classifier.weight, std=0.2 * classifier.in_features**-0.5)
        nn.init.zeros_(classifier.bias)


@torch.no_grad()
def zero_residuals(layers: nn.Module) -> None:
    """Every residual part begins as nothing, so that a stack of layers begins as the identity: the last map of each at zero (Zhang et al. 2019)."""
    for name, module in layers.named_modules():
        if isinstance(module, nn.Linear) and name.endswith((".out", ".down")):
            nn.init.zeros_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
