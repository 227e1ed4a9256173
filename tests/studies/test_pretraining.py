"""Which texts are learned from, and what pretraining is said to gain (statement 3.1)."""

from types import SimpleNamespace

import pytest

from workings.data.labeled import read_labeled
from workings.studies import pretraining
from workings.studies.pretraining import AT, HELD_OUT, STUDY, expectations, judge, measure, write
from workings.studies.study import Scale


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = [('a, "quoted" one', "1"), ("a\nbroken one", "0")]
    found = read_labeled(write(tmp_path / "some.csv", rows))
    assert list(zip(found.texts, found.labels, strict=True)) == rows


@pytest.mark.parametrize("begins", ["scratch", "pretrained"])
def test_what_is_scored_is_never_learned_from_and_only_the_first_stage_differs(tmp_path, monkeypatch, begins):
    runs = []

    def tune(out, seed, steps, **given):
        read = {name: read_labeled(str(given[name])) for name in ("data", "validation")}
        runs.append(given | read)
        return SimpleNamespace(pretraining=tmp_path / "first", scores=lambda: {"accuracy": 0.5})

    monkeypatch.setattr(pretraining, "tune", tune)
    options = {"labels": [30, 700], "width": 8, "layers": 1, "longest": 16, "pretraining_steps": 5, "steps": 3}
    rows = measure({"begins": begins}, 4, Scale(1, options), tmp_path)
    assert [(row["labels"], row["accuracy"]) for row in rows] == [(30, 0.5), (700, 0.5)]
    first, *tuned = runs
    assert first["set"]["pretraining.steps"] == (5 if begins == "pretrained" else 1)
    assert (first["set"]["pretraining.optimizer.rate"] > 0) == (first["set"]["pretraining.optimizer.muon_rate"] > 0) == (begins == "pretrained")
    assert [len(run["data"].texts) for run in tuned] == [30, 700] and all(run["start"] == tmp_path / "first" / "model" for run in tuned)
    held = first["validation"].texts
    assert len(held) == HELD_OUT and all(run["validation"].texts == held for run in tuned)
    pool = list(zip(first["data"].texts, first["data"].labels, strict=True))
    assert len(pool) + HELD_OUT == len(read_labeled("movies").texts)
    assert all(set(zip(run["data"].texts, run["data"].labels, strict=True)) <= set(pool) for run in tuned)


@pytest.mark.parametrize("scale", [STUDY.quick, STUDY.full])
def test_both_scales_measure_what_the_hypothesis_is_about(scale):
    assert set(AT) <= set(scale["labels"])


def rows(gains: dict[int, float], noise: float = 0.0) -> list[dict]:
    """Accuracies by which pretraining gains that for each number of labels; noise: of the gain, by the seed."""
    return [
        {"begins": begins, "seed": seed, "labels": labels, "accuracy": 0.5 + 0.01 * seed + (gain + noise * (seed - 1)) * (begins == "pretrained")}
        for begins in ("scratch", "pretrained")
        for labels, gain in gains.items()
        for seed in range(3)
    ]


@pytest.mark.parametrize(
    ("few", "many", "word"),
    [
        (0.1, 0.1, "supported"),
        (0.1, -0.12, "depends on"),
        (0.3, -0.1, "depends on"),
        (0.0, 0.0, "not supported here"),
        (-0.1, -0.1, "not supported here"),
    ],
)
def test_the_verdict_is_the_mean_over_the_numbers_of_labels_unless_only_some_gain(few, many, word):
    verdict = judge(rows({10: few, 90: many}))
    assert verdict.word == word and verdict.estimate == pytest.approx((few + many) / 2, abs=1e-12)


def test_a_gain_that_the_seeds_do_not_settle_is_said_to_be_that():
    verdict = judge(rows({10: 0.05, 90: 0.02}, noise=0.2))
    assert verdict.word == "not supported here" and "above 0 was asked, not settled with 3 seeds" in verdict.sentence


def test_what_was_expected_holds_does_not_or_is_not_settled():
    few, some, many = AT
    assert list(expectations(rows({few: 0.02, some: 0.03, many: 0.01})).values()) == [True, True, True]
    assert list(expectations(rows({few: 0.04, some: 0.06, many: 0.03})).values()) == [False, False, False]
    assert list(expectations(rows({few: 0.04, some: 0.03, many: 0.0}, noise=0.1)).values()) == [None, None, None]
