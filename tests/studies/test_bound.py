"""The study of bounds: its known models have the evidence and the gap that they say, and its sums are those of the objective."""

import pytest
import torch

from workings.layers.randomness import generator
from workings.objectives.elbo import elbo, iwae
from workings.studies.bound import (
    DATA,
    HALF,
    LATENT,
    NOISE,
    OFF,
    PIXELS,
    STUDY,
    TRAINED,
    WIDE,
    LinearGaussian,
    bound,
    expectations,
    judge,
    measure,
    slope,
    sums,
    weights_of,
)
from workings.studies.study import Scale


def pictures(model: LinearGaussian, n: int = 3) -> torch.Tensor:
    return model.sample(n, generator(0, DATA))[1]


@pytest.mark.parametrize("kind", [OFF, WIDE])
def test_the_bound_of_one_sample_lacks_what_the_closed_form_says(kind):
    model = LinearGaussian(0, kind)
    x = pictures(model)
    found = model.evidence(x).mean() - bound(model, x, 1, 40_000, 0)
    assert float(found) == pytest.approx(model.gap(), rel=0.03)
    noise = torch.randn(3, 40_000, LATENT, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert float((model.evidence(x) - elbo(model, x, noise).value).mean()) == pytest.approx(model.gap(), rel=0.05)


def test_a_right_encoder_lacks_nothing_whatever_is_drawn():
    model = LinearGaussian(0, "right")
    x = pictures(model)
    assert bound(model, x, 4, 2, 0) == pytest.approx(float(model.evidence(x).mean()), abs=1e-9)


def test_the_sums_are_those_of_the_objective():
    model = LinearGaussian(2, WIDE)
    x = pictures(model)
    noise = torch.randn(3, 12, LATENT, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    assert sums(weights_of(model, x, 12, torch.Generator().manual_seed(5)), 4) == pytest.approx(float(iwae(model, x, noise, inner=4).value.mean()), rel=1e-12)


def test_the_gap_of_many_samples_is_half_the_variance_of_the_weights_over_their_number():
    """Of w / p(x), for an encoder that is s times too wide in n dimensions: (s / sqrt(2 s - 1))^n - 1."""
    model = LinearGaussian(0, WIDE)
    x = pictures(model, 16)
    gap = float(model.evidence(x).mean()) - bound(model, x, 64, 1 << 10, 0)
    variance = (model.s / (2 * model.s - 1) ** 0.5) ** LATENT - 1
    assert gap == pytest.approx(variance / 128, rel=0.2)


def test_model_data_and_noise_are_not_the_same_numbers():
    model = LinearGaussian(0, OFF)
    z, x = model.sample(PIXELS, generator(0, DATA))
    noise = torch.randn(PIXELS, LATENT, generator=generator(0, NOISE, 1), dtype=torch.float64)
    for one, other in ((z, LATENT**0.5 * model.W), (noise, LATENT**0.5 * model.W), (noise, z)):
        assert abs(float((one * other).mean())) < 0.15  # the same numbers have 1, independent ones a deviation of 0.04
    scale = Scale(seeds=1, options={"samples": (1,), "points": PIXELS, "sums": 2})
    row = measure({"model": OFF}, 0, scale, None)[0]
    assert row["bound"] + row["gap"] == pytest.approx(float(model.evidence(x).mean())), "what is measured are these data"


def test_no_two_numbers_of_samples_share_a_sample():
    """Else a bound of more samples could not be lower, whatever the model."""
    model = LinearGaussian(0, OFF)
    x = pictures(model)
    one, other = (weights_of(model, x, 4, generator(0, NOISE, k)) for k in (1, 4))
    assert bound(model, x, 4, 1, 0) == sums(other, 4) and not torch.isclose(one[:, :, None], other[:, None]).any()


def made_up(power: float = 1.0, left: float = 0.3, lacks: float = 5.0, lift: float = 0.0, noise: float = 1e-4) -> list[dict]:
    """Gaps that fall so in both known models, less `lift`; the VAE's from so many nats to a part of them. noise: between the seeds."""
    return [
        {"model": model, "samples": k, "seed": seed, "gap": gap, "bound": -100 * seed - gap}
        for seed in (0, 1, 2)
        for model in (OFF, WIDE, TRAINED)
        for k in (1, 16, HALF, 256)
        for gap in [
            (lacks + seed / 10) * left ** ((k > 1) + k / 1000)
            if model == TRAINED
            else k**-power * (1 + seed / 100) - lift + noise * (seed - 1) * (1 if k in (1, HALF) else -1)
        ]
    ]


def test_a_slope_is_that_of_the_gaps_and_a_bound_above_has_none():
    assert slope(made_up(0.7), OFF).mean == pytest.approx(0.7, rel=0.02)
    assert slope(made_up(lift=0.05), OFF).mean != slope(made_up(lift=0.05), OFF).mean, "nan: there is no logarithm"


def test_the_word_asks_whether_bounds_lie_below():
    assert judge(made_up()).word == "supported" and judge(made_up()).estimate == pytest.approx(1 / 256, rel=0.02)
    assert judge(made_up(0.5, 0.8)).word == "supported", "however slowly the gap closes"
    assert judge(made_up(noise=0.01)).word == "depends on"
    assert judge(made_up(lift=0.05)).word == "not supported here"


def test_each_expectation_can_hold_fail_and_stay_open():
    assert list(expectations(made_up()).values()) == [True] * 5
    assert list(expectations(made_up(0.5, 0.8, lacks=1.0)).values()) == [True, False, False, False, False]
    assert next(iter(expectations(made_up(-0.1, noise=0)).values())) is False, "bounds that fall"
    assert list(expectations(made_up(noise=0.01)).values())[:3] == [None] * 3


def test_half_and_the_fitted_numbers_are_measured_at_both_scales():
    assert all({1, 16, HALF, 256} <= set(scale["samples"]) for scale in (STUDY.quick, STUDY.full))
