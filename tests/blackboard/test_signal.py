"""The closed forms of how numbers and gradients grow are what wide networks do before they learn."""

import math

import pytest
import torch
from torch import nn

from workings.blackboard.signal import GAIN, backward_slope, forward_slope, layer_size, relu_size
from workings.layers.initialization import INITIALIZATIONS, initialize
from workings.layers.norms import make_norm

WIDTH, DEPTH, ROWS = 256, 24, 128


def test_a_relu_leaves_half_of_the_square():
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    density = torch.exp(-(z**2) / (2 * 1.7)) / math.sqrt(2 * math.pi * 1.7)
    assert torch.trapezoid(z.clamp(min=0) ** 2 * density, z).item() == pytest.approx(relu_size(1.7), rel=1e-5)


def test_the_growth_under_batch_norm_is_that_of_the_variance_that_a_relu_leaves():
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    density, y = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), z.clamp(min=0)
    square, mean = (torch.trapezoid(f * density, z) for f in (y**2, y))
    assert math.exp(backward_slope("he", "batch")) == pytest.approx((square / (square - mean**2)).item(), rel=1e-6)


def test_names_are_those_of_the_layers():
    assert GAIN.keys() == INITIALIZATIONS.keys()
    assert forward_slope("xavier", "none") == forward_slope("lecun", "none") == -math.log(2) and forward_slope("he", "none") == 0


@pytest.mark.parametrize("name", GAIN)
@pytest.mark.parametrize("norm", ["none", "layer", "rms", "batch"])
def test_wide_networks_follow(name, norm):
    torch.manual_seed(0)
    norms = {"none": nn.Identity, "layer": lambda: make_norm("layer", WIDTH, 1e-5, True), "rms": lambda: make_norm("rms", WIDTH, 1e-6, False)}
    made = norms.get(norm, lambda: nn.BatchNorm1d(WIDTH))
    layers = nn.ModuleList(nn.Sequential(nn.Linear(WIDTH, WIDTH), made(), nn.ReLU()) for _ in range(DEPTH))
    initialize(layers, name)
    ys = [torch.randn(ROWS, WIDTH)]
    for layer in layers:
        ys.append(layer(ys[-1]))
    gradients = torch.autograd.grad((ys[-1] * torch.randn(ROWS, WIDTH)).sum(), ys[1:])
    ys = [y.detach() for y in ys]
    forward = torch.stack([y.square().mean().log() for y in ys[1:]])
    backward = torch.stack([gradient.square().mean().log() for gradient in gradients])
    assert float(forward[-1] - forward[0]) / (DEPTH - 1) == pytest.approx(forward_slope(name, norm), abs=0.04)
    assert float(backward[0] - backward[-1]) / (DEPTH - 1) == pytest.approx(backward_slope(name, norm), abs=0.06)
    assert float(forward[0].exp()) == pytest.approx(layer_size(1.0, name, norm), rel=0.12)
