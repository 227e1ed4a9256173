"""The results that come with the package are what the studies make of their rows, at the scales that they have now."""

import json

import pytest

from workings.studies.catalog import NAMES, find
from workings.studies.page import study_page
from workings.studies.result import KEPT, kept_result, read_result

FILES = sorted(path.stem for path in KEPT.glob("*.json"))


@pytest.mark.parametrize("file", FILES)
def test_a_verdict_is_that_of_its_rows_and_the_rows_those_of_the_scale(file: str):
    result = read_result(KEPT / f"{file}.json")
    study = find(result.study)
    scale = study.scale(result.scale == "full")
    assert file == f"{result.study}-{result.scale}"
    assert study.judge(result.rows) == result.verdict
    assert json.loads(json.dumps(scale.options)) == result.options and list(range(scale.seeds)) == result.seeds
    conditions = json.loads(json.dumps(study.conditions(scale)))
    assert all(any(row.items() >= (condition | {"seed": seed}).items() for row in result.rows) for condition in conditions for seed in result.seeds)


@pytest.mark.parametrize("name", NAMES)
def test_every_study_has_been_run_and_has_its_page(name: str):
    result = kept_result(name)
    assert result is not None
    page = study_page(find(name), result)
    assert result.verdict.word.capitalize() in page and "nan" not in page.partition("<h2>Numbers")[2].partition("</table>")[0]


def test_what_is_kept_can_be_read_by_other_readers_of_json():
    for path in KEPT.glob("*.json"):
        json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{path.name} holds {name}"))
