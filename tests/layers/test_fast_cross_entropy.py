"""Cross-entropy in one pass equals the equation in float64, in values and gradients."""

import math

import pytest
import torch
import torch.nn.functional as F

from workings.layers.fast import cross_entropy as fast
from workings.layers.fast.compiler import library

IGNORE = -100


def equation(logits, targets, smoothing):
    """- sum_n sum_j q_nj log softmax(z_n)_j, as it is written."""
    total = logits.new_zeros(())
    for z, target in zip(logits, targets.tolist(), strict=True):
        if target != IGNORE:
            q = torch.full_like(z, smoothing / len(z))
            q[target] += 1 - smoothing
            total = total - (q * z.log_softmax(-1)).sum()
    return total


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("rows", "words"), [(23, 1009), (7, 30011), (300, 31)])
def test_it_equals_the_equation_whatever_is_ignored_and_smoothed(rows, words, smoothing, dtype):
    torch.manual_seed(0)
    logits = (4 * torch.randn(rows, words)).to(dtype).requires_grad_()
    targets = torch.randint(words, (rows,))
    targets[::5] = IGNORE
    assert fast.takes(logits, targets, IGNORE) == (library() is not None)
    exact = logits.detach().double().requires_grad_()
    loss, right = fast.cross_entropy(logits, targets, smoothing, IGNORE), equation(exact, targets, smoothing)
    torch.testing.assert_close(loss.double(), right, rtol=2e-6, atol=0)
    got, wanted = torch.autograd.grad(0.25 * loss, logits)[0], torch.autograd.grad(0.25 * right, exact)[0]
    assert got.dtype == dtype and not got[::5].any()
    torch.testing.assert_close(got.double(), wanted, rtol=2e-5 if dtype == torch.float32 else 2**-7, atol=1e-7)


@pytest.mark.parametrize("fast_paths", ["1", "0"])
def test_evaluation_gives_the_same_sum_and_keeps_nothing(fast_paths, monkeypatch):
    monkeypatch.setenv("WORKINGS_FAST", fast_paths)
    logits, targets = torch.randn(40, 500, requires_grad=True), torch.randint(500, (40,))
    with torch.no_grad():
        loss = fast.cross_entropy(logits, targets, 0.2)
    torch.testing.assert_close(loss, fast.cross_entropy(logits, targets, 0.2).detach())
    assert not loss.requires_grad


def test_a_flat_row_costs_the_logarithm_of_the_vocabulary():
    loss = fast.cross_entropy(torch.full((50, 2000), 3.0), torch.arange(50), 0.3)
    torch.testing.assert_close(loss, torch.tensor(50 * math.log(2000)))


def test_large_logits_do_not_overflow_and_the_gradient_of_a_row_sums_to_zero():
    logits = torch.randn(30, 4001).mul(1e3).requires_grad_()
    loss = fast.cross_entropy(logits, torch.randint(4001, (30,)), 0.1)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.isfinite() and gradient.sum(-1).abs().max() < 1e-4


def test_a_token_that_is_forbidden_by_minus_infinity_is_as_if_it_were_not_there():
    logits = torch.randn(20, 1000)
    logits[:, 999] = -torch.inf
    logits.requires_grad_()
    loss = fast.cross_entropy(logits, torch.arange(20))
    torch.testing.assert_close(loss, equation(logits.detach()[:, :999].double(), torch.arange(20), 0.0).float())
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.isfinite().all() and gradient[:, 999].abs().max() < 1e-30


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_what_is_not_finite_stays_so_that_a_training_can_stop(wrong):
    logits = torch.randn(20, 1000)
    logits[3, 5] = wrong
    assert not fast.cross_entropy(logits, torch.full((20,), 7)).isfinite()


def test_nothing_to_predict_costs_nothing():
    logits = torch.randn(20, 1000, requires_grad=True)
    loss = fast.cross_entropy(logits, torch.full((20,), IGNORE))
    assert loss == 0 and not torch.autograd.grad(loss, logits)[0].any()


def test_targets_beyond_the_vocabulary_are_refused_as_by_pytorch():
    for target in (1000, -1):
        with pytest.raises(IndexError):
            fast.cross_entropy(torch.randn(20, 1000), torch.full((20,), target))


def test_other_precisions_and_small_tensors_keep_to_pytorch():
    logits, targets = torch.randn(20, 1000), torch.randint(1000, (20,))
    assert not fast.takes(logits.double(), targets, IGNORE) and not fast.takes(logits[:, :10], targets, IGNORE)
    loss = fast.cross_entropy(logits.double(), targets, 0.1)
    assert loss.dtype == torch.float64
    torch.testing.assert_close(loss, F.cross_entropy(logits.double(), targets, label_smoothing=0.1, reduction="sum"), rtol=1e-12, atol=0)
