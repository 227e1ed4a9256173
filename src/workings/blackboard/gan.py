"""Two players over pictures as they are written: what each wants, and what keeps them in check (statements 5.2a-d).

A picture is rows of pixels, and a pixel is the vector of its channels, as in `resnet`. A critic is a function of one picture.
"""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from workings.blackboard.resnet import Picture, convolution, each

SLOPE, TINY = 0.2, 1e-8
"""Of the leaky ReLU below 0; what is added before a root is taken."""


def total(xs: Iterable[Tensor]) -> Tensor:
    """The sum of tensors of one shape."""
    return torch.stack(list(xs)).sum(0)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp x), written so that nothing overflows."""
    return torch.clamp(x, min=0) + torch.log1p(torch.exp(-torch.abs(x)))


def logistic(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """-sum_b log s(r_b) - sum_b log(1 - s(f_b)), s(x) = 1 / (1 + exp -x): the discriminator tells real from drawn (5.2a)."""
    return total(softplus(-r) for r in real) + total(softplus(f) for f in fake)


def non_saturating(fake: list[Tensor]) -> Tensor:
    """-sum_b log s(f_b): the generator wants its pictures to be taken for real (5.2a)."""
    return total(softplus(-f) for f in fake)


def hinge(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """sum_b max(0, 1 - r_b) + sum_b max(0, 1 + f_b)."""
    return total(torch.clamp(1 - r, min=0) for r in real) + total(torch.clamp(1 + f, min=0) for f in fake)


def wasserstein(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """sum_b f_b - sum_b r_b (5.2c)."""
    return total(fake) - total(real)


def raised(fake: list[Tensor]) -> Tensor:
    """-sum_b f_b."""
    return -total(fake)


def slope(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The length of the gradient of a critic at one picture: the root of the sum over all of its numbers of (dD / dx_i)^2.  x: [C, H, W]."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x), x, create_graph=True)
    return torch.sqrt(total(g**2 for g in gradient.flatten()))


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: list[Tensor], fake: list[Tensor], epsilon: list[float]) -> Tensor:
    """sum_b (|dD/dx at e_b r_b + (1 - e_b) f_b| - 1)^2, each picture with an e of its own (5.2c)."""
    return total((slope(critic, e * r + (1 - e) * f) - 1) ** 2 for r, f, e in zip(real, fake, epsilon, strict=True))


def drift(real: list[Tensor]) -> Tensor:
    """sum_b r_b^2 (5.2c)."""
    return total(r**2 for r in real)


def zero_centered(critic: Callable[[Tensor], Tensor], real: list[Tensor]) -> Tensor:
    """R1 = sum_b |dD/dx at r_b|^2 / 2."""
    return total(slope(critic, r) ** 2 for r in real) / 2


def leaky_relu(x: Tensor) -> Tensor:
    """x above 0, 0.2 x below."""
    return torch.where(x > 0, x, SLOPE * x)


def equalized_linear(x: Tensor, W: Tensor, b: Tensor, gain: float) -> Tensor:
    """(gain / sqrt(inputs)) W x + b: the weights are scaled, the bias is not (5.2c).  x: [inputs]; W: [outputs, inputs]."""
    return gain / math.sqrt(W.shape[1]) * (W @ x) + b


def equalized_convolution(x: Picture, W: Tensor, b: Tensor, gain: float) -> Picture:
    """(gain / sqrt(inputs size^2)) W * x + b (5.2c).  W: [outputs, inputs, size, size]."""
    scale = gain / math.sqrt(W.shape[1] * W.shape[2] * W.shape[3])
    return each([convolution(x, W, 1)], lambda pixel: scale * pixel + b)[0]


def pixel_norm(x: Picture) -> Picture:
    """x_rc / sqrt(mean over channels of x_rc^2 + epsilon) (5.2c)."""
    return each([x], lambda pixel: pixel / torch.sqrt((pixel**2).sum() / len(pixel) + TINY))[0]


def minibatch_deviation(xs: list[Picture]) -> list[Picture]:
    """A group of pictures, each pixel with one more number: the deviation over the group, averaged over all channels and places (5.2c)."""
    deviations = []
    for r in range(len(xs[0])):
        for c in range(len(xs[0][0])):
            mean = total(x[r][c] for x in xs) / len(xs)
            variance = total((x[r][c] - mean) ** 2 for x in xs) / len(xs)
            deviations += list(torch.sqrt(variance + TINY))
    told = total(deviations) / len(deviations)
    return each(xs, lambda pixel: torch.cat([pixel, told[None]]))


def doubled(x: Picture) -> Picture:
    """y_rc = x_{r/2, c/2}, rounded down."""
    return [[x[r // 2][c // 2] for c in range(2 * len(x[0]))] for r in range(2 * len(x))]


def halved(x: Picture) -> Picture:
    """y_rc = the mean of the pixels (2 r, 2 c) ... (2 r + 1, 2 c + 1)."""
    return [[total(x[2 * r + i][2 * c + j] for i in (0, 1) for j in (0, 1)) / 4 for c in range(len(x[0]) // 2)] for r in range(len(x) // 2)]


def fade_in(old: Picture, new: Picture, alpha: float) -> Picture:
    """(1 - alpha) x_rc of the old picture, doubled, + alpha x_rc of the new one (5.2c)."""
    return [[(1 - alpha) * a + alpha * b for a, b in zip(*rows, strict=True)] for rows in zip(doubled(old), new, strict=True)]


def real_shown(x: Picture, halvings: int, alpha: float) -> Picture:
    """A real picture at a stage: halved so often, and faded like a drawn one (5.2c)."""
    for _ in range(halvings):
        x = halved(x)
    return fade_in(halved(x), x, alpha)


def spectral_norm(W: Tensor) -> Tensor:
    """W divided by its largest singular value, each output a row.  W: [outputs, ...]."""
    return W / torch.linalg.svdvals(W.reshape(len(W), -1))[0]


def plane(x: Picture, E: Tensor) -> Picture:
    """x_rc with one more number, that of the label's own small picture E, as large as x (5.2d).  E: [h, w]."""
    return [[torch.cat([pixel, E[r * len(E) // len(x), c * len(E[0]) // len(row)][None]]) for c, pixel in enumerate(row)] for r, row in enumerate(x)]


def projection(x: Picture, v: Tensor, scale: float) -> Tensor:
    """scale v_y . (sum over r, c of x_rc) (5.2d).  v: [C], of the label y."""
    return scale * (v * total(pixel for row in x for pixel in row)).sum()
