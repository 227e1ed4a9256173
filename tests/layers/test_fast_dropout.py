"""The hashed mask: the same bits from C and from PyTorch, the right share, nothing repeated, and the same however a batch is cut."""

import pytest
import torch

from workings.layers.fast import dropout as fast
from workings.layers.fast.compiler import library

KEY = 0x1234_5678_9ABC_DEF1


@pytest.mark.skipif(library() is None, reason="no C compiler")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("first", [0, 7, (1 << 33) + 5])
def test_kernel_and_pytorch_give_the_same_bits(dtype, first, monkeypatch):
    x = torch.randn(131, 257).to(dtype)
    quick = fast.drop(x, 0.3, KEY, first)
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert torch.equal(quick, fast.drop(x, 0.3, KEY, first))


@pytest.mark.parametrize("p", [0.1, 0.2, 0.5, 0.9])
def test_an_element_is_dropped_with_probability_p(p):
    mask = fast.keep_mask(1000, 1000, p, KEY, 0)
    assert abs(1 - mask.float().mean().item() - p) < 5 * (p * (1 - p) / 1e6) ** 0.5


def test_neighbors_rows_and_keys_are_independent():
    n = 1000
    mask = fast.keep_mask(n, n, 0.5, KEY, 0).double() - 0.5
    other = fast.keep_mask(n, n, 0.5, KEY + 1, 0).double() - 0.5
    bound = 5 * 0.25 / n  # five deviations of the mean of n * n products of two signs of size 1/2
    for distance in (1, 2, 3, 16, 64, 256):
        assert abs((mask[:, distance:] * mask[:, :-distance]).mean()) < 1.1 * bound * (n / (n - distance)) ** 0.5
        assert abs((mask[distance:] * mask[:-distance]).mean()) < 1.1 * bound * (n / (n - distance)) ** 0.5
    assert abs((mask * other).mean()) < bound
    assert mask.mean(0).abs().max() < 6 * 0.5 / n**0.5 and mask.mean(1).abs().max() < 6 * 0.5 / n**0.5


def test_pieces_of_a_batch_get_the_masks_of_the_whole():
    x = torch.randn(12, 5, 37)
    whole = fast.dropout(x, 0.4, KEY)
    pieces = [fast.dropout(x[first : first + 3], 0.4, KEY, first * 5) for first in range(0, 12, 3)]
    assert torch.equal(whole, torch.cat(pieces))


@pytest.mark.parametrize("kernels", ["0", "1"])
def test_the_gradient_goes_through_the_same_mask(kernels, monkeypatch):
    monkeypatch.setenv("WORKINGS_FAST", kernels)
    x = torch.randn(64, 200, requires_grad=True)
    y = fast.dropout(x, 0.25, KEY)
    (dx,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(dx != 0, y != 0)
    assert torch.allclose(dx[dx != 0], torch.tensor(4 / 3))


def test_the_mean_is_kept():
    assert abs(fast.dropout(torch.ones(2000, 500), 0.2, KEY).mean() - 1) < 3e-3


def test_the_second_derivative_exists():
    x = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: fast.dropout(x, 0.3, KEY) ** 2, x)
