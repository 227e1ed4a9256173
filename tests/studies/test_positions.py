"""Lines that only order explains, and what the study says of who learns it (statement 1.1a)."""

import math

import pytest

from workings.studies.positions import ENCODINGS, LENGTH, LETTERS, expectations, judge, repeats, unknowable


def test_every_letter_after_the_first_five_is_the_one_five_before_and_all_letters_occur():
    text = repeats(3)
    for line in text.splitlines():
        assert len(line) == 20 and line[LENGTH:] == line[:-LENGTH]
    assert set(text) == {*LETTERS, "\n"}
    assert text == repeats(3) != repeats(4)


def test_what_nobody_can_know_is_what_somebody_pays_who_knows_the_rule():
    text, paid = repeats(0), 0.0
    for line in text.splitlines():
        paid += sum(math.log(len(LETTERS)) for place in range(len(line)) if place < LENGTH)  # the rest of the line is certain
    assert unknowable() == pytest.approx(paid / len(text), rel=1e-12)


def rows(**losses: float) -> list[dict]:
    """Losses on the repeated letters, 2 unless given, that differ by the seed alike."""
    given = dict.fromkeys(ENCODINGS, 2.0) | losses
    return [{"text": "repeats", "position": name, "seed": seed, "loss": loss + 0.1 * seed} for name, loss in given.items() for seed in (0, 1, 2)]


@pytest.mark.parametrize(
    ("lecture", "rotary", "word"), [(1.0, 1.0, "supported"), (2.0, 1.0, "depends on"), (2.0, 2.0, "not supported here"), (2.5, 2.5, "not supported here")]
)
def test_the_verdict_is_about_the_printed_formula_and_says_who_else_learns_order(lecture, rotary, word):
    verdict = judge(rows(lecture=lecture, rotary=rotary))
    assert verdict.word == word and verdict.estimate == pytest.approx(2 - lecture)
    assert ("a gain above 0 was asked" in verdict.sentence) == (word != "supported")


def test_what_was_expected_holds_does_not_or_is_not_settled():
    made = rows(lecture=2.5, sinusoidal=1.7, learned=1.9)
    made += [row | {"text": "pride", "loss": row["loss"] + noise * (row["position"] == "none")} for row, noise in zip(made, [0.0, 0.3, 0.9] * 5, strict=True)]
    assert list(expectations(made).values()) == [True, True, False, False, None]
    better = rows(lecture=1.5) + [row | {"text": "pride"} for row in rows(lecture=3.0)]
    assert list(expectations(better).values()) == [False, False, False, False, True]
