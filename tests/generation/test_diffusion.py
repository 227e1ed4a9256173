"""Drawing: the seed and the number of a drawing are all that it depends on; guidance, cutting, known parts and beginnings do what they say."""

import pytest
import torch
from torch import Tensor

from tests.generation.diffusion_models import Bent, D, batched, mixture, randn
from workings.blackboard import diffusion as blackboard
from workings.blackboard import diffusion_steps as steps
from workings.errors import BadInput
from workings.generation.diffusion import Noises, draw, scaled
from workings.generation.diffusion_settings import DiffusionDraw
from workings.generation.guidance import clipped, guided
from workings.generation.in_painting import beside_known
from workings.generation.samplers import SAMPLERS
from workings.models.preconditioned import Denoiser
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule
from workings.objectives.parameterization import said

FLOW = DiffusionSettings(schedule="flow", prediction="velocity", clip=0)
NAMES = tuple(SAMPLERS)


def mixed(x: Tensor, sigma: Tensor | float, condition: Tensor | None = None) -> Tensor:
    return batched(x.double(), float(sigma)).to(x.dtype)


def how(**choices) -> DiffusionDraw:
    return DiffusionDraw(**({"steps": 6} | choices))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_draws_the_same_and_another_something_else(name):
    one, again, other = (draw(mixed, FLOW, (5, 2), how(sampler=name, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.isclose(one, other).any()


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_does_not_depend_on_those_beside_it(name):
    whole = draw(mixed, FLOW, (5, 2), how(sampler=name))
    torch.testing.assert_close(torch.cat([draw(mixed, FLOW, (2, 2), how(sampler=name)), draw(mixed, FLOW, (3, 2), how(sampler=name), first=2)]), whole)


def test_noise_is_standard_normal_and_another_in_every_step():
    noise = Noises(seed=3, first=0, shape=(400, 7, 11))
    one, other = noise(0), noise(1)
    assert one.mean().abs() < 0.02 and one.std() == pytest.approx(1, abs=0.02)
    assert (one * other).mean().abs() < 0.02


def test_drawing_begins_with_noise_of_size_one_in_the_schedules_scale():
    for schedule in ("linear", "cosine", "edm", "flow"):
        trained, seen = DiffusionSettings(schedule=schedule, prediction="edm", clip=0), []
        draw(lambda x, sigma, _: seen.append((x, sigma)) or x * 0, trained, (2000, 7), how(steps=1))
        (x, sigma), *_ = seen
        made = noise_schedule(trained)
        assert sigma == pytest.approx(made.sigma_max)
        assert float(scaled(x, sigma, made).std()) == pytest.approx(80 if schedule == "edm" else 1, rel=0.02)


@torch.no_grad()
def test_guidance_on_the_estimate_is_the_papers_on_eps_on_every_channel():
    settings = DiffusionSettings(schedule="linear", prediction="eps")
    network, x, label, sigma = Bent(), randn(3, D), torch.tensor([1, 2, 3]), torch.tensor(1.7, dtype=torch.float64)
    fast = guided(Denoiser(network, settings), label, 2.5)(x, 1.7)
    alpha = noise_schedule(settings).alpha(sigma)
    z, told = alpha * x, noise_schedule(settings).told(sigma.expand(3))
    eps = steps.guided(network(z, told, label), network(z, told), 2.5)
    torch.testing.assert_close(said("eps", fast, z, alpha, sigma), eps, rtol=1e-9, atol=1e-9)
    assert ((eps - network(z, told, label)).abs() > 1e-3).all()  # no channel is left as it was


def counting(x: Tensor, sigma: float, condition: int | None = None) -> Tensor:
    return x * 0 + (7 if condition is None else condition)


def test_weight_0_is_the_condition_minus_1_is_none_and_between_and_beyond_is_the_line_through_both():
    x = torch.zeros(2, 3)
    for weight, expected in ((0.0, 3.0), (-1.0, 7.0), (1.0, -1.0), (-0.5, 5.0), (2.0, -5.0)):
        assert (guided(counting, 3, weight)(x, 1.0) == expected).all()
    assert (guided(counting, 3, 1.0, null=4)(x, 1.0) == 2).all()
    assert (guided(counting)(x, 1.0) == 7).all()


def test_each_model_is_asked_only_when_it_counts():
    asked = []
    ask = lambda x, sigma, condition: asked.append(condition) or x  # noqa: E731
    for weight in (0.0, -1.0, 2.0):
        guided(ask, "red", weight)(torch.zeros(1), 1.0)
    assert asked == ["red", None, None, "red"]


def test_guidance_moves_the_drawings_along_the_line_from_unconditional_to_conditional():
    """Two Gaussians of one variance: the guided denoiser is that of a Gaussian whose mean goes on beyond the conditional one."""

    def gaussian(x: Tensor, sigma: float, condition: Tensor | None) -> Tensor:
        mean = 0.0 if condition is None else condition
        return mean + 0.04 / (0.04 + float(sigma) ** 2) * (x - mean)

    for weight in (-1.0, 0.0, 1.0, 2.0):
        drawn = draw(gaussian, FLOW, (3000, 1), how(steps=40, guidance=weight), condition=torch.tensor([0.3]))
        assert float(drawn.mean()) == pytest.approx((1 + weight) * 0.3, abs=0.02)


def test_cutting_the_estimate_makes_eps_that_of_the_cut_one():
    """One Euler step: x' = D + then / now (x - D) with D cut, as the paper's algorithm has it after eps is derived again."""
    x, cut = randn(3, D), clipped(lambda x, sigma: 3 * x, 1.0)
    after = SAMPLERS["euler"](cut, x, torch.tensor([2.0, 0.5]).double(), lambda i: x)
    estimate = (3 * x).clamp(-1, 1)
    torch.testing.assert_close(after, estimate + 0.5 * (x - estimate) / 2)
    assert (clipped(lambda x, sigma: 3 * x, 0.0)(x, 1.0) == 3 * x).all()


def test_drawings_of_a_model_that_is_cut_stay_within():
    trained = DiffusionSettings(schedule="cosine", clip=0.5)
    assert draw(lambda x, sigma, _: 9 + 0 * x, trained, (2, 3), how()).max() == 0.5


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_stays_and_the_rest_is_drawn(name):
    known = torch.tensor([[0.9, -0.7]]).expand(50, 2)
    mask = torch.tensor([True, False])
    drawn = draw(mixed, FLOW, (50, 2), how(sampler=name, steps=40), picture=known, mask=mask)
    assert torch.equal(drawn[:, 0], known[:, 0]) and drawn[:, 1].std() > 0.01


def test_what_is_drawn_around_the_known_fits_it():
    """Given the first number of the mixture's, the second is near that of the part which the first belongs to."""
    for first, second in ((0.9, -0.7), (-0.6, 0.1)):
        known = torch.tensor([[first, 0.0]]).expand(400, 2)
        drawn = draw(mixed, FLOW, (400, 2), how(sampler="ddpm", steps=30), picture=known, mask=torch.tensor([True, False]))
        assert float(drawn[:, 1].median()) == pytest.approx(second, abs=0.25)


def test_steps_that_are_taken_again_make_more_of_it_fit():
    """Where the first number is 0.9, the second is below 0 with a probability of 0.995."""
    known, fits = torch.tensor([[0.9, 0.0]]).expand(2000, 2), []
    for repaint in (1, 5, 20):
        drawn = draw(mixed, FLOW, (2000, 2), how(sampler="euler", steps=30, repaint=repaint), picture=known, mask=torch.tensor([True, False]))
        fits.append(float((drawn[:, 1] < 0).float().mean()))
    assert fits[0] + 0.03 < fits[1] and fits[1] + 0.03 < fits[2]


def test_the_known_part_is_shown_with_as_much_noise_as_there_is():
    seen, known, eps = [], randn(2, 3), randn(2, 3, seed=1)
    beside_known(lambda x, sigma: seen.append(x) or x * 0, known, torch.tensor([True, False, True]), eps)(torch.zeros(2, 3).double(), 3.0)
    torch.testing.assert_close(seen[0][:, [0, 2]], (known + 3 * eps)[:, [0, 2]])
    assert (seen[0][:, 1] == 0).all()


def test_a_picture_comes_back_with_strength_0_and_is_forgotten_more_the_stronger_it_is():
    picture = torch.tensor([[0.9, -0.7]]).expand(300, 2)
    drawn = {strength: draw(mixed, FLOW, (300, 2), how(steps=40, strength=strength), picture=picture) for strength in (0.0, 0.3, 0.6, 1.0)}
    assert torch.equal(drawn[0.0], picture)
    distances = [float((one - picture).square().mean()) for one in drawn.values()]
    assert distances == sorted(distances) and distances[1] < 0.1 < distances[3]


def test_a_watcher_is_told_every_step_with_its_noise_and_the_last_is_the_drawing():
    seen: list[tuple[int, float, Tensor]] = []
    drawn = draw(mixed, FLOW, (2, 2), how(steps=7), watch=lambda i, sigma, x, estimate: seen.append((i, sigma, x)))
    assert [i for i, _, _ in seen] == list(range(7))
    assert seen[-1][1] == 0 and torch.equal(seen[-1][2], drawn)
    sizes = [float(scaled(x, sigma, noise_schedule(FLOW)).abs().max()) for _, sigma, x in seen]
    assert max(sizes) < 5


@torch.no_grad()
def test_the_whole_way_from_settings_to_a_drawing_is_the_lectures_loop():
    trained = DiffusionSettings(schedule="linear", steps=11, beta_last=0.3, prediction="eps", clip=0)
    network, noise = Bent(), Noises(4, 0, (2, D))
    drawn = draw(lambda x, s, c: Denoiser(network, trained)(x.double(), s, c), trained, (2, D), how(sampler="ddpm", steps=11, seed=4))
    betas = [blackboard.linear_beta(t, 11, 1e-4, 0.3) for t in range(1, 12)]
    for row in range(2):
        f = steps.ddpm(lambda z, t: network.one(z, t - 1), betas, [noise(12 - t)[row].double() for t in range(1, 12)])
        torch.testing.assert_close(drawn[row].double(), steps.reverse(f, noise(0)[row].double(), 11), rtol=1e-5, atol=1e-5)


def test_no_gradient_is_kept():
    assert not draw(Denoiser(Bent(), FLOW).float(), FLOW, (2, D), how()).requires_grad


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (dict(how=how(guidance=2.0)), "needs a condition to follow"),
        (dict(how=how(guidance=2.0), condition=1, trained=DiffusionSettings(unconditional=0.0)), "never learned"),
        (dict(mask=torch.tensor(True)), "there is no picture"),
        (dict(picture=torch.zeros(3, 7)), "must be alike"),
        (dict(picture=torch.zeros(2, 2), mask=torch.ones(3, 2, dtype=torch.bool)), r"The mask is \[3, 2\] of torch.bool and the pictures are \[2, 2\]"),
        (dict(picture=torch.zeros(2, 2), mask=torch.ones(2, 2)), "true or false"),
        (dict(how=how(steps=2000), trained=DiffusionSettings()), "1,000 at most"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(given, sentence):
    with pytest.raises(BadInput, match=sentence):
        draw(mixture, given.pop("trained", FLOW), (2, 2), given.pop("how", how()), **given)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        (dict(steps=0), "at least 1"),
        (dict(guidance=float("nan")), "finite"),
        (dict(eta=1.5, sampler="ddim"), "between 0 and 1"),
        (dict(eta=0.5), "sampler='ddim'"),
        (dict(repaint=0), "repaint is 0"),
        (dict(strength=1.2), "strength is 1.2"),
        (dict(seed=2**63), "64 bits"),
    ],
)
def test_settings_that_mean_nothing_are_refused(choices, sentence):
    with pytest.raises(BadInput, match=sentence):
        DiffusionDraw(**choices)
