"""Which texts are kept to be looked at."""

import torch

from workings.tasks.notable import KEPT, RIGHT, SUREST, surest_mistakes, surest_right

SAID = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
TEXTS, NAMES = ["a", "b", "c", "d"], ["no", "yes"]


def test_the_surest_mistakes_come_first():
    found = surest_mistakes(SAID, torch.tensor([1, 1, 0, 1]), TEXTS, NAMES)
    assert [(item["text"], item["label"], item["said"]) for item in found] == [("a", "yes", "no"), ("c", "no", "yes"), ("d", "yes", "no")]


def test_each_class_has_the_right_text_that_is_surest():
    found = surest_right(SAID, torch.tensor([0, 1, 1, 0]), TEXTS, NAMES)
    assert [(item["text"], item["label"], item["said"], round(item["probability"], 6)) for item in found] == [("a", "no", "no", 0.9), ("c", "yes", "yes", 0.8)]


def test_a_class_without_a_right_text_has_none_and_the_right_are_no_mistakes():
    targets = torch.tensor([1, 1, 0, 1])
    assert [item["text"] for item in surest_right(SAID, targets, TEXTS, NAMES)] == ["b"]
    assert surest_mistakes(SAID, SAID.argmax(-1), TEXTS, NAMES) == [] and surest_right(SAID, 1 - SAID.argmax(-1), TEXTS, NAMES) == []


def test_what_is_kept_has_bounds():
    said = torch.eye(5).repeat(6, 1) * 0.5 + 0.1
    texts, names, targets = ["x" * 9999] * 30, list("abcde"), torch.arange(5).repeat(6)
    mistakes, right = surest_mistakes(said, (targets + 1) % 5, texts, names), surest_right(said, targets, texts, names)
    assert (len(mistakes), len(right)) == (SUREST, RIGHT) and {len(item["text"]) for item in mistakes + right} == {KEPT}
