"""Coins by the kernels are those of PyTorch: what they show, bit for bit, and how probable that is, with its slope."""

import pytest
import torch

from workings.layers.fast.coins import coin_density, thrown
from workings.layers.fast.compiler import library

KEY = 0x1234_5678_9ABC_DEF1
needs_compiler = pytest.mark.skipif(library() is None, reason="no C compiler")


@needs_compiler
@pytest.mark.parametrize("numbers", [None, torch.arange(31) * 2**40 - 7], ids=["in order", "numbered"])
def test_the_same_coins_show_the_same(numbers, monkeypatch):
    pictures = torch.randint(0, 256, (31, 1, 17, 19), dtype=torch.uint8)
    quick = thrown(pictures, KEY, 5, numbers)
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert torch.equal(quick, thrown(pictures, KEY, 5, numbers)) and 0.3 < quick.mean() < 0.7


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("samples", [1, 3])
def test_density_and_slope_are_those_of_pytorch(dtype, samples, monkeypatch):
    torch.manual_seed(0)
    logits = (8 * torch.randn(13, samples, 757)).to(dtype)
    logits[0, 0, :5] = torch.tensor([0.0, 90.0, -90.0, 20.0, -20.0])
    x, weights = torch.rand(13, 1, 757), torch.randn(13, samples)
    results = []
    for kernels in ("1", "0"):
        monkeypatch.setenv("WORKINGS_FAST", kernels)
        given = logits.clone().requires_grad_()
        total = coin_density(given, x)
        (slope,) = torch.autograd.grad((total * weights).sum(), given)
        results.append((total.detach(), slope.float()))
    (quick, quick_slope), (plain, plain_slope) = results
    torch.testing.assert_close(quick, plain, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(quick_slope, plain_slope, rtol=1e-2 if dtype == torch.bfloat16 else 1e-4, atol=1e-2 if dtype == torch.bfloat16 else 1e-6)


def test_fair_coins_have_one_half_for_each():
    assert coin_density(torch.zeros(1, 1, 9000), torch.rand(1, 1, 9000).round()).item() == pytest.approx(-9000 * torch.tensor(2.0).log().item(), rel=1e-5)
