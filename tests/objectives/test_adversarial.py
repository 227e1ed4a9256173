"""What two players want is what the blackboard says, and a slope is charged for what it is, whatever the batch."""

import math

import pytest
import torch

from workings.blackboard import gan
from workings.objectives.adversarial import DISCRIMINATOR, GENERATOR, drift, gradient_penalty, zero_centered

EQUATIONS = {"non-saturating": (gan.logistic, gan.non_saturating), "hinge": (gan.hinge, gan.raised), "wasserstein": (gan.wasserstein, gan.raised)}


def critic(x: torch.Tensor) -> torch.Tensor:
    """A smooth function of each picture alone. [B, 2, 3, 5] -> [B]."""
    torch.manual_seed(3)
    one, other = torch.randn(7, 30, dtype=torch.float64), torch.randn(7, dtype=torch.float64)
    return (x.flatten(1) @ one.T).tanh() @ other


def of_one(x: torch.Tensor) -> torch.Tensor:
    return critic(x[None])[0]


def some(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", EQUATIONS)
def test_both_losses_and_their_gradients_are_those_of_the_blackboard(name):
    real, fake = (3 * some(0, 7)).requires_grad_(), (3 * some(1, 5)).requires_grad_()
    slow_discriminator, slow_generator = EQUATIONS[name]
    for fast, slow in ((DISCRIMINATOR[name](real, fake), slow_discriminator(list(real), list(fake))), (GENERATOR[name](fake), slow_generator(list(fake)))):
        torch.testing.assert_close(fast, slow, rtol=0, atol=1e-12)
        gradients = zip(*(torch.autograd.grad(loss, [real, fake], allow_unused=True) for loss in (fast, slow)), strict=True)
        for one, other in gradients:
            assert (one is None) == (other is None)
            assert one is None or torch.allclose(one, other, rtol=0, atol=1e-12)


def test_a_discriminator_that_knows_nothing_pays_two_log_2_a_pair_and_its_generator_log_2():
    zeros = torch.zeros(7)
    assert DISCRIMINATOR["non-saturating"](zeros, zeros).item() == pytest.approx(14 * math.log(2))
    assert GENERATOR["non-saturating"](zeros).item() == pytest.approx(7 * math.log(2))


def test_the_best_discriminator_leaves_twice_the_divergence_of_jensen_and_shannon():
    """At D = log p/q the loss of one point, each side weighed by its density, is 2 log 2 - 2 JS."""
    p, q = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), torch.tensor([0.1, 0.1, 0.8], dtype=torch.float64)
    scores = (p / q).log()
    of, none = DISCRIMINATOR["non-saturating"], scores.new_empty(0)
    loss = sum(a * of(s[None], none) + b * of(none, s[None]) for s, a, b in zip(scores, p, q, strict=True))
    middle = (p + q) / 2
    divergence = ((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()) / 2
    assert loss.item() == pytest.approx(2 * math.log(2) - 2 * divergence.item())


def test_the_generators_gradient_does_not_vanish_where_the_discriminator_is_sure():
    sure = torch.tensor([-30.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(GENERATOR["non-saturating"](sure), sure)
    (saturating,) = torch.autograd.grad(-DISCRIMINATOR["non-saturating"](torch.empty(0), sure), sure)
    assert gradient.item() == pytest.approx(-1) and abs(saturating.item()) < 1e-12


def test_scores_beyond_the_margin_are_left_alone_by_the_hinge():
    real, fake = torch.tensor([1.5, 0.5], requires_grad=True), torch.tensor([-1.5, -0.5], requires_grad=True)
    one, other = torch.autograd.grad(DISCRIMINATOR["hinge"](real, fake), [real, fake])
    assert one.tolist() == [0, -1] and other.tolist() == [0, 1]


@pytest.mark.parametrize("batch", [1, 3, 49])
def test_a_critic_whose_slope_is_1_pays_no_penalty_whatever_the_batch(batch):
    direction = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    direction /= direction.norm()
    real, fake = torch.randn(batch, 2, 3, 5), torch.randn(batch, 2, 3, 5)
    penalty = gradient_penalty(lambda x: (x * direction).sum((1, 2, 3)), real, fake, torch.rand(batch))
    assert penalty.item() == pytest.approx(0, abs=1e-9)
    assert gradient_penalty(lambda x: (x * direction).sum((1, 2, 3)) * 3, real, fake, torch.rand(batch)).item() == pytest.approx(4 * batch, rel=1e-5)


def test_the_penalty_and_its_gradient_in_the_critic_are_those_of_the_blackboard():
    real, fake, epsilon = some(0, 5, 2, 3, 5), some(1, 5, 2, 3, 5), some(2, 5).sigmoid()
    weight = some(4, 30).requires_grad_()
    fast = gradient_penalty(lambda x: critic(x) * (x.flatten(1) @ weight), real, fake, epsilon)
    slow = gan.gradient_penalty(lambda x: of_one(x) * (x.flatten() @ weight), list(real), list(fake), epsilon.tolist())
    torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-10)
    (one,), (other,) = (torch.autograd.grad(loss, weight) for loss in (fast, slow))
    assert other.abs().max() > 0
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_each_sample_is_asked_at_a_place_of_its_own_between_real_and_drawn():
    seen = []

    def watching(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach())
        return x.sum((1, 2, 3))

    epsilon = torch.tensor([0.0, 0.25, 1.0])
    gradient_penalty(watching, torch.ones(3, 1, 2, 2), torch.zeros(3, 1, 2, 2), epsilon)
    assert torch.equal(seen[0], epsilon.view(3, 1, 1, 1).expand(3, 1, 2, 2))


def test_a_dead_critic_pays_1_a_sample_and_its_gradient_is_finite():
    weight = torch.zeros(30, requires_grad=True)
    penalty = gradient_penalty(lambda x: x.flatten(1) @ weight, torch.randn(7, 2, 3, 5), torch.randn(7, 2, 3, 5), torch.rand(7))
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert penalty.item() == pytest.approx(7, rel=1e-5) and gradient.isfinite().all()


def test_r1_and_drift_and_their_gradients_are_those_of_the_blackboard():
    real = some(0, 5, 2, 3, 5)
    weight = some(4, 30).requires_grad_()
    fast = zero_centered(lambda x: critic(x) * (x.flatten(1) @ weight), real)
    slow = gan.zero_centered(lambda x: of_one(x) * (x.flatten() @ weight), list(real))
    torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(*(torch.autograd.grad(loss, weight)[0] for loss in (fast, slow)), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(drift(some(5, 7)), gan.drift(list(some(5, 7))))


def test_r1_of_a_linear_critic_is_half_the_square_of_its_slope():
    direction = torch.full((1, 2, 2), 1.5)
    assert zero_centered(lambda x: (x * direction).sum((1, 2, 3)), torch.randn(7, 1, 2, 2)).item() == pytest.approx(7 * 9 / 2)


def test_sums_do_not_depend_on_how_a_batch_is_cut():
    real, fake, epsilon = some(0, 5, 2, 3, 5), some(1, 5, 2, 3, 5), some(2, 5).sigmoid()
    whole = gradient_penalty(critic, real, fake, epsilon)
    pieces = sum(gradient_penalty(critic, *rows) for rows in zip(*(x.split(2) for x in (real, fake, epsilon)), strict=True))
    torch.testing.assert_close(whole, pieces)


def test_short_scores_are_summed_in_float32():
    real, fake = torch.randn(7).bfloat16(), torch.randn(7).bfloat16()
    for name in DISCRIMINATOR:
        assert torch.equal(DISCRIMINATOR[name](real, fake), DISCRIMINATOR[name](real.float(), fake.float()))
        assert GENERATOR[name](fake).dtype == drift(fake).dtype == torch.float32
