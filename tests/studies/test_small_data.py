"""The study of small data: its conditions differ in what they say they differ in, it scores test pictures, and its verdict follows the gains."""

from workings.studies.pictures import SMALL_VIT
from workings.studies.small_data import FEW, HELP, MIXED, NONE, SOME, STUDY, expectations, judge, measure
from workings.studies.study import Scale


def test_regularization_changes_the_same_settings_that_are_off_without_it():
    assert NONE.keys() == SOME.keys() and all(NONE[name] == 0 < SOME[name] for name in NONE)
    assert HELP["both"].keys() == HELP["augmentation"].keys() > HELP["neither"].keys() == HELP["regularization"].keys()
    assert HELP["both"] == HELP["augmentation"] | HELP["regularization"] | {name: HELP["both"][name] for name in MIXED}


def test_every_help_meets_every_part_of_the_data():
    assert len(STUDY.conditions(STUDY.full)) == 4 * len(STUDY.full["parts"])
    for scale in (STUDY.quick, STUDY.full):
        assert {"part": FEW, "help": "both"} in STUDY.conditions(scale), "what is judged is measured"


def test_a_training_is_scored_on_the_test_pictures(tmp_path):
    scale = Scale(seeds=1, options={"parts": (0.1,), "steps": 2, "model": SMALL_VIT | {"training.batch": 8}})
    (row,) = measure({"part": 0.1, "help": "both"}, 0, scale, tmp_path)
    assert 0 < row["accuracy"] < 100 and abs(round(row["accuracy"] * 10) - row["accuracy"] * 10) < 1e-6, "a thousand test pictures, so tenths of a percent"


def made_up(few: float, many: float) -> list[dict]:
    """Accuracies where both together gain so much."""
    return [
        {"part": part, "help": name, "seed": seed, "accuracy": 60 + seed + (gain + seed / 10 if name == "both" else 0)}
        for part, gain in ((0.1, few), (1.0, many))
        for name in HELP
        for seed in (0, 1, 2)
    ]


def test_the_verdict_follows_the_gains():
    assert judge(made_up(5, 1)).word == "supported"
    assert judge(made_up(5, -1)).word == "depends on"
    assert judge(made_up(-5, -1)).word == judge(made_up(0.0, -1)).word == "not supported here"
    assert judge(made_up(5, 1)).estimate > 5


def test_it_is_judged_at_a_tenth_whatever_fewer_pictures_say():
    fewer = [row | {"part": 0.05} for row in made_up(9, 9) if row["part"] == 0.1]
    assert judge(made_up(-0.05, 1) + fewer).word == "depends on" and judge(made_up(5, 1) + fewer).estimate == judge(made_up(5, 1)).estimate


def test_each_expectation_can_hold_fail_and_stay_open():
    assert list(expectations(made_up(5, 1)).values()) == [True, True]
    assert list(expectations(made_up(1, 3)).values()) == [False, False]
    assert list(expectations(made_up(1.9, 1)).values()) == [None, True]
    assert "2 or more were asked with a tenth, not settled with 3 seeds" in judge(made_up(1.9, 1)).sentence
