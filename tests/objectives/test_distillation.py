"""A student is taught what its teacher says, and nothing if it says the same."""

import math

import pytest
import torch

from workings.blackboard.distillation import distilled, hard, soft
from workings.errors import BadInput
from workings.objectives.classification import class_loss
from workings.objectives.distillation import distilled_loss, hard_distillation_loss, soft_distillation_loss


def some_logits(rows: int = 5, classes: int = 7, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return (3 * torch.randn(rows, classes, dtype=dtype)).requires_grad_(), 3 * torch.randn(rows, classes, dtype=dtype)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_soft_distillation_and_its_gradient_are_those_of_the_blackboard(temperature):
    student, teacher = some_logits()
    fast, slow = soft_distillation_loss(student, teacher, temperature) / len(student), soft(list(student), list(teacher), temperature)
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    (one,), (other,) = (torch.autograd.grad(loss, student) for loss in (fast, slow))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


def test_hard_distillation_and_its_gradient_are_those_of_the_blackboard():
    student, teacher = some_logits()
    fast, slow = hard_distillation_loss(student, teacher) / len(student), hard(list(student), list(teacher))
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    (one,), (other,) = (torch.autograd.grad(loss, student) for loss in (fast, slow))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


def test_the_divergence_of_two_coins_is_the_one_by_hand():
    """KL((3/4, 1/4) || (1/2, 1/2)) = 3/4 log(3/2) + 1/4 log(1/2)."""
    total = soft_distillation_loss(torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]]), 1.0)
    assert total.item() == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_a_student_that_says_what_the_teacher_says_has_nothing_to_learn_and_another_has(temperature):
    student, teacher = some_logits(dtype=torch.float32)
    for given, learns in ((teacher.clone().requires_grad_(), False), ((teacher + 5).requires_grad_(), False), (student, True)):
        total = soft_distillation_loss(given, teacher, temperature)
        (gradient,) = torch.autograd.grad(total, given)
        assert (total > 0.1) == learns and (gradient.abs().max() > 0.1) == learns
        assert learns or (total.abs() < 1e-5 and gradient.abs().max() < 1e-5)


def test_for_a_great_temperature_it_is_the_squared_distance_of_centered_logits():
    student, teacher = some_logits()
    total = soft_distillation_loss(student, teacher, 1e4)
    centered = [logits - logits.mean(1, keepdim=True) for logits in (student, teacher)]
    torch.testing.assert_close(total, (centered[0] - centered[1]).square().sum() / (2 * 7), rtol=1e-3, atol=0)


def test_for_a_small_temperature_it_grows_as_hard_distillation_does():
    student, teacher = some_logits(rows=1)
    small = soft_distillation_loss(student / 100, teacher, 0.01) / 0.01**2
    torch.testing.assert_close(small, hard_distillation_loss(student, teacher), rtol=1e-6, atol=1e-9)


def test_it_is_a_sum_over_the_batch_whichever_way_it_is_cut_and_no_mean_over_classes():
    student, teacher = some_logits()
    whole = soft_distillation_loss(student, teacher, 2.0)
    pieces = [soft_distillation_loss(s, t, 2.0) for s, t in zip(student.split(2), teacher.split(2), strict=True)]
    torch.testing.assert_close(whole, sum(pieces))


def test_the_teacher_is_not_taught():
    student, teacher = some_logits()
    teacher.requires_grad_()
    for total in (soft_distillation_loss(student, teacher, 2.0), hard_distillation_loss(student, teacher)):
        assert torch.autograd.grad(total, teacher, allow_unused=True)[0] is None


def test_short_precisions_are_computed_in_float32():
    student, teacher = some_logits(dtype=torch.float32)
    for loss in (lambda s, t: soft_distillation_loss(s, t, 3.0), hard_distillation_loss):
        short = loss(student.bfloat16(), teacher.bfloat16())
        assert short.dtype == torch.float32
        assert torch.equal(short, loss(student.bfloat16().float(), teacher.bfloat16().float()))


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_labels_and_teacher_together_and_the_gradients_of_both_classifiers_are_those_of_the_blackboard(kind):
    said, teacher = some_logits()
    second = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 6, 2, 2, 1])
    fast = distilled_loss(said, second, labels, teacher, kind=kind, temperature=3.0, alpha=0.3) / len(said)
    term = soft(list(second), list(teacher), 3.0) if kind == "soft" else hard(list(second), list(teacher))
    slow = distilled(list(said), labels.tolist(), term, 0.3)
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    for one, other in zip(*(torch.autograd.grad(loss, [said, second]) for loss in (fast, slow)), strict=True):
        assert other.abs().max() > 0
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_the_labels_teach_the_first_classifier_alone_and_the_teacher_the_second(kind):
    said, teacher = some_logits()
    second, labels = torch.randn(5, 7, dtype=torch.float64, requires_grad=True), torch.tensor([0, 6, 2, 2, 1])
    for alpha, silent in ((0.0, 1), (1.0, 0)):
        total = distilled_loss(said, second, labels, teacher, kind=kind, alpha=alpha)
        gradients = torch.autograd.grad(total, [said, second])
        assert gradients[silent].abs().max() == 0 < gradients[1 - silent].abs().max()


def test_without_the_teachers_share_it_is_the_loss_of_the_labels_smoothed_weighted_and_mixed():
    said, teacher = some_logits()
    labels, weights, mixed = torch.tensor([0, 6, 2, 2, 1]), torch.rand(7).double(), torch.rand(5, 7).double().softmax(-1)
    for targets, how in ((labels, dict(smoothing=0.1, weights=weights)), (mixed, dict(smoothing=0.2))):
        assert torch.equal(distilled_loss(said, said, targets, teacher, kind="soft", alpha=0.0, **how), class_loss(said, targets, **how))


def test_a_student_like_its_teacher_learns_the_labels_alone():
    _, teacher = some_logits()
    said, labels = teacher.clone().requires_grad_(), torch.tensor([0, 6, 2, 2, 1])
    (gradient,) = torch.autograd.grad(distilled_loss(said, said, labels, teacher, kind="soft", temperature=4.0, alpha=0.5), said)
    (alone,) = torch.autograd.grad(0.5 * class_loss(said, labels), said)
    torch.testing.assert_close(gradient, alone, rtol=0, atol=1e-9)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(BadInput, match="the same classes"):
        soft_distillation_loss(torch.zeros(2, 3), torch.zeros(2, 4), 1.0)
    with pytest.raises(BadInput, match="above 0"):
        soft_distillation_loss(torch.zeros(2, 3), torch.zeros(2, 3), 0.0)
