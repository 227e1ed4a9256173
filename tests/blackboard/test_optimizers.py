"""Optimizers step as they are written, and on a quadratic they are as fast as its condition number allows."""

import math

import pytest
import torch
from torch import Tensor, nn

from workings.blackboard import optimizers as written
from workings.training.optimizers import make_optimizers
from workings.training.settings import OptimizerSettings

STEPS = 5


def run(settings: OptimizerSettings, shape: tuple[int, ...], gradients: list[Tensor], start: Tensor) -> Tensor:
    """Where the optimizer of a layer is after these gradients."""
    model = nn.Module()
    model.inside = nn.Linear(shape[1], shape[0], bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.inside.weight.copy_(start)
    (optimizer,) = make_optimizers(model, settings)
    for gradient in gradients:
        model.inside.weight.grad = gradient.clone()
        optimizer.step()
    return model.inside.weight.detach()


@pytest.fixture
def drawn():
    generator = torch.Generator().manual_seed(0)
    start, *gradients = torch.randn(STEPS + 1, 5, 7, generator=generator, dtype=torch.float64)
    return start, gradients


def test_gradient_descent_is_gradient_descent(drawn):
    w, gradients = drawn
    found = run(OptimizerSettings(name="sgd", rate=0.3, momentum=0.0, weight_decay=0.0), (5, 7), gradients, w)
    for g in gradients:
        w = written.gradient_step(w, g, 0.3)
    torch.testing.assert_close(found, w)


def test_momentum_is_the_lectures(drawn):
    w, gradients = drawn
    found = run(OptimizerSettings(name="sgd", rate=0.3, momentum=0.7, weight_decay=0.0), (5, 7), gradients, w)
    m = torch.zeros_like(w)
    for g in gradients:
        w, m = written.momentum_step(w, m, g, 0.3, 0.7)
    torch.testing.assert_close(found, w)


def test_adam_is_the_papers(drawn):
    w, gradients = drawn
    found = run(OptimizerSettings(name="adamw", rate=0.3, beta1=0.8, beta2=0.9, epsilon=1e-3, weight_decay=0.1), (5, 7), gradients, w)
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        w, m, v = written.adam_step(w, m, v, g, t, 0.3, 0.8, 0.9, 1e-3, 0.1)
    torch.testing.assert_close(found, w)


@pytest.mark.parametrize("tall", [False, True])
def test_muon_is_the_authors(drawn, tall):
    w, gradients = drawn
    w, gradients = (w.T, [g.T for g in gradients]) if tall else (w, gradients)
    found = run(OptimizerSettings(name="muon", muon_rate=0.3, momentum=0.7, weight_decay=0.1), tuple(w.shape), gradients, w)
    m = torch.zeros_like(w)
    for g in gradients:
        w, m = written.muon_step(w, m, g, 0.3, 0.7, 0.1)
    torch.testing.assert_close(found, w)


@pytest.mark.parametrize("condition", [3.0, 10.0, 100.0])
def test_gradient_descent_leaves_of_the_distance_what_the_condition_number_says(condition):
    mu, L = 0.5, 0.5 * condition
    a, w = torch.tensor([mu, L], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    steps = math.ceil(written.steps_until(1e-3, written.contraction(condition)))
    for _ in range(steps):
        w = written.gradient_step(w, a * w, written.best_rate(mu, L))
    assert w.abs().max().item() == pytest.approx(written.contraction(condition) ** steps, rel=1e-9)
    assert written.contraction(condition) ** steps <= 1e-3 < written.contraction(condition) ** (steps - 1)


@pytest.mark.parametrize("condition", [10.0, 100.0, 1000.0])
def test_with_the_best_momentum_the_root_of_the_condition_number_counts(condition):
    mu, L = 0.5, 0.5 * condition
    rate, beta = written.best_momentum(mu, L)
    a, w, m = torch.tensor([mu, L], dtype=torch.float64), torch.ones(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    steps, sizes = 400, []
    for _ in range(steps):
        w, m = written.momentum_step(w, m, a * w, rate, beta)
        sizes.append(math.log(float(w.norm())))
    slope = (sizes[-1] - sizes[steps // 2]) / (steps - 1 - steps // 2)
    assert slope == pytest.approx(math.log(written.momentum_contraction(condition)), rel=0.12)  # t rho^t: both roots are one


def test_a_faster_rate_than_two_over_the_steepest_curvature_goes_up():
    a, w = torch.tensor([1.0, 10.0], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    for _ in range(20):
        w = written.gradient_step(w, a * w, 2.01 / 10)
    assert float((a * w**2).sum()) > 11


def test_the_iteration_makes_singular_values_alike_and_keeps_their_vectors():
    X = torch.randn(5, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    u, _, vh = torch.linalg.svd(X, full_matrices=False)
    inside = u.T @ written.newton_schulz(X) @ vh.T
    torch.testing.assert_close(inside, inside.diag().diag(), rtol=0, atol=1e-9)
    assert float(inside.diag().min()) > 0.6 and float(inside.diag().max()) < 1.3
