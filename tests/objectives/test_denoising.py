"""The loss of a denoiser is that of the papers, its least value is what cannot be known, and every draw is a function of the seed, the step and the row."""

import math

import pytest
import torch

from tests.generation.diffusion_models import Bent, D, randn
from workings.blackboard import diffusion as blackboard
from workings.layers.randomness import seed_draws
from workings.models.preconditioned import Denoiser
from workings.objectives.denoising import DenoisingLoss, drawn_levels, drawn_noise, unconditional_rows, weights
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule

ROWS = 11


def gradients(loss: torch.Tensor, network: Bent) -> list[torch.Tensor]:
    return list(torch.autograd.grad(loss, network.parameters()))


def same(fast: torch.Tensor, slow: torch.Tensor, network: Bent) -> None:
    """Value and gradients."""
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-9)
    for one, other in zip(gradients(fast, network), gradients(slow, network), strict=True):
        assert other.abs().max() > 0
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_with_eps_it_is_the_simple_loss_of_the_blackboard_and_so_are_its_gradients():
    settings, network, x = DiffusionSettings(schedule="linear", steps=37, beta_last=0.3, prediction="eps"), Bent(), randn(ROWS, D)
    betas = [blackboard.linear_beta(t, 37, 1e-4, 0.3) for t in range(1, 38)]
    seed_draws(3, 5)
    fast = DenoisingLoss(settings)(Denoiser(network, settings), x)
    schedule = noise_schedule(settings)
    numbers = schedule.told(drawn_levels(settings, schedule, ROWS)).round().long().tolist()
    each = [blackboard.simple_loss(lambda z, t: network.one(z, t - 1), row, betas, k + 1, eps) for row, k, eps in zip(x, numbers, drawn_noise(x), strict=True)]
    assert len(set(numbers)) > 5
    same(fast, torch.stack(each).sum(), network)


def test_with_velocity_it_is_the_loss_of_the_flow():
    settings, network, x = DiffusionSettings(schedule="flow", prediction="velocity"), Bent(), randn(ROWS, D)
    seed_draws(3, 5)
    fast = DenoisingLoss(settings)(Denoiser(network, settings), x)
    sigma = drawn_levels(settings, noise_schedule(settings), ROWS)
    times = (sigma / (1 + sigma)).tolist()
    each = [blackboard.velocity_loss(lambda z, t: network.one(z, 1000 * t), row, t, eps) for row, t, eps in zip(x, times, drawn_noise(x), strict=True)]
    same(fast, torch.stack(each).sum(), network)


@pytest.mark.parametrize("weighting", ["edm", "uniform"])
def test_edms_loss_is_the_blackboards_and_its_weight_is_one_on_what_the_network_says(weighting):
    settings = DiffusionSettings(schedule="edm", prediction="edm", weighting=weighting, drawn="normal", sigma_data=0.6)
    network, x = Bent(), randn(ROWS, D)
    seed_draws(3, 5)
    fast = DenoisingLoss(settings)(Denoiser(network, settings), x)
    sigmas = drawn_levels(settings, noise_schedule(settings), ROWS).tolist()
    each = [blackboard.edm_loss(network.one, row, sigma, 0.6, eps) for row, sigma, eps in zip(x, sigmas, drawn_noise(x), strict=True)]
    same(fast, torch.stack(each).sum(), network)


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_min_snr_is_the_papers_weight_on_what_is_predicted(prediction):
    """min(SNR, g) on x is min(1, g / SNR) on eps and min(SNR, g) / (SNR + 1) on v (Hang et al. 2023, equations 4-6)."""
    settings = DiffusionSettings(schedule="cosine", prediction=prediction, weighting="min-snr", gamma=5.0)
    plain = DiffusionSettings(schedule="cosine", prediction=prediction)
    sigma = noise_schedule(settings).sigma(torch.linspace(0, 1, 13, dtype=torch.float64))
    snr = sigma**-2
    expected = {"eps": (5 / snr).clamp(max=1), "v": snr.clamp(max=5) / (snr + 1), "x0": snr.clamp(max=5)}[prediction]
    torch.testing.assert_close(weights(settings, sigma) / weights(plain, sigma), expected)


def test_the_weight_of_eps_is_one_on_eps_whatever_is_predicted():
    sigma = torch.tensor([0.01, 1.0, 30.0], dtype=torch.float64)
    for prediction in ("eps", "v", "velocity"):
        torch.testing.assert_close(
            weights(DiffusionSettings(schedule="flow", prediction=prediction, weighting="eps"), sigma) * sigma**2, torch.ones(3).double()
        )


@pytest.mark.parametrize("weighting", ["uniform", "eps", "min-snr", "edm"])
def test_the_exact_denoiser_of_a_gaussian_is_left_with_what_cannot_be_known(weighting):
    """w(sigma) D v sigma^2 / (v + sigma^2) on the mean, and any other denoiser with more."""
    settings, v = DiffusionSettings(schedule="linear", weighting=weighting), 0.3
    loss, sigma = DenoisingLoss(settings), torch.full((20000,), 0.8, dtype=torch.float64)
    x = v**0.5 * randn(20000, D)
    seed_draws(1)
    exact, less, more = (loss.each(lambda y, s, _, part=part: part * v / (v + s[:, None] ** 2) * y, x, sigma).mean().item() for part in (1.0, 0.9, 1.1))
    floor = float(weights(settings, sigma[:1])) * D * v * 0.64 / (v + 0.64)
    assert exact == pytest.approx(floor, rel=0.02) and less > exact < more


def test_whoever_knows_the_data_loses_nothing():
    x = randn(3, D)
    seed_draws(1)
    assert DenoisingLoss(DiffusionSettings())(lambda noisy, sigma, condition: x, x) == 0


@pytest.mark.parametrize("schedule", ["linear", "cosine", "edm", "flow"])
@pytest.mark.parametrize("drawn", ["uniform", "normal"])
def test_the_draws_of_a_row_are_those_of_the_seed_and_the_step_however_the_batch_is_cut(schedule, drawn):
    settings = DiffusionSettings(schedule=schedule, prediction="edm", drawn=drawn)
    loss, denoiser, x = DenoisingLoss(settings), Denoiser(Bent(), settings), randn(ROWS, D)

    def total(step: int, first: int, last: int) -> torch.Tensor:
        seed_draws(7, step, first_row=first)
        return loss(denoiser, x[first:last])

    whole = total(2, 0, ROWS)
    torch.testing.assert_close(total(2, 0, 3) + total(2, 3, ROWS), whole, rtol=1e-12, atol=0)
    assert torch.equal(total(2, 0, ROWS), whole) and total(3, 0, ROWS) != whole


def test_uniform_draws_meet_every_step_of_a_table_equally_often_and_every_time_of_a_flow():
    settings = DiffusionSettings(schedule="linear", steps=7, beta_last=0.3)
    seed_draws(1)
    schedule = noise_schedule(settings)
    counts = schedule.told(drawn_levels(settings, schedule, 70000)).round().long().bincount(minlength=7)
    assert ((counts - 10000).abs() < 4 * math.sqrt(10000 * 6 / 7)).all()
    flow = DiffusionSettings(schedule="flow")
    sigma = drawn_levels(flow, noise_schedule(flow), 70000)
    quarters = (sigma / (1 + sigma)).quantile(torch.tensor([0.25, 0.5, 0.75]).double())
    torch.testing.assert_close(quarters, torch.tensor([0.25, 0.5, 0.75]).double(), rtol=0, atol=0.01)


def test_normal_draws_have_the_mean_and_the_deviation_that_are_asked_for_and_stay_within_the_schedule():
    settings = DiffusionSettings(schedule="edm", prediction="edm", drawn="normal", drawn_mean=-0.5, drawn_deviation=0.8)
    seed_draws(1)
    logs = drawn_levels(settings, noise_schedule(settings), 40000).log()
    assert logs.mean() == pytest.approx(-0.5, abs=0.02) and logs.std() == pytest.approx(0.8, abs=0.02)
    wild = DiffusionSettings(schedule="edm", prediction="edm", drawn="normal", drawn_deviation=9.0, sigma_max=3.0)
    sigma = drawn_levels(wild, noise_schedule(wild), 1000)
    assert sigma.min() == 0.002 and sigma.max() == 3.0


def test_levels_noise_and_conditions_are_drawn_each_for_itself():
    settings, x = DiffusionSettings(schedule="flow"), torch.zeros(30000, 1)
    seed_draws(1)
    times = noise_schedule(settings).time(drawn_levels(settings, noise_schedule(settings), 30000))
    without = unconditional_rows(30000, 0.1)
    numbers = torch.stack([times, drawn_noise(x)[:, 0].double(), without.double()])
    assert (torch.corrcoef(numbers) - torch.eye(3)).abs().max() < 0.025
    assert without.double().mean() == pytest.approx(0.1, abs=0.007)
    assert not unconditional_rows(1000, 0.0).any()
