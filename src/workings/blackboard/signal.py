"""What becomes of the size of numbers from layer to layer before anything is learned: closed forms for wide networks (statement 6.1b).

A layer is y = relu(N(W x)) with n inputs and n outputs and weights from N(0, gain / n). "Size" is the mean square over the neurons of a layer.
"""

import math

GAIN = {"he": 2.0, "xavier": 1.0, "lecun": 1.0, "orthogonal": 2.0}
"""Initialization -> n times the variance of a weight, where a layer has as many outputs as inputs."""


def linear_size(q: float, gain: float) -> float:
    """E z^2 of z = W x, where x has the size q: n (gain / n) q = gain q."""
    return gain * q


def relu_size(q: float) -> float:
    """E relu(z)^2 of z from N(0, q): half of z^2 is cut off, q / 2 is left (He et al. 2015)."""
    return q / 2


def layer_size(q: float, name: str, norm: str) -> float:
    """The size of what leaves a layer, from the size q of what enters it: a norm makes it the same whatever entered."""
    return relu_size(linear_size(q, GAIN[name]) if norm == "none" else 1.0)


def forward_slope(name: str, norm: str) -> float:
    """By how much the logarithm of the size changes in a layer: ln(gain / 2) without a norm, so -ln 2 for Xavier and 0 for He; with one 0."""
    return math.log(GAIN[name] / 2) if norm == "none" else 0.0


def backward_slope(name: str, norm: str) -> float:
    """By how much the logarithm of the size of the gradient changes in a layer on the way back.

    Without a norm the gradient goes through W^T (times gain) and through the half of the neurons that are on (times 1 / 2), as the numbers did: ln(gain / 2).
    A layer norm or root-mean-square norm divides the gradient by the size of W x, which is gain / 2: the two cancel, whatever the gain.
    A batch norm divides by the variance over the pictures of the batch, which is less than that, as ReLUs leave a mean that all pictures share:
    relu(z) of z from N(0, 1) has the square 1 / 2 and the variance 1 / 2 - 1 / (2 pi). Their ratio is pi / (pi - 1): so gradients grow (Yang et al. 2019).
    """
    return {"none": math.log(GAIN[name] / 2), "layer": 0.0, "rms": 0.0, "batch": math.log(math.pi / (math.pi - 1))}[norm]
