"""Halving and doubling of pictures: which pixels a window sees, and doubling with fewer products."""

import pytest
import torch
import torch.nn.functional as F

from workings.layers.timed_block import Doubling, Halving


@pytest.mark.parametrize("size", [(10, 6), (9, 6), (10, 5), (13, 17)])
def test_doubling_is_every_pixel_twice_and_a_convolution(size):
    layer, x = Doubling(3).double(), torch.randn(2, 3, 5, 3, dtype=torch.float64, requires_grad=True)
    right, y = layer.convolution(F.interpolate(x, size=size, mode="nearest")), layer(x, size)
    torch.testing.assert_close(y, right, rtol=0, atol=1e-12)
    weights, inputs = torch.randn_like(y), [x, *layer.parameters()]
    for mine, wanted in zip(*(torch.autograd.grad((z * weights).sum(), inputs) for z in (y, right)), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-10)


def test_doubling_to_twice_the_size_never_makes_the_larger_picture(monkeypatch):
    layer = Doubling(3)
    monkeypatch.setattr(F, "interpolate", None)
    assert layer(torch.randn(2, 3, 5, 7), (10, 14)).shape == (2, 3, 10, 14)


@pytest.mark.parametrize(("edge", "sizes"), [("both", (4, 3)), ("end", (3, 3))])
def test_halving_sees_zeros_where_it_is_said(edge, sizes):
    """Of ones and a window of ones, a sum is less than 9 where zeros are seen."""
    layer = Halving(1, edge)
    torch.nn.init.ones_(layer.convolution.weight), torch.nn.init.zeros_(layer.convolution.bias)
    y = layer(torch.ones(1, 1, 7, 6))[0, 0]
    assert y.shape == sizes
    assert [y[0, 0].item(), y[1, 1].item(), y[1, -1].item()] == ([4, 9, 9] if edge == "both" else [9, 9, 6])
