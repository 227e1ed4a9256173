"""The moving average: its closed form, its warmed decay, and that using it changes nothing."""

import pytest
import torch
from torch import nn

from workings.training.averaging import Average


def follow(decay: float, values: list[float]) -> tuple[nn.Linear, Average]:
    """A module whose one weight takes these values in turn, averaged after each but the first."""
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(values[0])
    average = Average(module, decay)
    for value in values[1:]:
        module.weight.data.fill_(value)
        average.update()
    return module, average


def test_the_average_is_the_weighted_sum_in_closed_form():
    """w'_n = sum_k (1 - d_k) prod_{j > k} d_j w_k + prod_j d_j w_0, with d_n = min(d, (1 + n) / (10 + n))."""
    values = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0]
    for decay in (0.1, 0.25, 0.999):
        decays = [min(decay, (1 + n) / (10 + n)) for n in range(1, len(values))]
        expected = 0.0
        for k, value in enumerate(values):
            weight = 1.0 if k == 0 else 1 - decays[k - 1]
            for d in decays[k:]:
                weight *= d
            expected += weight * value
        _, average = follow(decay, values)
        assert float(average.weights["weight"]) == pytest.approx(expected, rel=1e-6)


def test_the_decay_warms_up_so_that_a_short_run_is_not_all_beginning():
    _, average = follow(0.9999, [100.0] + [0.0] * 30)
    assert abs(float(average.weights["weight"])) < 0.01


def test_a_constant_is_its_own_average():
    _, average = follow(0.99, [2.5] * 50)
    assert float(average.weights["weight"]) == pytest.approx(2.5, abs=1e-6)


def test_the_block_shows_the_average_and_gives_the_weights_back_bit_for_bit():
    module, average = follow(0.9, [0.1, 0.2, 0.7])
    before, mean = module.weight.detach().clone(), average.weights["weight"].clone()
    with average.applied():
        assert torch.equal(module.weight, mean) and not torch.equal(mean, before)
    assert torch.equal(module.weight, before) and torch.equal(average.weights["weight"], mean)


def test_an_error_inside_the_block_gives_them_back_too():
    module, average = follow(0.9, [0.1, 0.2])
    before = module.weight.detach().clone()
    with pytest.raises(ZeroDivisionError), average.applied():
        1 / 0  # noqa: B018
    assert torch.equal(module.weight, before)


def test_buffers_and_counters_are_the_models_own():
    module = nn.BatchNorm1d(3)
    average = Average(module, 0.9)
    module(torch.randn(8, 3))
    average.update()
    assert average.weights.keys() == {"weight", "bias"}
    with average.applied():
        assert int(module.num_batches_tracked) == 1
