"""GELU and layer norm in one pass equal PyTorch's in float64, in values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from workings.layers.fast import pointwise as fast
from workings.layers.norms import LayerNorm

TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 1e-2}
"""Relative to the largest value: 16 roundings of float32, or 2 of bfloat16."""


def close(mine, right, dtype):
    return (mine.double() - right).abs().max() <= TOLERANCE[dtype] * right.abs().max().clamp(min=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("gelu", "form"), [(fast.gelu_tanh, "tanh"), (fast.gelu, "none")])
def test_gelu_equals_pytorchs(gelu, form, dtype):
    x = torch.linspace(-12, 12, 8200).view(4, 2050).to(dtype).requires_grad_()
    exact = x.detach().double().requires_grad_()
    y, right = gelu(x), F.gelu(exact, approximate=form)
    dy = torch.randn_like(y)
    assert close(y, right, dtype)
    assert close(torch.autograd.grad(y, x, dy)[0], torch.autograd.grad(right, exact, dy.double())[0], dtype)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 50, 127), (700, 13), (9, 1024)])
def test_layer_norm_equals_pytorchs(shape, dtype, bias):
    torch.manual_seed(1)
    x = (torch.randn(shape) * 3 + 5).to(dtype).requires_grad_()
    weight, c = torch.randn(shape[-1], requires_grad=True), torch.randn(shape[-1], requires_grad=True) if bias else None
    inputs = [p for p in (x, weight, c) if p is not None]
    exact = [p.detach().double().requires_grad_() for p in inputs]
    y = fast.layer_norm(x, weight, c, 1e-5)
    right = F.layer_norm(exact[0], shape[-1:], exact[1], exact[2] if bias else None, 1e-5)
    dy = torch.randn_like(y)
    assert close(y, right, dtype)
    for mine, wanted in zip(torch.autograd.grad(y, inputs, dy), torch.autograd.grad(right, exact, dy.double()), strict=True):
        assert close(mine, wanted, dtype)


def test_under_autocast_the_norm_answers_in_the_precision_of_the_next_product():
    x = torch.randn(20, 600)
    norm = LayerNorm(600)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.allclose(norm(x).float(), norm(x.double().float()).float())
        assert torch.allclose(norm(x).float(), F.layer_norm(x, (600,)), atol=2e-2)


@pytest.mark.parametrize("gelu", [fast.gelu_tanh, fast.gelu])
def test_a_value_that_is_not_a_number_stays_one(gelu):
    x = torch.randn(30, 300).bfloat16()
    x[3, 5] = torch.nan
    y = gelu(x.requires_grad_())
    assert y[3, 5].isnan() and y.isnan().sum() == 1
