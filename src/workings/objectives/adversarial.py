"""What two players want of the discriminator's scores, and what its slope may cost (statements 5.2a-c). Sums over the batch, in float32 at least."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Critic = Callable[[Tensor], Tensor]
"""Pictures [B, C, H, W] -> scores [B]."""


def wide(scores: Tensor) -> Tensor:
    """In float32 at least."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def logistic(real: Tensor, fake: Tensor) -> Tensor:
    """sum_b -log s(r_b) - log(1 - s(f_b)) with the sigmoid s (Goodfellow et al. 2014), without overflow. real, fake: scores [B]."""
    return F.softplus(-wide(real)).sum() + F.softplus(wide(fake)).sum()


def non_saturating(fake: Tensor) -> Tensor:
    """sum_b -log s(f_b): the generator's gradient does not vanish where the discriminator is sure (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-wide(fake)).sum()


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """sum_b max(0, 1 - r_b) + max(0, 1 + f_b): scores beyond the margin are left alone (Lim and Ye 2017)."""
    return F.relu(1 - wide(real)).sum() + F.relu(1 + wide(fake)).sum()


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    """sum_b f_b - r_b: minus an estimate of the distance that pictures must be moved, if the critic's slope is at most 1 (Arjovsky et al. 2017)."""
    return wide(fake).sum() - wide(real).sum()


def raised(fake: Tensor) -> Tensor:
    """sum_b -f_b."""
    return -wide(fake).sum()


DISCRIMINATOR: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"non-saturating": logistic, "hinge": hinge, "wasserstein": wasserstein}
"""Name -> what the discriminator minimizes, of the scores of real and drawn pictures."""
GENERATOR: dict[str, Callable[[Tensor], Tensor]] = {"non-saturating": non_saturating, "hinge": raised, "wasserstein": raised}
"""Name -> what the generator minimizes, of the scores of drawn pictures."""


def slopes(critic: Critic, x: Tensor) -> Tensor:
    """|gradient of D at x_b|^2 of every sample, over all of its numbers; can be differentiated. x: [B, ...] -> [B].

    A sample whose score others sway (minibatch deviation) has the gradient of the sum of all scores.
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return wide(gradient).flatten(1).square().sum(1)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, epsilon: Tensor) -> Tensor:
    """sum_b (|gradient of D at e_b r_b + (1 - e_b) f_b| - 1)^2, one e for each sample (Gulrajani et al. 2017). real, fake: [B, ...]; epsilon: e [B]."""
    e = epsilon.view(-1, *[1] * (real.ndim - 1)).to(real.dtype)
    squares = slopes(critic, e * real + (1 - e) * fake)
    return ((squares + 1e-12).sqrt() - 1).square().sum()  # the root has no slope at 0


def drift(real: Tensor) -> Tensor:
    """sum_b r_b^2: keeps scores, of which only differences count, from wandering off (Karras et al. 2018, appendix A)."""
    return wide(real).square().sum()


def zero_centered(critic: Critic, real: Tensor) -> Tensor:
    """R1 = sum_b |gradient of D at r_b|^2 / 2: at the end of the game the discriminator is flat where the data is (Mescheder et al. 2018)."""
    return slopes(critic, real).sum() / 2
