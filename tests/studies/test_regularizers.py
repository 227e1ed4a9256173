"""The study of regularizers gives everyone the compute that it says, and its verdict asks for gains beyond what seeds make."""

import pytest

from workings.studies.regularizers import EACH, HELP, PART, STUDY, expectations, judge, measure
from workings.studies.study import Scale


@pytest.mark.parametrize(("help", "steps"), [("nothing", 10), ("ensemble, same compute", 10), ("ensemble", 50)])
def test_an_ensemble_shares_the_steps_of_one_or_takes_them_five_times(help, steps, tmp_path):
    (row,) = measure({"part": 0.02, "help": help}, 0, Scale(1, {"steps": 10}), tmp_path)
    assert row["steps"] == steps and row.keys() == STUDY.measures.keys()
    assert 0 < row["accuracy"] < 100 and row["loss"] > 0


LOSS = {"dropout": 0.5}
"""Nats of a help whose loss is not that of the others."""


def made_up(**gains: tuple[float, ...]) -> list[dict]:
    """Accuracies that are higher than nothing's by so much, seed by seed; by 1 where none is given."""
    given = {name.replace("_", " "): values for name, values in gains.items()}
    rows = [
        {"part": part, "help": name, "seed": seed, "accuracy": 70.0 + seed, "loss": LOSS.get(name, 0.8)}
        for part in (0.1, 1.0)
        for name in HELP
        for seed in range(3)
    ]
    return [
        row | {"accuracy": row["accuracy"] + (given.get(row["help"], (1.0, 1.1, 0.9))[row["seed"]] if row["help"] != "nothing" and row["part"] == 0.1 else 0)}
        for row in rows
    ]


def test_the_verdict_asks_for_more_than_chance_of_each_help_of_equal_compute():
    verdict = judge(made_up())
    assert verdict.word == "supported" and verdict.estimate == pytest.approx(1.0) and "in nats, by dropout -0.30." in verdict.sentence
    unsure = judge(made_up(dropout=(2.0, -2.0, 0.0)))
    assert unsure.word == "depends on" and "not settled by 3 seeds are dropout" in unsure.sentence and "gained by dropout" in unsure.unit
    none = {name.replace(" ", "_"): (2.0, -2.0, 0.0) for name in EACH}
    assert judge(made_up(**none)).word == "not supported here"  # though all together, with five times the compute, gain
    assert "below 0 are weight decay" in judge(made_up(weight_decay=(-1.0, -1.1, -0.9))).sentence


def test_each_part_of_the_hypothesis_holds_or_does_not_or_is_not_settled():
    good = dict(ensemble=(1.5, 1.6, 1.4), weight_decay=(0.1, 0.2, 0.0), early_stopping=(0.1, 0.2, 0.0), all=(3.0, 3.1, 2.9))
    assert list(expectations(made_up(**good)).values()) == [True, True, True, True, False, True]
    assert list(expectations(made_up(ensemble=(0.5, 0.6, 0.4), dropout=(-2.0, 0.0, 2.0))).values()) == [False, None, False, False, False, False]


def test_the_part_that_is_judged_is_in_both_scales():
    assert all(PART in scale["parts"] for scale in (STUDY.quick, STUDY.full))
