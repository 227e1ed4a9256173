"""Eight layers with equally many parameters, and the effects of three changes (statements 1.2a-c)."""

import random

import pytest

from workings.models.build import build
from workings.models.settings import model_settings
from workings.studies.notation import CHANGES, LAYER, STUDY, altogether, conditions, effect, expectations, judge, switches

EIGHT = conditions(STUDY.quick)


def rows(value: float = 0.0, norm: float = 0.0, attention: float = 0.0, crossed: float = 0.0) -> list[dict]:
    """Losses that are sums of what the changes do, with a number of its own for each seed."""
    made = []
    for seed in range(3):
        for condition in EIGHT:
            a, b, c = (condition[name] == after for name, (_, after) in CHANGES.items())
            made.append(condition | {"seed": seed, "loss": 3 + seed + value * a + norm * b + attention * c + crossed * (b and c)})
    return made


def test_all_eight_have_the_same_parameters_and_no_two_the_same_switches():
    models = [build(model_settings("lecture", vocabulary=13, width=64, heads=2, layers=2, context=7, **LAYER, **switches(one))) for one in EIGHT]
    assert len({sum(parameter.numel() for parameter in model.parameters()) for model in models}) == 1
    assert len({tuple(switches(one).values()) for one in EIGHT}) == 8


def test_effects_of_a_sum_are_its_terms_and_nothing_depends_on_anything():
    made = rows(value=0.2, norm=-0.5, attention=0.07)
    assert [effect(made, [change]).mean for change in CHANGES] == pytest.approx([0.2, -0.5, 0.07])
    assert effect(made, ["norm_of", "attention_on"]).mean == pytest.approx(0, abs=1e-12)
    assert altogether(made).mean == pytest.approx(0.2 - 0.5 + 0.07)


def test_what_two_do_only_together_is_half_in_each_and_half_an_interaction():
    made = rows(crossed=0.4)
    random.Random(0).shuffle(made)
    assert [effect(made, [change]).mean for change in CHANGES] == pytest.approx([0, 0.2, 0.2], abs=1e-12)
    assert effect(made, ["norm_of", "attention_on"]).mean == pytest.approx(0.2)
    assert effect(made, ["value", "norm_of"]).mean == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("terms", "word"),
    [
        (dict(norm=-0.5), "supported"),
        (dict(value=0.01), "supported"),
        (dict(norm=-0.5, value=0.2), "depends on"),
        (dict(norm=0.5), "not supported here"),
    ],
)
def test_the_verdict_is_about_all_three_and_names_the_one_that_loses(terms, word):
    verdict = judge(rows(**terms))
    assert verdict.word == word and verdict.estimate == pytest.approx(sum(terms.values()))


def test_a_loss_that_three_seeds_cannot_tell_from_nothing_supports_nothing():
    made = [row | {"loss": row["loss"] + 0.1 * (row["seed"] - 1) * (row["value"] == "A x + b")} for row in rows()]
    verdict = judge(made)
    assert verdict.word == "depends on" and "not settled with 3 seeds" in verdict.sentence


def test_what_was_expected_holds_does_not_or_is_not_settled():
    assert list(expectations(rows(norm=-0.15, attention=-0.05, value=0.01)).values()) == [True] * 5
    assert list(expectations(rows(norm=-0.05, attention=-0.15, value=0.3)).values()) == [False] * 5
    unsure = [row | {"loss": row["loss"] + 0.3 * (row["seed"] - 1) * (row["attention_on"] == "x")} for row in rows(norm=-0.15, value=0.01)]
    assert list(expectations(unsure).values()) == [None, True, None, None, True]
