"""Group norm with SiLU in one call equals PyTorch's in float64, in values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from workings.layers.fast.activated_norm import by_pixel, takes
from workings.layers.fast.compiler import library
from workings.layers.group_norm import GroupNorm

TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 1.6e-2}
"""Relative to the largest value: a few hundred roundings of float32, or 4 of bfloat16."""
SHAPES = [(5, 32, 15, 14, 8), (3, 39, 10, 11, 13), (130, 64, 1, 1, 4), (2, 96, 9, 7, 96)]

pytestmark = pytest.mark.skipif(library() is None, reason="no C compiler")


def close(mine, right, dtype):
    return mine.shape == right.shape and (mine.double() - right).abs().max() <= TOLERANCE[dtype] * right.abs().max().clamp(min=1)


def some(shape, dtype, told):
    """A map, a norm whose numbers are random, and what is told."""
    torch.manual_seed(0)
    *shape, groups = shape
    x = by_pixel((torch.randn(shape) * 2 + torch.arange(shape[1])[:, None, None] / 10).to(dtype)).requires_grad_()
    norm = GroupNorm(groups, shape[1], 1e-5)
    torch.nn.init.normal_(norm.weight, 1, 0.3), torch.nn.init.normal_(norm.bias, 0, 0.3)
    return x, norm, {name: torch.randn(shape[:2], dtype=torch.float32).to(dtype).requires_grad_() for name in told}


@pytest.mark.parametrize("told", [(), ("added",), ("scale", "shift"), ("added", "scale", "shift")], ids=["alone", "added", "scaled", "all"])
@pytest.mark.parametrize("silu", [True, False], ids=["silu", "plain"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_equals_pytorchs(shape, dtype, silu, told):
    x, norm, given = some(shape, dtype, told)
    inputs = [x, norm.weight, norm.bias, *given.values()]
    exact = [tensor.detach().double().requires_grad_() for tensor in inputs]
    z, weight, bias, *others = exact
    more = dict(zip(given, others, strict=True))
    z = F.group_norm(z + more["added"][..., None, None] if "added" in more else z, norm.num_groups, weight, bias, norm.eps)
    z = z * (1 + more["scale"][..., None, None]) + more["shift"][..., None, None] if "scale" in more else z
    right, y = F.silu(z) if silu else z, norm(x, silu=silu, **given)
    dy = torch.randn_like(right)
    assert takes(x) and type(y.grad_fn).__name__ == "GroupNormSiluBackward" and y.dtype == dtype and close(y, right, dtype)
    for mine, wanted in zip(torch.autograd.grad(y, inputs, dy.to(dtype)), torch.autograd.grad(right, exact, dy.to(dtype).double()), strict=True):
        assert close(mine, wanted, dtype)


def test_a_mean_far_from_zero_costs_no_digits():
    x, norm = by_pixel(torch.randn(8, 16, 9, 9) + 1000), GroupNorm(4, 16)
    torch.testing.assert_close(norm(x).double(), F.group_norm(x.double(), 4, eps=1e-5), rtol=0, atol=1e-3)


def test_both_layouts_and_the_way_without_kernels_say_the_same(monkeypatch):
    x, norm, given = some(SHAPES[0], torch.float32, ("added",))
    y, other = norm(x, silu=True, **given), norm(x.contiguous(), silu=True, **given)
    monkeypatch.setenv("WORKINGS_FAST", "0")
    plain = norm(x, silu=True, **given)
    assert torch.equal(y, other) and "GroupNormSilu" not in type(plain.grad_fn).__name__
    torch.testing.assert_close(y, plain, rtol=0, atol=1e-5)


def test_the_number_of_threads_changes_no_bit():
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            x, norm, given = some(SHAPES[0], torch.bfloat16, ("added",))
            y = norm(x, silu=True, **given)
            results.append([y, *torch.autograd.grad(y.float().sin().sum(), [x, norm.weight, given["added"]])])
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))
