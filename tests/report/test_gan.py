"""The report of a generator says how the game stands, and what was wrong with it for long."""

import json

from tests.report.folders import make_run
from workings.report.gan import gan_sections


def a_run(folder, *diversities):
    run = make_run(folder / "run")
    rows = [
        {"event": "validation", "step": 100 * i, "seconds": float(i), "diversity": d, "told_apart": 0.81, "best": True} for i, d in enumerate(diversities, 9)
    ]
    with open(run / "metrics.jsonl", "a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return run


def game_of(run) -> str:
    return next((section.html for section in gan_sections(run) if section.title == "The game"), "")


def test_a_game_that_goes_well_is_told_in_numbers(tmp_path):
    said = game_of(a_run(tmp_path, 0.2, 0.93))
    assert "At step 1,000" in said and "0.93 times as far apart" in said and "81%" in said and "collapsing" not in said


def test_a_collapse_that_lasts_is_told_with_its_steps(tmp_path):
    said = game_of(a_run(tmp_path, 0.9, 0.3, 0.2))
    assert "From step 1,000 to 1,100" in said and "collapsing" in said


def test_a_run_without_such_scores_has_no_such_section(tmp_path):
    assert game_of(make_run(tmp_path / "run")) == ""
