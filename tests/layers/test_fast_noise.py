"""Hashed noise: the same bits from C and from PyTorch, the right distribution, and the same for a row however a batch is cut."""

import pytest
import torch

from workings.layers.fast.compiler import library
from workings.layers.fast.noise import normal, uniform

KEY = 0x1234_5678_9ABC_DEF1


@pytest.mark.skipif(library() is None, reason="no C compiler")
@pytest.mark.parametrize("numbers", [None, torch.tensor([5, -(2**62) + 3, 2**40 + 1] * 10)], ids=["in order", "numbered"])
def test_kernel_and_pytorch_give_the_same_bits(numbers, monkeypatch):
    quick = uniform(30, 311, KEY, 7, numbers=numbers)
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert torch.equal(quick, uniform(30, 311, KEY, 7, numbers=numbers))


def test_numbers_lie_inside_the_interval_evenly():
    u = uniform(1000, 1000, KEY)
    assert 0 < u.min() < 1e-5 and 1 - 1e-5 < u.max() < 1
    shares = torch.histc(u, 20, 0, 1) / u.numel()
    assert (shares - 0.05).abs().max() < 5 * (0.05 * 0.95 / u.numel()) ** 0.5


def test_normal_numbers_have_the_moments_of_the_normal_distribution():
    e = normal(1000, 1000, KEY).double()
    n = e.numel() ** 0.5
    for power, moment, deviation in ((1, 0, 1), (2, 1, 2**0.5), (3, 0, 15**0.5), (4, 3, 96**0.5)):
        assert abs((e**power).mean() - moment) < 5 * deviation / n
    assert e.isfinite().all() and e.abs().max() > 4.5
    assert abs((e[:, 1:] * e[:, :-1]).mean()) < 5 / n and abs((e[1:] * e[:-1]).mean()) < 5 / n


def test_a_row_has_its_numbers_wherever_the_batch_is_cut():
    whole = normal(12, 31, KEY)
    assert torch.equal(whole, torch.cat([normal(4, 31, KEY, first) for first in (0, 4, 8)]))
    assert torch.equal(uniform(2, 31, KEY, numbers=torch.tensor([7, 3])), uniform(12, 31, KEY)[[7, 3]])
    assert not torch.equal(whole, normal(12, 31, KEY + 1))
