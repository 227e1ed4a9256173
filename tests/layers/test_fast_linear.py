"""The oneDNN product equals W x + b, in values and gradients, and is asked only where it can answer."""

import pytest
import torch
import torch.nn.functional as F

from workings.layers.fast import linear as fast
from workings.layers.linear import Linear

SIZES = dict(inputs=192, outputs=320, rows=300)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(None, 2e-6), (torch.bfloat16, 1.5e-2)])
def test_it_equals_the_product_in_float64(bias, dtype, tolerance):
    torch.manual_seed(0)
    layer = Linear(SIZES["inputs"], SIZES["outputs"], bias=bias)
    x = torch.randn(3, SIZES["rows"] // 3, SIZES["inputs"], requires_grad=True)
    assert x.numel() * SIZES["outputs"] >= fast.LEAST
    inputs = [x, *layer.parameters()]
    exact = [p.detach().double().requires_grad_() for p in inputs]
    with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
        y = layer(x)
    right = F.linear(*exact)
    dy = torch.randn_like(y)
    assert y.dtype == (dtype or torch.float32) and y.shape == right.shape
    assert (y.double() - right).abs().max() <= tolerance * right.abs().max()
    for mine, wanted in zip(torch.autograd.grad(y, inputs, dy), torch.autograd.grad(right, exact, dy.double()), strict=True):
        assert mine.dtype == torch.float32 and mine.shape == wanted.shape
        assert (mine.double() - wanted).abs().max() <= tolerance * wanted.abs().max()


def test_the_second_derivative_exists():
    x, weight = torch.randn(300, 192, requires_grad=True), torch.randn(320, 192, requires_grad=True)
    (dx,) = torch.autograd.grad(fast.linear(x, weight).square().sum(), x, create_graph=True)
    mine = torch.autograd.grad(dx.square().sum(), weight)[0]
    (dx,) = torch.autograd.grad(F.linear(x, weight).square().sum(), x, create_graph=True)
    plain = torch.autograd.grad(dx.square().sum(), weight)[0]
    assert torch.allclose(mine, plain, rtol=1e-3, atol=1e-4 * plain.abs().max().item())


def test_small_double_and_switched_off_products_are_pytorchs(monkeypatch):
    x, weight = torch.randn(300, 192), torch.randn(320, 192)
    assert not fast.pays(x[:2], weight, torch.float32)
    assert not fast.pays(x.double(), weight.double(), torch.float64)
    assert not fast.pays(x.to("meta"), weight.to("meta"), torch.float32)
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert not fast.pays(x, weight, torch.float32)
    assert torch.equal(fast.linear(x, weight), F.linear(x, weight))
