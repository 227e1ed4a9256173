"""The pages that are made when the site is built: the code on them is the source to the letter, and nothing is fetched from elsewhere."""

import doctest
import html
import importlib
import re

import pytest
from chapters import CHAPTERS, chapter_pages, contents, displayed, places_of
from code_of import Place, block, find, place_of, place_of_test
from lecture_rows import named, read_rows
from source import ROOT, sources
from study_pages import overview, plain, study_page
from workings_site import outside

from workings.studies.result import Result
from workings.studies.study import Scale, Study, Verdict

TEXT = (ROOT / "docs" / "lectures.md").read_text(encoding="utf-8")
ROWS = read_rows(TEXT)
PAGES = chapter_pages(TEXT, ROWS)


def without_tags(page: str) -> str:
    """What a reader sees of code, its lines put together again."""
    lines = re.findall(r'<span class="line".*?</span>(?=<span class="line"|</pre>)', page)
    return "\n".join(html.unescape(re.sub(r"<[^>]+>", "", line)).rstrip() for line in lines)


@pytest.mark.parametrize("module", [name for name in sources() if name.startswith("workings.blackboard.") or name.endswith("samplers")])
def test_what_is_shown_of_a_file_is_the_file_to_the_letter(module: str):
    code = sources()[module].read_text(encoding="utf-8")
    assert without_tags(block(code)) == "\n".join(line.rstrip() for line in code.splitlines())


def test_a_function_a_method_and_a_constant_are_found_where_they_are_defined():
    assert place_of("layer.feed_forward", "workings.blackboard").code.startswith("def feed_forward(z: Tensor")
    method = place_of("models.block.Block.one_residual").code
    assert method.startswith("def one_residual(self") and method.rstrip().endswith("memory_mask, seen))")
    assert place_of("models.block.NORMALIZE").code.startswith("NORMALIZE: dict") and '"""' in place_of("models.block.NORMALIZE").code
    decorated = place_of("objectives.elbo.log_likelihood").code
    assert decorated.startswith("@torch.no_grad()")
    assert place_of_test("house/test_site.py::test_an_unknown_name_stops_the_build").code.startswith("@pytest.mark.parametrize")


@pytest.mark.parametrize("name", ["models.block.Blok", "models.block.Block.thre_residuals", "modles.block.Block"])
def test_an_unknown_name_stops_the_build(name: str):
    with pytest.raises(LookupError, match=name.split(".")[-1]):
        place_of(name)


def test_a_name_that_is_only_imported_is_not_where_it_is_defined():
    with pytest.raises(LookupError, match="Tensor"):
        find(ROOT / "src" / "workings" / "models" / "block.py", ["Tensor"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_stands_once_on_its_chapters_page_with_all_of_its_code(row):
    page = PAGES[f"pages/chapter-{row.id[0]}"]
    assert page.count(f"({row.anchor})=\n") == 1
    for part in places_of(row):
        for name, place in part.items():
            assert f"<code>{name}</code>" in page
            assert block(place.code).replace("`", "&#96;") in page


def test_every_statement_that_is_an_equation_shows_it_on_a_line_of_its_own():
    assert displayed("$x = y$").strip() == "$$x = y$$"
    assert displayed("a prior $N(0, I)$ on $z$") == "A prior $N(0, I)$ on $z$"
    formulas = [row.id for row in ROWS if "$$" not in displayed(row.statement)]
    assert set(formulas) <= {"4.2c", "5.2b", "6.1a", "6.1b", "6.1d", "6.3 (texts)", "6.3 (pictures)", "6.3 (drawing)"}


def test_the_contents_lead_to_every_row_and_every_chapter():
    made = contents(TEXT, ROWS)
    assert all(f"(#{row.anchor})" in made for row in ROWS) and all(f"(pages/chapter-{number}.md)" in made for number in CHAPTERS)
    assert "| id |" not in made and "## How ambiguous statements are read" in made


def test_the_hour_has_sixty_minutes_a_chapter_a_question_and_code_of_both_kinds():
    text = (ROOT / "docs" / "course.md").read_text(encoding="utf-8")
    assert sum(int(minutes) for minutes in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)) == 60
    parts = re.split(r"^## (\d)\. .*$", text, flags=re.MULTILINE)[1:]
    assert parts[::2] == list(CHAPTERS)
    for part in parts[1::2]:
        assert part.count("**A question.**") == 1
        assert "(../src/workings/blackboard/" in part and re.search(r"\(\.\./src/workings/(?!blackboard)", part)


def test_every_name_in_the_course_is_in_the_file_of_its_line():
    lines = (ROOT / "docs" / "course.md").read_text(encoding="utf-8").splitlines()
    told = [(match[1], named(line.partition(match[0])[2])) for line in lines if (match := re.search(r"\]\(\.\./(src/[^)]+)\)", line))]
    assert len(told) > 20
    for path, names in told:
        code = (ROOT / path).read_text(encoding="utf-8")
        assert not [name for name in names if not re.search(rf"\b{re.escape(name)}\b", code.replace("<cls>", "cls")) and name != "<cls>"], path


FETCHED = [
    '<script src="https://cdn.example/x.js"></script>',
    "<script defer src=//cdn.example/x.js></script>",
    '<link rel="stylesheet" href="https://fonts.example/css">',
    '<img alt="a" src="http://example.com/a.png">',
    "<style>@font-face { src: url('https://fonts.example/a.woff') }</style>",
    '<style>@import "//example.com/a.css";</style>',
]
LOCAL = [
    '<a href="https://example.com">there</a>',
    '<script src="../_static/a.js"></script>',
    '<link rel="canonical" href="https://example.com/">',
    "url(data:image/png;base64,//8=)",
]


@pytest.mark.parametrize("fetched", FETCHED)
def test_what_a_page_fetches_from_another_host_is_found(fetched, tmp_path):
    (tmp_path / "page.html").write_text(f"<html>{fetched}</html>")
    assert outside(tmp_path)


@pytest.mark.parametrize("local", LOCAL)
def test_links_that_a_reader_may_follow_and_files_of_the_site_are_not(local, tmp_path):
    (tmp_path / "page.html").write_text(f"<html>{local}</html>")
    assert not outside(tmp_path)


def made_up(word: str) -> tuple[Study, Result]:
    """A study that was never run, and what it did not find."""
    rows = [{"way": way, "seed": seed, "loss": seed + len(way)} for way in ("a|b", "c_d") for seed in range(3)]
    study = Study(
        name="tau",
        statement="1.2d",
        title="Made | up",
        claim="x_t * y_t < 1",
        hypothesis="less than 0.5",
        varied="way",
        held="all else",
        quick=Scale(3),
        full=Scale(3),
        conditions=lambda scale: [],
        measure=lambda *given: [],
        judge=lambda rows: verdict,
        draw=lambda rows, figure: figure.subplots(),
        measures={"loss": "loss in nats"},
    )
    verdict = Verdict(word, "0.3 < 0.5", 0.3, 0.2, 0.4, "nats")
    machine = {"cpu": "a_cpu", "threads": 2, "cores": 2, "torch": "2"}
    return study, Result("tau", "quick", [0, 1, 2], {}, "workings study tau --quick", "2026-01-01", 61.0, machine, verdict, rows)


@pytest.mark.parametrize("word", ["supported", "not supported here", "depends on"])
def test_a_study_has_its_figure_verdict_expectation_numbers_and_command_on_its_page(word: str):
    page = study_page(*made_up(word), {"tau": "s-1-2d"})
    assert page.startswith("# Made \\| up") and "[1.2d](#s-1-2d)" in page
    assert f"<strong>{word.capitalize()}.</strong> 0.3 &lt; 0.5" in page and "95 % interval 0.20 to 0.40" in page and "<svg" in page
    assert "x\\_t \\* y\\_t \\< 1" in page and ": less than 0.5" in page
    assert "| a\\|b | 4.0 ± 1.0 |" in page and "\nworkings study tau --quick\n" in page and "a\\_cpu, 2 of 2 cores" in page


def test_studies_that_were_not_run_have_no_page_but_a_line():
    made = overview({}, {})
    assert "](study-" not in made and made.count("not run yet") == made.count("\n| ") - 1


def test_text_becomes_markdown_that_shows_it():
    assert plain("a_b*c|$d$") == "a\\_b\\*c\\|\\$d\\$"


@pytest.mark.parametrize("module", ["chapters", "code_of", "lecture_rows", "study_pages"])
def test_the_examples_of_the_pages_makers_run(module: str):
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried and not failed


def test_long_code_is_told_by_the_first_line_of_its_docstring():
    assert place_of("models.block.Block").says.startswith("x^l = x^{l-1} + y''")
    assert Place(ROOT / "docs" / "conf.py", 3, 4).says == ""
