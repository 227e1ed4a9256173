"""A study measures every condition with every seed once, keeps what it measured, and says what it found."""

import json
from dataclasses import replace

import pytest

from workings.errors import BadInput
from workings.studies import running
from workings.studies.figures import bars, lines
from workings.studies.result import kept_result, read_result, table
from workings.studies.statistics import averaged, mean_interval, paired_difference
from workings.studies.study import Scale, Study, Verdict

MEASURED = []


def measure(condition, seed, scale, folder):
    MEASURED.append((condition["slope"], seed))
    if MEASURED[-1] == scale.options.get("breaks"):
        raise KeyboardInterrupt
    (folder / "made").write_text("scratch")
    return [{"x": x, "y": condition["slope"] * x + seed} for x in scale["xs"]]


def made_up(**options) -> Study:
    scale = Scale(seeds=2, options={"xs": [1, 2, 5]} | options)
    return Study(
        name="lines",
        statement="0.0",
        title="Lines rise",
        claim="Lines rise.",
        hypothesis="By 3 more.",
        varied="The slope.",
        held="The x.",
        quick=scale,
        full=scale,
        conditions=lambda scale: [{"slope": 2.0}, {"slope": 5.0}],
        measure=measure,
        judge=lambda rows: Verdict("supported", "They rise.", 3.0, 2.0, 4.0, "per x"),
        draw=lambda rows, figure: (
            lines(figure.add_subplot(121), rows, "x", "y", "slope", "x", "y"),
            bars(figure.add_subplot(122), rows, "x", "y", "slope", "x", "y"),
        ),
        measures={"y": "height, m"},
    )


@pytest.fixture(autouse=True)
def forget():
    MEASURED.clear()


def test_rows_have_their_condition_and_seed_and_every_file_is_written(tmp_path):
    result = running.run_study(made_up(), out=tmp_path / "lines", keep=tmp_path / "kept", quiet=True)
    assert [(row["slope"], row["seed"], row["x"], row["y"]) for row in result.rows[:4]] == [
        (2.0, 0, 1, 2.0),
        (2.0, 0, 2, 4.0),
        (2.0, 0, 5, 10.0),
        (2.0, 1, 1, 3.0),
    ]
    assert read_result(tmp_path / "lines" / "result.json") == read_result(tmp_path / "kept" / "lines-quick.json") == result
    page = (tmp_path / "lines" / "report.html").read_text()
    assert "They rise." in page and "By 3 more." in page and "<svg" in page and "workings study lines --quick" in page
    assert (tmp_path / "lines" / "figure.svg").read_text().startswith("<svg")
    assert not (tmp_path / "lines" / "scratch").exists()


def test_a_stopped_study_goes_on_and_measures_nothing_twice(tmp_path):
    with pytest.raises(KeyboardInterrupt, match="2 of 4 measurements are saved"):
        running.run_study(made_up(breaks=(5.0, 0)), out=tmp_path / "lines", quiet=True)
    plan = tmp_path / "lines" / "study.json"
    plan.write_text(json.dumps(json.loads(plan.read_text()) | {"options": {"xs": [1, 2, 5]}}))
    (tmp_path / "lines" / "units.jsonl").open("a").write('{"unit": "cut sho')
    stopped = running.run_study(made_up(), out=tmp_path / "lines", quiet=True)
    assert MEASURED == [(2.0, 0), (2.0, 1), (5.0, 0), (5.0, 0), (5.0, 1)]
    assert stopped.rows == running.run_study(made_up(), out=tmp_path / "other", quiet=True).rows


def test_another_plan_in_the_folder_is_refused_and_overwritten_when_asked(tmp_path):
    running.run_study(made_up(), out=tmp_path / "lines", quiet=True)
    with pytest.raises(BadInput, match="other settings"):
        running.run_study(made_up(xs=[7]), out=tmp_path / "lines", quiet=True)
    assert {row["x"] for row in running.run_study(made_up(xs=[7]), out=tmp_path / "lines", overwrite=True, quiet=True).rows} == {7}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(BadInput, match="not the folder of a study"):
        running.run_study(made_up(), out=tmp_path / "mine", overwrite=True, quiet=True)


def test_the_interval_of_the_mean_is_students():
    interval = mean_interval([4.0, 6.0, 8.0, 10.0])
    assert interval.mean == 7
    assert interval.high - 7 == pytest.approx(3.182446 * (20 / 3) ** 0.5 / 2, rel=1e-6)  # t of 3 degrees of freedom
    assert mean_interval([1.0]).excludes(5.0) is False


def test_what_seeds_share_cancels_in_a_difference():
    rows = [{"kind": kind, "seed": seed, "y": 100.0 * seed + (3 + 0.01 * seed) * (kind == "b")} for kind in "ab" for seed in range(5)]
    difference = paired_difference(rows, "y", {"kind": "a"}, {"kind": "b"})
    assert difference.mean == pytest.approx(3.02)
    assert difference.high - difference.low < 0.1
    assert averaged(rows, ["kind"], "y")[("a",)].high - averaged(rows, ["kind"], "y")[("a",)].low > 100


def test_the_table_has_a_line_for_each_condition(tmp_path):
    rows = running.run_study(made_up(), out=tmp_path / "lines", quiet=True).rows
    head, cells = table(made_up(), rows)
    assert head == ["slope", "x", "height, m"]
    assert cells[0] == ["2", "1", "2.50 ± 0.71"] and len(cells) == 6


def test_a_number_that_is_none_is_refused_and_what_was_measured_before_is_saved(tmp_path):
    with pytest.raises(BadInput, match="lines: y is nan with slope nan, seed 0"):
        running.run_study(replace(made_up(), conditions=lambda scale: [{"slope": 2.0}, {"slope": float("nan")}]), out=tmp_path / "lines", quiet=True)
    assert len((tmp_path / "lines" / "units.jsonl").read_text().splitlines()) == 2


def test_a_bound_that_is_not_known_survives_the_file_as_null(tmp_path):
    study = replace(made_up(), judge=lambda rows: Verdict("supported", "They rise.", 3.0, float("-inf"), float("inf"), "per x"))
    result = running.run_study(study, out=tmp_path / "lines", quiet=True)
    assert '"low": null' in (tmp_path / "lines" / "result.json").read_text()
    assert read_result(tmp_path / "lines" / "result.json") == result


def test_the_page_says_which_expectations_held_and_what_was_changed(tmp_path):
    study = replace(made_up(), expectations=lambda rows: {"By 3 more": True, "By 9 more": False, "Forever": None}, changed="The slope, after a look.")
    running.run_study(study, out=tmp_path / "lines", quiet=True)
    page = (tmp_path / "lines" / "report.html").read_text()
    for said in ("<b>held</b>: By 3 more", "<b>did not hold</b>: By 9 more", "<b>not settled</b>: Forever", "The slope, after a look."):
        assert said in page


def test_conditions_without_a_seed_in_common_have_no_difference():
    with pytest.raises(ValueError, match="no seed has y"):
        paired_difference([{"kind": "a", "seed": 0, "y": 1.0}, {"kind": "b", "seed": 1, "y": 1.0}], "y", {"kind": "a"}, {"kind": "b"})


def test_what_is_not_kept_is_nothing():
    assert kept_result("nothing") is None


def test_a_damaged_plan_and_files_in_the_place_of_folders_are_one_sentence_before_anything_is_measured(tmp_path):
    running.run_study(made_up(), out=tmp_path / "lines", quiet=True)
    (tmp_path / "lines" / "study.json").write_text("{")
    (tmp_path / "file").write_text("dear")
    MEASURED.clear()
    for options, said in (
        (dict(out=tmp_path / "lines"), "study.json is damaged"),
        (dict(out=tmp_path / "file"), "not the folder of a study"),
        (dict(out=tmp_path / "new", keep=tmp_path / "file"), "file is not a folder"),
    ):
        with pytest.raises(BadInput, match=said):
            running.run_study(made_up(), quiet=True, **options)
    assert not MEASURED
