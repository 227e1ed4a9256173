"""Noise schedules: their formulas, their ends, that time and noise are each other's inverse, and that wrong settings are refused."""

import pytest
import torch

from workings.blackboard import diffusion as blackboard
from workings.errors import BadInput
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import CLOCK, noise_schedule

SCHEDULES = ("linear", "scaled-linear", "cosine", "edm", "flow")


def settings_of(schedule: str, **changes) -> DiffusionSettings:
    return DiffusionSettings(schedule=schedule, **({"prediction": "edm"} | changes))


def times(n: int = 101) -> torch.Tensor:
    return torch.linspace(0, 1, n, dtype=torch.float64)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_tables_are_those_of_the_blackboard(name):
    schedule = noise_schedule(settings_of(name, steps=53, beta_first=0.003, beta_last=0.2))
    betas = [blackboard.cosine_beta(t, 53) if name == "cosine" else blackboard.linear_beta(t, 53, 0.003, 0.2) for t in range(1, 54)]
    kept = torch.tensor([blackboard.alpha_bar(betas, t) for t in range(1, 54)], dtype=torch.float64)
    torch.testing.assert_close(schedule.betas, torch.tensor(betas, dtype=torch.float64), rtol=1e-12, atol=0)
    torch.testing.assert_close(schedule.alphas, kept.sqrt(), rtol=1e-12, atol=0)
    torch.testing.assert_close(schedule.alphas * schedule.sigmas, (1 - kept).sqrt(), rtol=1e-12, atol=0)


def test_all_steps_at_once_are_the_steps_one_after_the_other():
    """For data of variance s^2, the variance after t steps of z = sqrt(1 - beta) z + sqrt(beta) eps is alpha^2 (s^2 + sigma^2)."""
    schedule = noise_schedule(settings_of("linear", steps=31, beta_last=0.3))
    mean, variance = 2.0, 0.49
    for beta, alpha, sigma in zip(schedule.betas.tolist(), schedule.alphas.tolist(), schedule.sigmas.tolist(), strict=True):
        mean, variance = (1 - beta) ** 0.5 * mean, (1 - beta) * variance + beta
        assert mean == pytest.approx(alpha * 2.0) and variance == pytest.approx(alpha**2 * (0.49 + sigma**2))


def test_steps_taken_one_after_the_other_with_noise_have_the_mean_of_all_at_once():
    """One noisy path: z_t is linear in x with the factor alpha, whatever noise it met."""
    betas, x, eps = [0.1, 0.2, 0.05], torch.tensor([0.3, -0.8], dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)
    z, shadow = x, torch.zeros_like(x)
    for beta, e in zip(betas, eps, strict=True):
        z, shadow = blackboard.forward_step(z, beta, e), blackboard.forward_step(shadow, beta, e)
    torch.testing.assert_close(z - shadow, blackboard.noised(x, betas, 3, torch.zeros_like(x)))


def test_the_linear_and_cosine_schedules_of_the_papers_end_where_they_are_known_to():
    linear, cosine = noise_schedule(settings_of("linear")), noise_schedule(settings_of("cosine"))
    assert linear.alphas[-1] ** 2 == pytest.approx(4.0358e-5, rel=1e-3)  # Ho et al. 2020: "KL of 1e-5 bits a dimension"
    assert cosine.betas[-1] == 0.999 and cosine.betas[0] == pytest.approx(4.128e-5, rel=1e-3)
    assert cosine.alphas[499] ** 2 == pytest.approx(0.4936, rel=1e-3)  # half of the signal is left after half of the time


def test_edms_schedule_is_the_blackboards_and_keeps_the_size_of_the_data():
    schedule = noise_schedule(settings_of("edm", sigma_min=0.01, sigma_max=40.0))
    expected = torch.tensor([blackboard.karras_sigma(i, 13, 0.01, 40.0) for i in range(13)], dtype=torch.float64)
    torch.testing.assert_close(schedule.levels(13), expected, rtol=1e-12, atol=0)
    assert (schedule.alpha(expected) == 1).all()
    torch.testing.assert_close(schedule.told(expected), expected.log() / 4)


def test_a_flow_is_the_straight_line_from_data_at_time_0_to_noise_at_time_1():
    schedule = noise_schedule(settings_of("flow"))
    for t in (0.001, 0.3, 0.5, 0.999):
        sigma = torch.tensor(t / (1 - t), dtype=torch.float64)
        assert schedule.alpha(sigma) == pytest.approx(1 - t) and schedule.alpha(sigma) * sigma == pytest.approx(t)
        assert schedule.told(sigma) == pytest.approx(CLOCK * t)


@pytest.mark.parametrize("name", SCHEDULES)
def test_noise_grows_with_time_and_each_is_the_inverse_of_the_other(name):
    schedule = noise_schedule(settings_of(name))
    sigma = schedule.sigma(times())
    assert (sigma[1:] > sigma[:-1]).all() and sigma.dtype == torch.float64
    assert float(sigma[0]) == pytest.approx(schedule.sigma_min, rel=1e-12) and float(sigma[-1]) == pytest.approx(schedule.sigma_max, rel=1e-12)
    torch.testing.assert_close(schedule.time(sigma), times(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(schedule.time(torch.tensor([1e-9, 1e9], dtype=torch.float64)), torch.tensor([0.0, 1.0], dtype=torch.float64))


@pytest.mark.parametrize("name", ["linear", "scaled-linear", "cosine"])
def test_whole_steps_are_the_tables_to_the_bit_and_are_told_as_their_numbers(name):
    schedule = noise_schedule(settings_of(name, steps=997))
    assert torch.equal(schedule.sigma(torch.arange(997, dtype=torch.float64) / 996), schedule.sigmas)
    torch.testing.assert_close(schedule.told(schedule.sigmas), torch.arange(997, dtype=torch.float64), rtol=0, atol=1e-9)
    torch.testing.assert_close(schedule.alpha(schedule.sigmas), schedule.alphas, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_variance_is_preserved_for_data_of_size_one(name):
    schedule = noise_schedule(settings_of(name))
    sigma = schedule.sigma(times())
    torch.testing.assert_close(schedule.alpha(sigma) ** 2 * (1 + sigma**2), torch.ones_like(sigma))
    assert schedule.start() == pytest.approx((1 + schedule.sigma_max**2) ** 0.5)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (dict(steps=1), "at least 2"),
        (dict(beta_first=0.5, beta_last=0.1), "must rise"),
        (dict(sigma_min=90.0), "must rise"),
        (dict(unconditional=1.0), "below 1"),
        (dict(clip=-1.0), "clip is -1.0"),
        (dict(sigma_data=0.0), "sigma_data is 0.0"),
        (dict(gamma=-5.0), "gamma is -5.0"),
        (dict(schedule="edm", prediction="eps"), "only prediction='edm'"),
        (dict(schedule="flow", variance="large"), "use variance='small'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        DiffusionSettings(**changes)
