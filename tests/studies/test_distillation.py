"""The study of distillation trains three models from the same pictures, of which two begin alike, and its verdict follows the gain."""

import pytest

from workings.studies.distillation import ALONE, FEW, STUDY, TAUGHT, TEACHER, expectations, judge, measure
from workings.studies.pictures import SMALL_VIT
from workings.studies.study import Scale


def test_a_teacher_that_counts_nothing_changes_nothing(tmp_path):
    """So that whatever alone and taught differ in comes from the teacher."""
    scale = Scale(seeds=1, options={"steps": 2, "alpha": 0.0, "student": SMALL_VIT | {"training.precision": "float32"}, "batch": 8})
    found = {row["who"]: row["accuracy"] for row in measure({"part": 0.1}, 0, scale, tmp_path)}
    assert found.keys() == {ALONE, TAUGHT, TEACHER}
    assert found[TAUGHT] == pytest.approx(found[ALONE], abs=0.3)


def made_up(gain: float, spread: float = 0.1) -> list[dict]:
    """Accuracies of three seeds."""
    found = {ALONE: 0.0, TAUGHT: gain, TEACHER: 10.0}
    return [
        {"part": 0.1, "who": who, "seed": seed, "accuracy": 70 + seed + more + (spread * seed if who == TAUGHT else 0)}
        for who, more in found.items()
        for seed in (0, 1, 2)
    ]


def test_the_verdict_follows_the_gain():
    assert judge(made_up(2.0)).word == "supported" and judge(made_up(2.0)).estimate == pytest.approx(2.1)
    assert judge(made_up(0.5, spread=3.0)).word == "not supported here", "no more than seeds make"
    assert judge(made_up(2.0) + [row | {"part": 1.0} for row in made_up(-2.0)]).word == "depends on"


def test_each_expectation_can_hold_fail_and_stay_open():
    assert list(expectations(made_up(4.0)).values()) == [True, True]
    assert list(expectations(made_up(2.0)).values()) == [True, False], "a quarter of ten points is more"
    assert list(expectations(made_up(0.5, spread=3.0)).values()) == [None, None]
    assert "1 or more was asked with a tenth, not settled with 3 seeds" in judge(made_up(0.5, spread=3.0)).sentence
    assert all({"part": FEW} in STUDY.conditions(scale) for scale in (STUDY.quick, STUDY.full))
