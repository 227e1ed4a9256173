"""What the pages and the recipes' headers say was measured is what the result files say."""

import re
import shlex
from decimal import Decimal

import pytest
from source import ROOT

from docs import make_results
from workings.cli.main import app

RESULTS = make_results.results()
KNOWN = {"recipe", "changed", "title", "command", "then", "seeds", "machine", "recorded", "beside", "peer", "note", "scores"}
TIMES = {"steps_seconds": 1, "steps_minutes": 60, "whole_minutes": 60, "processor_minutes": 60}


def header(recipe: str) -> str:
    """The comments at the head of a recipe."""
    lines = (make_results.RECIPES / f"{recipe}.toml").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines[: next(number for number, line in enumerate(lines) if line and line[0] != "#")])


def header_times(text: str) -> list[tuple[Decimal, int]]:
    """(number, seconds of its unit) of every time that a header states, as of "4.6 to 5.1 minutes"."""
    found = re.findall(r"([\d.]+)(?: to ([\d.]+))? (minutes|seconds)", text)
    return [(Decimal(number), 60 if unit == "minutes" else 1) for *numbers, unit in found for number in numbers if number]


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_names_a_recipe_or_a_command_and_has_a_score_for_each_seed(name):
    result = RESULTS[name]
    assert set(result) <= KNOWN | set(TIMES) and result["title"] and result["scores"]
    assert result["recipe"] in make_results.recipes() if "recipe" in result else result["command"]
    assert "command" in result or ("recipe" in result and result["changed"])
    for entry in result["scores"]:
        assert set(entry) <= {"name", "unit", "values", "floor"} and len(entry["values"]) == len(result["seeds"])
    for key in TIMES:
        assert len(result.get(key, [])) in {0, 2, len(result["seeds"])}
    assert result.get("peer", name) in RESULTS


@pytest.mark.parametrize("name", RESULTS)
def test_the_commands_of_a_result_parse(name):
    for command in filter(None, (RESULTS[name].get("command"), RESULTS[name].get("then"))):
        program, *tokens = shlex.split(command.replace("SEED", "0"))
        if program == "workings":
            app.parse_args(tokens, exit_on_error=False, print_error=False)
        else:
            assert program == "python" and (ROOT / tokens[0]).exists()


@pytest.mark.parametrize("recipe", make_results.recipes())
def test_a_recipe_is_measured_or_says_that_it_is_not(recipe):
    assert ("not measured yet" in header(recipe)) == (recipe not in RESULTS) == (recipe in make_results.unmeasured())


@pytest.mark.parametrize("recipe", sorted(set(make_results.recipes()) & set(RESULTS)))
def test_the_header_of_a_recipe_says_what_its_result_says(recipe):
    result, text = RESULTS[recipe], header(recipe)
    assert result["command"] in text and result["machine"] in text and re.search(rf"seeds? {', '.join(map(str, result['seeds']))}\b", text)
    assert all(str(value) in text for value in result["scores"][0]["values"])
    measured = [Decimal(number) * unit for key, unit in TIMES.items() for number in result.get(key, [])]
    stated = header_times(text)
    assert stated
    for number, unit in stated:
        step = Decimal(unit).scaleb(number.as_tuple().exponent)
        assert any(abs(number * unit - seconds) <= step / 2 for seconds in measured), f"{number} in the header is none of {measured} seconds"
    files = " ".join((make_results.RECIPES / "results" / f"{name}.toml").read_text() for name in RESULTS if RESULTS[name].get("recipe") == recipe)
    assert not set(re.findall(r"\d+\.\d+", text.partition("# score:")[2])) - set(re.findall(r"\d+\.\d+", files))


@pytest.mark.parametrize("page", make_results.PAGES, ids=lambda page: page.stem)
def test_the_tables_of_the_pages_are_made_of_the_result_files(page):
    assert make_results.page(page) == page.read_text(encoding="utf-8"), "run docs/make_results.py"


def test_several_seeds_are_a_mean_and_a_deviation_in_their_own_digits():
    assert make_results.said([Decimal("1.50"), Decimal("2.50"), Decimal("3.50")]) == "2.50 ± 1.00"
    assert make_results.said([3, 5]) == "4 ± 1"
    assert make_results.said([Decimal("0.10")]) == "0.10"


def test_two_times_of_one_seed_are_the_least_and_the_most_and_none_is_said():
    assert make_results.times({"seeds": [0], "steps_seconds": [2880, 2910], "whole_minutes": [50]}) == "2,880 to 2,910 s; 50 min with evaluation"
    assert make_results.times({"seeds": [0, 1], "steps_seconds": [28, 29]}) == "28, 29 s"
    assert make_results.circumstances({}) == "seed not recorded: time not recorded; machine not recorded; day not recorded"


def test_a_table_that_is_not_made_anew_is_found(monkeypatch, capsys):
    monkeypatch.setattr(make_results, "scores", lambda: "| other |")
    monkeypatch.setattr("sys.argv", ["make_results.py", "--check"])
    assert make_results.main() == 1
    assert capsys.readouterr().out == "docs/results.md: not what the result files say; run docs/make_results.py\n"
