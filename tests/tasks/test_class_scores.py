"""Scores of classes against their definitions, counted out."""

import math

import pytest
import torch

from workings.tasks.class_scores import auroc, calibration, calibration_error, class_scores, confusion, lack, macro_f1


def draw(count: int = 60, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, classes, generator=generator).round(decimals=1) * 2, torch.randint(classes, (count,), generator=generator)


def test_the_confusion_matrix_counts_who_is_said_to_be_what():
    table = confusion(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 0, 1, 0]), 3)
    assert table.tolist() == [[1, 1, 1], [0, 1, 0], [0, 0, 0]]


def test_f1_is_the_mean_over_classes_of_the_harmonic_mean_of_precision_and_recall():
    logits, targets = draw()
    said, wanted = logits.argmax(-1), []
    for c in range(3):
        hits = float(((said == c) & (targets == c)).sum())
        precision, recall = hits / float((said == c).sum()), hits / float((targets == c).sum())
        wanted.append(2 / (1 / precision + 1 / recall))
    assert macro_f1(confusion(said, targets, 3)) == pytest.approx(sum(wanted) / 3)


def test_auroc_is_the_probability_of_the_right_order():
    logits, targets = draw(classes=3)
    p = logits.double().softmax(-1)
    wanted = []
    for c in range(3):
        pairs = [(float(a), float(b)) for a in p[targets == c, c] for b in p[targets != c, c]]
        wanted.append(sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs))
    assert auroc(p, targets) == pytest.approx(sum(wanted) / 3)


def test_the_auroc_of_two_classes_is_the_same_for_either():
    logits, targets = draw(classes=2)
    p = logits.double().softmax(-1)
    assert auroc(p, targets) == pytest.approx(auroc(p.flip(1), 1 - targets))
    assert auroc(p, torch.zeros(60, dtype=torch.int64)) == 0.5


def test_a_model_that_is_as_sure_as_right_has_no_calibration_error():
    p = torch.tensor([[0.75, 0.25]] * 4)
    assert calibration_error(p, torch.tensor([0, 0, 0, 1])) == pytest.approx(0)
    assert calibration_error(p, torch.tensor([1, 1, 1, 1])) == pytest.approx(0.75)
    assert calibration_error(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])) == pytest.approx(0.5)


def test_bins_hold_every_example_once():
    logits, targets = draw(500)
    bins = calibration(logits.softmax(-1), targets)
    assert sum(count for count, _, _ in bins) == 500
    right = float((logits.argmax(-1) == targets).double().mean())
    assert sum(count * part for count, _, part in bins) / 500 == pytest.approx(right)


def test_the_order_of_the_classes_does_not_matter():
    logits, targets = torch.randn(300, 4, dtype=torch.float64), torch.randint(4, (300,))
    order = torch.tensor([2, 0, 3, 1])
    one, other = class_scores(logits, targets, 1), class_scores(logits[:, order], order.argsort()[targets], int(order.argsort()[1]))
    assert one == pytest.approx(other)


def test_the_baseline_is_the_part_of_the_commonest_class():
    scores = class_scores(torch.zeros(4, 2), torch.tensor([1, 1, 1, 0]), 1)
    assert scores["majority_accuracy"] == 0.75 and scores["loss"] == pytest.approx(math.log(2)) and scores["examples"] == 4


def test_of_two_evaluations_that_are_right_equally_often_the_one_with_less_loss_is_better_but_one_example_more_weighs_more_than_any_loss():
    even, sure = {"accuracy": 0.5, "loss": 1.4, "examples": 200}, {"accuracy": 0.5, "loss": 1.3, "examples": 200}
    more = {"accuracy": 0.505, "loss": 1e9, "examples": 200}
    assert lack(more, "accuracy") < lack(sure, "accuracy") < lack(even, "accuracy")
    assert lack(even, "loss") == 1.4
