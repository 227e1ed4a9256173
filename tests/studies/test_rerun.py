"""A kept result is what the code measures: the cheapest study is run again and compared, number by number."""

import pytest

from workings.studies.result import kept_result
from workings.studies.running import run_study
from workings.studies.statistics import chosen
from workings.studies.tau import STUDY, conditions, measure


def test_what_is_computed_of_tau_is_what_was_kept(tmp_path):
    kept = kept_result("tau", "quick")
    assert kept is not None and kept.options == STUDY.quick.options and kept.seeds == list(range(STUDY.quick.seeds))
    computed = [condition for condition in conditions(STUDY.quick) if condition["scores"] == "random"]
    assert len(computed) * len(kept.seeds) == len(chosen(kept.rows, {"scores": "random"})) == 36
    for condition in computed:
        for seed in kept.seeds:
            (now,), (before,) = measure(condition, seed, STUDY.quick, tmp_path), chosen(kept.rows, condition | {"seed": seed})
            assert now == pytest.approx({name: before[name] for name in now}, rel=1e-9)


@pytest.mark.slow
def test_what_is_trained_of_tau_is_what_was_kept_but_for_the_rounding_of_another_machine(tmp_path):
    kept, now = kept_result("tau", "quick"), run_study(STUDY, out=tmp_path / "tau", quiet=True)
    assert kept is not None and now.verdict.word == kept.verdict.word
    losses = [[row["loss"] for row in chosen(result.rows, {"scores": "trained"})] for result in (now, kept)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02) and len(losses[0]) == 9
