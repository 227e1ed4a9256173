"""The next-token loss: a sum and a count, in float32 at least, over what is to be predicted."""

import math

import pytest
import torch

from workings.blackboard.functions import softmax
from workings.blackboard.prediction import smoothed_cross_entropy
from workings.objectives.next_token import IGNORE, next_token_loss


def test_equal_logits_cost_ln_v_a_token():
    total, count = next_token_loss(torch.zeros(2, 3, 7), torch.randint(7, (2, 3)))
    assert count == 6
    assert float(total) == pytest.approx(6 * math.log(7))


def test_what_is_ignored_is_neither_summed_nor_counted():
    logits, targets = torch.randn(2, 3, 7), torch.randint(7, (2, 3))
    kept = torch.tensor([[True, False, True], [False, False, True]])
    total, count = next_token_loss(logits, torch.where(kept, targets, IGNORE))
    alone, _ = next_token_loss(logits[kept], targets[kept])
    assert count == 3
    torch.testing.assert_close(total, alone)


def test_nothing_to_predict_is_zero_with_a_zero_gradient_and_not_nan():
    logits = torch.randn(2, 3, 7, requires_grad=True)
    total, count = next_token_loss(logits, torch.full((2, 3), IGNORE))
    (gradient,) = torch.autograd.grad(total, logits)
    assert total == 0 and count == 0 and not gradient.any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_logits_are_summed_in_float32(dtype):
    """A sum of 4,096 losses of about ln 7 would end at 512 in bfloat16, where the next number is 4 away."""
    logits, targets = torch.randn(4096, 7).to(dtype), torch.randint(7, (4096,))
    total, _ = next_token_loss(logits, targets)
    exact, _ = next_token_loss(logits.double(), targets)
    assert total.dtype == torch.float32
    assert float(total) == pytest.approx(float(exact), rel=1e-5)


def test_large_logits_stay_finite():
    total, _ = next_token_loss(torch.tensor([[1e30, 0.0]]), torch.tensor([1]))
    assert float(total) == pytest.approx(1e30)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_smoothed_targets_cost_what_the_blackboard_says(smoothing):
    logits, targets = torch.randn(5, 7, dtype=torch.float64, requires_grad=True), torch.tensor([3, IGNORE, 0, 6, IGNORE])
    total, _ = next_token_loss(logits, targets, smoothing)
    slow = sum(smoothed_cross_entropy(softmax(row), int(token), smoothing) for row, token in zip(logits, targets, strict=True) if token != IGNORE)
    torch.testing.assert_close(total, slow, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits)[0] for loss in (total, slow)), rtol=1e-9, atol=1e-9)


def test_smoothed_loss_has_its_minimum_at_the_smoothed_distribution():
    logits = torch.full((1, 4), 0.3 / 4).log()
    logits[0, 2] = math.log(0.7 + 0.3 / 4)
    logits.requires_grad_()
    (gradient,) = torch.autograd.grad(next_token_loss(logits, torch.tensor([2]), 0.3)[0], logits)
    assert gradient.abs().max() < 1e-6
