"""Pooling, and batch norm with GELU, in one pass equal PyTorch's in float64, in values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from workings.layers.fast import activated_norm as fast
from workings.layers.fast.compiler import library

TOLERANCE = {torch.float32: 4e-6, torch.bfloat16: 1.6e-2}
"""Relative to the largest value: a few dozen roundings of float32, or 4 of bfloat16."""
SHAPES = [(5, 32, 15, 14), (7, 13, 10, 11), (600, 24, 1, 1), (3, 64, 9, 9)]

pytestmark = pytest.mark.skipif(library() is None, reason="no C compiler")


def close(mine, right, dtype):
    return mine.shape == right.shape and (mine.double() - right).abs().max() <= TOLERANCE[dtype] * right.abs().max().clamp(min=1)


def some_map(shape, dtype, by_pixel=True):
    torch.manual_seed(0)
    x = (torch.randn(shape) * 2 + torch.arange(shape[1])[:, None, None] / 10).to(dtype)
    return (fast.by_pixel(x) if by_pixel else x).requires_grad_()


@pytest.mark.parametrize("by_pixel", [True, False], ids=["channels last", "channels first"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[2] > 1])
def test_the_largest_of_four_is_pytorchs_to_the_bit_and_so_is_where_its_gradient_goes(shape, dtype, by_pixel):
    x = some_map(shape, dtype, by_pixel)
    x = x.detach().mul(2).round().div(2).requires_grad_()  # many are equal
    y, right = fast.largest_of_four(x), F.max_pool2d(x, 2)
    dy = torch.randn_like(right)
    assert fast.takes(x) and torch.equal(y, right)
    assert torch.equal(torch.autograd.grad(y, x, dy)[0], torch.autograd.grad(right, x, dy)[0])


def test_a_value_that_is_not_a_number_is_the_largest():
    x = torch.randn(4, 64, 8, 8)
    x[1, 2, 3, 4] = torch.nan
    assert fast.largest_of_four(x)[1, 2, 1, 2].isnan() and fast.largest_of_four(x).isnan().sum() == 1


@pytest.mark.parametrize("with_addend", [False, True], ids=["alone", "with an addend"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_norm_and_gelu_equal_pytorchs(shape, dtype, with_addend):
    x, bias = some_map(shape, dtype), torch.randn(shape[1], requires_grad=True)
    added = torch.randn(shape).to(dtype).requires_grad_() if with_addend else None
    inputs = [p for p in (x, bias, added) if p is not None]
    exact = [p.detach().double().requires_grad_() for p in inputs]
    y, mean, variance = fast.norm_gelu(x, added, bias, 1e-5)
    u = F.batch_norm(exact[0], None, None, None, exact[1], True, 0.0, 1e-5)
    right = F.gelu(u + exact[2] if with_addend else u)
    dy = torch.randn_like(y)
    assert type(y.grad_fn).__name__ == "NormGeluBackward" and close(y, right, dtype)
    torch.testing.assert_close(mean.double(), exact[0].mean((0, 2, 3)), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(variance.double(), exact[0].var((0, 2, 3), correction=0), rtol=3e-5, atol=0)
    for mine, wanted in zip(torch.autograd.grad(y, inputs, dy), torch.autograd.grad(right, exact, dy.double()), strict=True):
        assert mine.dtype in (dtype, torch.float32) and close(mine, wanted, dtype)


@pytest.mark.parametrize("with_addend", [False, True], ids=["alone", "with an addend"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_known_statistics_are_used_as_they_are_with_and_without_gradients(dtype, with_addend):
    x, bias, mean, variance = some_map((6, 32, 7, 8), dtype), torch.randn(32), torch.randn(32), torch.rand(32) + 0.5
    added = torch.randn(6, 32, 7, 8).to(dtype) if with_addend else None
    u = F.batch_norm(x.double(), mean.double(), variance.double(), None, bias.double(), False, 0.0, 1e-5)
    right = F.gelu(u if added is None else u + added)
    slow = fast.known_norm_gelu(x, added, bias, mean, variance, 1e-5)
    with torch.no_grad():
        quick = fast.known_norm_gelu(x, added, bias, mean, variance, 1e-5)
    assert slow.requires_grad and not quick.requires_grad
    assert close(slow.detach(), right, dtype) and close(quick, right, dtype)


def test_a_mean_far_from_zero_leaves_the_variance_exact():
    """The sums are of distances from a pixel, not of the numbers."""
    x = torch.randn(8, 16, 9, 9) + 1000
    _, mean, variance = fast.norm_gelu(x, None, torch.zeros(16), 1e-5)
    exact = x.double()
    torch.testing.assert_close(variance.double(), exact.var((0, 2, 3), correction=0), rtol=1e-4, atol=0)
    torch.testing.assert_close(mean.double(), exact.mean((0, 2, 3)), rtol=1e-6, atol=0)


def test_the_number_of_threads_changes_no_bit():
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            x, bias = some_map((7, 32, 9, 9), torch.bfloat16), torch.zeros(32, requires_grad=True)
            y = fast.norm_gelu(fast.largest_of_four(x), None, bias, 1e-5)[0]
            results.append([y, *torch.autograd.grad(y.float().sin().sum(), [x, bias])])
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))
