"""Dropout and stochastic depth: fair, unbiased, and a function of (seed, step, place, row) alone."""

import math

import pytest
import torch

from workings.layers.dropping import Dropout, StochasticDepth, number_places
from workings.layers.randomness import seed_draws


def dropped(layer: torch.nn.Module, x: torch.Tensor, *numbers: int, first_row: int = 0) -> torch.Tensor:
    seed_draws(*numbers, first_row=first_row)
    return layer(x)


@pytest.mark.parametrize("p", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_part_that_is_dropped_is_p_to_sampling_error_and_the_rest_is_scaled(p, dtype):
    y = dropped(Dropout(p), torch.ones(64, 25, 100, dtype=dtype), 1)
    zero = float((y == 0).double().mean())
    assert abs(zero - p) < 5 * math.sqrt(p * (1 - p) / y.numel())
    assert torch.allclose(y[y != 0].double(), torch.tensor(1 / (1 - p), dtype=torch.float64), rtol=1e-2 if dtype == torch.bfloat16 else 1e-6)


def test_expectation_and_variance_over_steps():
    """E y = x and Var y = x^2 p / (1 - p), element by element."""
    p, steps, x, layer = 0.3, 2000, torch.randn(3, 4, 7), Dropout(0.3)
    draws = torch.stack([dropped(layer, x, 5, step) for step in range(steps)]).double()
    deviation = x.abs().double() * math.sqrt(p / (1 - p) / steps)
    assert ((draws.mean(0) - x).abs() < 5 * deviation).all()
    assert torch.allclose(draws.var(0), x.double() ** 2 * p / (1 - p), rtol=0.25)


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.flatten().double() - a.double().mean(), b.flatten().double() - b.double().mean()
    return abs(float((a * b).mean() / a.std() / b.std()))


def test_rows_columns_steps_and_places_are_independent():
    places = torch.nn.Sequential(Dropout(0.5), Dropout(0.5))
    number_places(places)
    x = torch.ones(64, 32, 64)
    keep = dropped(places[0], x, 1, 1) > 0
    limit = 5 / math.sqrt(x.numel() / 2)
    assert correlation(keep, dropped(places[0], x, 1, 2) > 0) < limit
    assert correlation(keep, dropped(places[1], x, 1, 1) > 0) < limit
    assert correlation(keep, dropped(places[0], x, 2, 1) > 0) < limit
    for distance in (1, 2, 8, 16, 32):
        assert correlation(keep[..., :-distance], keep[..., distance:]) < 2 * limit, distance
        assert correlation(keep.flatten(0, 1)[:-distance], keep.flatten(0, 1)[distance:]) < 2 * limit, distance


@pytest.mark.parametrize("kind", [Dropout, StochasticDepth])
@pytest.mark.parametrize("shape", [(12, 5, 7), (12, 6), (12, 2, 3, 4)])
def test_a_batch_cut_into_rows_has_the_mask_of_the_whole(kind, shape):
    layer, x = kind(0.4), torch.randn(shape)
    whole = dropped(layer, x, 3, 9)
    for cuts in ((6, 6), (1, 11), (3, 4, 5)):
        parts, first = [], 0
        for rows in cuts:
            parts.append(dropped(layer, x[first : first + rows], 3, 9, first_row=first))
            first += rows
        assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("kind", [Dropout, StochasticDepth])
def test_the_backward_pass_has_the_mask_of_the_forward_pass(kind):
    layer, x = kind(0.4), torch.randn(8, 5, 7, dtype=torch.float64, requires_grad=True)
    y = dropped(layer, x, 1)
    seed_draws(99)  # the mask was decided in the forward pass
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.allclose(gradient * x, y)
    assert torch.autograd.gradcheck(lambda x: dropped(layer, x, 1), torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True))


def test_stochastic_depth_drops_whole_samples():
    y = dropped(StochasticDepth(0.25), torch.ones(4000, 3, 2), 1)
    kept = (y != 0).flatten(1)
    assert (kept.all(1) | ~kept.any(1)).all()
    assert abs(float((~kept[:, 0]).double().mean()) - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 4000)
    assert torch.allclose(y[kept[:, 0]], torch.tensor(4 / 3))


@pytest.mark.parametrize("kind", [Dropout, StochasticDepth])
def test_nothing_is_dropped_in_evaluation_or_with_probability_0(kind):
    x = torch.randn(3, 4)
    assert kind(0.5).eval()(x) is x and kind(0.0)(x) is x


def test_no_generator_is_touched():
    state = torch.get_rng_state()
    Dropout(0.5)(torch.ones(3, 4))
    assert torch.equal(state, torch.get_rng_state())
