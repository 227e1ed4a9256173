"""Samplers equal the lecture's z_(t-1) = f(z_t, t; theta) taken step by step, and on a mixture of Gaussians their errors fall as their orders say."""

import math

import pytest
import torch

from tests.generation.diffusion_models import Bent, D, batched, mixture, randn
from workings.blackboard import diffusion as blackboard
from workings.blackboard import diffusion_steps as steps
from workings.generation.noise_levels import noise_levels
from workings.generation.samplers import SAMPLERS, ddim, ddpm, dpm_solver, euler, heun
from workings.models.preconditioned import Denoiser
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule

T = 17
ROWS = 3
SETTINGS = DiffusionSettings(schedule="linear", steps=T, beta_last=0.35, prediction="eps")
BETAS = [blackboard.linear_beta(t, T, 1e-4, 0.35) for t in range(1, T + 1)]
CLOSE = dict(rtol=1e-9, atol=1e-9)


def asked(network: Bent, settings: DiffusionSettings = SETTINGS):
    """D(x, sigma) of a network, and the levels of its schedule in n steps."""
    return Denoiser(network, settings), lambda n: noise_levels(noise_schedule(settings), n)


def noises(n: int) -> torch.Tensor:
    return randn(n, ROWS, D, seed=5)


@torch.no_grad()
@pytest.mark.parametrize("variance", ["small", "large"])
def test_ddpm_is_the_lectures_form_step_by_step(variance):
    network, z, n = Bent(), randn(ROWS, D), noises(T)
    denoise, levels = asked(network)
    fast = ddpm(denoise, z * noise_schedule(SETTINGS).start(), levels(T), lambda i: n[i], variance=variance)
    for row in range(ROWS):
        f = steps.ddpm(lambda z, t: network.one(z, t - 1), BETAS, [n[T - t, row] for t in range(1, T + 1)], large=variance == "large")
        torch.testing.assert_close(fast[row], steps.reverse(f, z[row], T), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("count", [1, 4, 5, T])
def test_ddim_is_the_papers_step_over_any_steps(eta, count):
    network, z, n = Bent(), randn(ROWS, D), noises(T)
    denoise, levels = asked(network)
    chosen = levels(count)
    visited = [0, *(int(k) + 1 for k in noise_schedule(SETTINGS).told(chosen[:-1]).round().flip(0))]
    fast = ddim(denoise, z * noise_schedule(SETTINGS).start(), chosen, lambda i: n[i], eta=eta)
    for row in range(ROWS):
        f = steps.ddim(lambda z, t: network.one(z, t - 1), BETAS, visited, [n[count - i, row] for i in range(1, count + 1)], eta)
        torch.testing.assert_close(fast[row], steps.reverse(f, z[row], count), **CLOSE)


@torch.no_grad()
def test_ddim_with_all_its_noise_is_ddpm_and_without_is_euler():
    denoise, levels = asked(Bent())
    x, n = 9 * randn(ROWS, D), noises(7)
    torch.testing.assert_close(ddim(denoise, x, levels(7), lambda i: n[i], eta=1.0), ddpm(denoise, x, levels(7), lambda i: n[i]), **CLOSE)
    assert torch.equal(ddim(denoise, x, levels(7), lambda i: n[i], eta=0.0), euler(denoise, x, levels(7), lambda i: n[i]))


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 2, 8])
def test_euler_is_the_step_along_the_velocity_of_a_flow(count):
    settings = DiffusionSettings(schedule="flow", prediction="velocity")
    network, z = Bent(), randn(ROWS, D)
    denoise, levels = asked(network, settings)
    chosen = levels(count)
    times = (chosen / (1 + chosen)).flip(0).tolist()
    fast = euler(denoise, z * noise_schedule(settings).start(), chosen, lambda i: z)
    for row in range(ROWS):
        f = steps.flow(lambda z, t: network.one(z, 1000 * t), times)
        torch.testing.assert_close(fast[row], steps.reverse(f, z[row], count), rtol=1e-8, atol=1e-8)


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 2, 8])
def test_heun_is_the_papers_algorithm(count):
    settings = DiffusionSettings(schedule="edm", prediction="edm", sigma_max=20.0)
    network, x = Bent(), 20 * randn(ROWS, D)
    denoise, levels = asked(network, settings)
    fast = heun(denoise, x, levels(count), lambda i: x)
    for row in range(ROWS):
        f = steps.heun(lambda x, sigma: blackboard.edm_denoiser(network.one, x, sigma, 0.5), levels(count).flip(0).tolist())
        torch.testing.assert_close(fast[row], steps.reverse(f, x[row], count), rtol=1e-8, atol=1e-8)


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 2, 3, 8, T])
def test_dpm_solver_is_the_papers_algorithm_in_its_own_letters(count):
    network, z = Bent(), randn(ROWS, D)
    denoise, levels = asked(network)
    chosen = levels(count)
    alphas = noise_schedule(SETTINGS).alpha(chosen)
    a, s = (one.flip(0).tolist() for one in (alphas, alphas * chosen))
    told = [0.0, *noise_schedule(SETTINGS).told(chosen[:-1]).flip(0).tolist()]
    path: list[torch.Tensor] = []
    fast = dpm_solver(denoise, z * noise_schedule(SETTINGS).start(), chosen, lambda i: z, lambda i, sigma, x, _: path.append(x))
    for row in range(ROWS):
        slow = steps.dpm_solver(lambda z, i: blackboard.x_from_eps(z, network.one(z, told[i]), a[i], s[i]), a, s, z[row])
        torch.testing.assert_close(fast[row], slow[-1], **CLOSE)
        for i, x in enumerate(path):  # the whole trajectory, as z = alpha x
            torch.testing.assert_close(float(alphas[i + 1]) * x[row], slow[i + 1], **CLOSE)


ORDERS = {"ddim": 1, "euler": 1, "heun": 2, "dpm++": 2}


def between(n: int, spacing: str) -> torch.Tensor:
    """n steps from sigma 10 to 0.05."""
    if spacing == "log":
        return torch.linspace(math.log(10), math.log(0.05), n + 1, dtype=torch.float64).exp()
    return torch.linspace(10 ** (1 / 7), 0.05 ** (1 / 7), n + 1, dtype=torch.float64) ** 7


@pytest.fixture(scope="module")
def truth() -> tuple[torch.Tensor, torch.Tensor]:
    """Where the exact flow of the mixture takes some points: Heun in steps so small that its own error does not count."""
    x = 10 * randn(101, 2)
    return x, heun(batched, x, between(4000, "log"), lambda i: x)


def test_the_quick_denoiser_of_the_mixture_is_the_blackboards():
    for sigma in (0.05, 1.0, 10.0):
        x = sigma * randn(7, 2) + 0.3
        torch.testing.assert_close(batched(x, sigma), mixture(x, sigma))


@pytest.mark.parametrize("spacing", ["log", "karras"])
@pytest.mark.parametrize("name", ORDERS)
def test_the_error_falls_with_the_number_of_steps_as_the_order_says(name, spacing, truth):
    x, exact = truth
    counts = (160, 320, 640)
    # of the middle point: those between two parts of the mixture, where ways divide, need more steps until their order shows
    errors = [float((SAMPLERS[name](batched, x, between(n, spacing), lambda i: x) - exact).norm(dim=1).median()) for n in counts]
    slopes = [math.log2(before / after) for before, after in zip(errors, errors[1:], strict=False)]
    assert all(abs(slope - ORDERS[name]) < 0.15 for slope in slopes), (errors, slopes)


@pytest.mark.parametrize("name", SAMPLERS)
def test_what_is_drawn_from_the_mixtures_denoiser_has_its_moments(name):
    n = torch.Generator().manual_seed(3)
    schedule = noise_schedule(DiffusionSettings(schedule="cosine"))
    x = schedule.start() * torch.randn(4000, 2, generator=n, dtype=torch.float64)
    drawn = SAMPLERS[name](batched, x, noise_levels(schedule, 200, "karras"), lambda i: torch.randn(4000, 2, generator=n, dtype=torch.float64))
    weights = torch.tensor([0.2, 0.5, 0.3]).double()
    mean = weights @ torch.tensor([[0.9, -0.7], [-0.6, 0.1], [0.3, 0.8]]).double()
    parts = torch.tensor([[0.04, 0.02], [0.01, 0.09], [0.03, 0.03]]).double() + torch.tensor([[0.9, -0.7], [-0.6, 0.1], [0.3, 0.8]]).double() ** 2
    deviation = (weights @ parts - mean**2).sqrt()
    torch.testing.assert_close(drawn.mean(0), mean, rtol=0, atol=0.04)
    torch.testing.assert_close(drawn.std(0), deviation, rtol=0.05, atol=0)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("count", [1, 5])
def test_the_last_step_ends_at_the_estimate_and_adds_no_noise(name, count):
    seen: list[tuple[float, torch.Tensor, torch.Tensor]] = []
    asked_for: list[int] = []

    def noise(i: int) -> torch.Tensor:
        asked_for.append(i)
        return randn(ROWS, 2, seed=i)

    levels = torch.cat([between(count - 1, "log"), torch.zeros(1, dtype=torch.float64)]) if count > 1 else torch.tensor([10.0, 0.0]).double()
    x = SAMPLERS[name](batched, 10 * randn(ROWS, 2), levels, noise, lambda i, sigma, x, estimate: seen.append((sigma, x, estimate)))
    assert [sigma for sigma, _, _ in seen] == levels[1:].tolist()
    assert torch.equal(x, seen[-1][1]) and torch.equal(x, seen[-1][2])
    assert asked_for == (list(range(count - 1)) if name == "ddpm" else [])
