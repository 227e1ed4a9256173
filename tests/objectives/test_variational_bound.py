"""The bound and its terms: those of the blackboard, known in closed form on a Gaussian, never below the truth; the decoder is a distribution over levels."""

import math

import pytest
import torch

from tests.generation.diffusion_models import Bent, D, randn
from workings.blackboard import diffusion as blackboard
from workings.errors import BadInput
from workings.layers.fast.noise import normal
from workings.layers.randomness import draw_key, mix, seed_draws
from workings.models.preconditioned import Denoiser
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule
from workings.objectives.variational_bound import BOUND, decoder_nats, step_divergence, variational_bound


def falling(settings: DiffusionSettings, n: int) -> torch.Tensor:
    return torch.cat([noise_schedule(settings).levels(n), torch.zeros(1, dtype=torch.float64)])


def even(low: float, high: float, n: int) -> torch.Tensor:
    """n levels, even in ln sigma, and 0."""
    return torch.cat([torch.linspace(math.log(high), math.log(low), n, dtype=torch.float64).exp(), torch.zeros(1, dtype=torch.float64)])


def quantized(*shape: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    return 2 * torch.randint(256, shape, generator=g).double() / 255 - 1


@pytest.mark.parametrize("variance", ["small", "large"])
def test_every_term_of_every_step_is_the_blackboards(variance):
    T, rows = 13, 3
    settings = DiffusionSettings(schedule="linear", steps=T, beta_last=0.3, prediction="eps")
    betas, network, x = [blackboard.linear_beta(t, T, 1e-4, 0.3) for t in range(1, T + 1)], Bent(), quantized(3, D)
    seed_draws(2)
    bound = variational_bound(Denoiser(network, settings), x, falling(settings, T), noise_schedule(settings), variance=variance)
    key, first = draw_key(BOUND)
    for row in range(rows):
        torch.testing.assert_close(bound.prior[row], blackboard.prior_term(x[row], betas), rtol=1e-9, atol=1e-12)
        for number, t in enumerate(range(T, 0, -1)):
            eps = normal(rows, D, mix(key, number), first)[row].double()
            if t > 1:
                expected = blackboard.step_term(lambda z, t: network.one(z, t - 1), x[row], betas, t, eps, variance == "large")
                torch.testing.assert_close(bound.steps[row, number], expected, rtol=1e-8, atol=1e-10)
            else:
                a, s = math.sqrt(1 - betas[0]), math.sqrt(betas[0])
                z = blackboard.noised(x[row], betas, 1, eps)
                expected = blackboard.decoder_term(x[row], blackboard.x_from_eps(z, network.one(z, 0.0), a, s), s)
                torch.testing.assert_close(bound.decoder[row], expected, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(bound.nats, bound.prior + bound.steps.sum(1) + bound.decoder)
    torch.testing.assert_close(bound.bits(D) * D * math.log(2), bound.nats)


def test_on_a_gaussian_the_steps_are_half_of_what_each_adds_to_the_signal_times_what_cannot_be_known():
    """E of step t: (SNR_then - SNR_now) v sigma^2 / (v + sigma^2) / 2 for each number; in many steps their sum falls to
    ln((v / s_1^2 + 1) / (v / s_T^2 + 1)) / 2, what is learned between the two noises (Guo et al. 2005)."""
    v, rows = 0.25, 4000
    settings = DiffusionSettings(schedule="cosine")
    levels, x = falling(settings, 50), v**0.5 * randn(rows, D)
    seed_draws(2)
    bound = variational_bound(lambda y, s, _: v / (v + s[:, None] ** 2) * y, x, levels, noise_schedule(settings))
    now, then = levels[:-2], levels[1:-1]
    expected = D * (then**-2 - now**-2) * v * now**2 / (v + now**2) / 2
    torch.testing.assert_close(bound.steps.mean(0), expected, rtol=0.1, atol=0)
    assert bound.steps.sum(1).mean() == pytest.approx(float(expected.sum()), rel=0.01)
    fine = even(0.01, 50.0, 2000)
    now, then = fine[:-2], fine[1:-1]
    sum_of_means = float((D * (then**-2 - now**-2) * v * now**2 / (v + now**2) / 2).sum())
    learned = D / 2 * math.log((v / float(fine[-2]) ** 2 + 1) / (v / float(fine[0]) ** 2 + 1))
    assert sum_of_means == pytest.approx(learned, rel=0.005) and sum_of_means > learned


def test_the_bound_on_a_wide_gaussian_lies_just_above_its_entropy_and_more_steps_lower_it():
    """Data from N(0, v) in levels: -log p(x) is on the mean about the entropy ln(2 pi e v) / 2 + ln(255 / 2) for each number."""
    v, rows = 0.04, 2000
    settings = DiffusionSettings(schedule="linear")
    x = ((v**0.5 * randn(rows, D) + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1
    entropy = D * (math.log(2 * math.pi * math.e * v) / 2 + math.log(255 / 2))
    found = {}
    for n in (10, 40, 160):
        seed_draws(2)
        bound = variational_bound(lambda y, s, _: v / (v + s[:, None] ** 2) * y, x, even(0.01, 150.0, n), noise_schedule(settings))
        found[n] = float(bound.nats.mean())
    assert found[10] > found[40] > found[160] > entropy
    assert found[160] < entropy + 0.2 * D


def test_a_worse_denoiser_has_a_worse_bound():
    settings, x = DiffusionSettings(schedule="linear"), quantized(50, D)
    levels, schedule = falling(settings, 20), noise_schedule(DiffusionSettings(schedule="linear"))
    v = 1 / 3
    nats = []
    for part in (1.0, 0.9, 0.7):
        seed_draws(2)
        nats.append(float(variational_bound(lambda y, s, _, part=part: part * v / (v + s[:, None] ** 2) * y, x, levels, schedule).nats.sum()))
    assert nats[0] < nats[1] < nats[2]


def test_the_prior_term_is_small_and_grows_with_what_is_left_of_the_data():
    settings = DiffusionSettings(schedule="linear")
    seed_draws(2)
    bound = variational_bound(lambda y, s, _: 0 * y, torch.full((1, 3072), 0.5), falling(settings, 2), noise_schedule(settings))
    assert 0 < float(bound.prior[0]) / 3072 / math.log(2) < 1e-5 * 2  # Ho et al. 2020, section 3.1: about 1e-5 bits a dimension


@pytest.mark.parametrize(("mean", "deviation"), [(0.1, 0.05), (-0.99, 0.3), (1.4, 0.01), (0.0, 0.001)])
def test_the_decoders_levels_have_probabilities_that_sum_to_one(mean, deviation):
    x = (2 * torch.arange(256).double() / 255 - 1)[:, None]
    nats = decoder_nats(x, torch.full_like(x, mean), deviation)
    assert float((-nats).exp().sum()) == pytest.approx(1, abs=1e-6)


def test_far_tails_are_exact_on_either_side():
    x = torch.tensor([[0.0]], dtype=torch.float64)
    left, right = (decoder_nats(x, torch.full_like(x, mean), 0.01) for mean in (0.06, -0.06))
    torch.testing.assert_close(left, right, rtol=1e-12, atol=0)
    half = 1 / 255
    density = -math.log(2 * half) + (0.06 / 0.01) ** 2 / 2 + math.log(0.01 * math.sqrt(2 * math.pi))
    assert float(left) < density < float(left) + 3  # the nearer edge of the level is likelier than its middle


def test_without_levels_that_end_at_zero_there_is_no_bound():
    settings = DiffusionSettings()
    for levels in ([3.0, 1.0], [1.0, 3.0, 0.0], [0.0]):
        with pytest.raises(BadInput, match="end at 0"):
            variational_bound(lambda y, s, _: y, torch.zeros(1, D), torch.tensor(levels).double(), noise_schedule(settings))


def test_with_the_variance_of_the_data_known_the_divergence_is_the_weighted_error():
    x, estimate = randn(3, D), randn(3, D, seed=1)
    torch.testing.assert_close(step_divergence(x, estimate, 2.0, 0.5), (0.5**-2 - 2.0**-2) * (x - estimate).square().sum(1) / 2)
