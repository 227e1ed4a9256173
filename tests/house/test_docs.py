"""What the documentation says is so: commands parse, examples run, names exist."""

import doctest
import importlib
import re
import shlex
from pathlib import Path

import pytest
from source import ROOT, sources

from workings.cli.main import app

PAGES = sorted((ROOT / "docs").glob("*.md"))
READ_FIRST = [ROOT / "README.md", *PAGES]


def command_lines(path: Path) -> list[str]:
    """The arguments of every `workings ...` or `./run ...` in the sh blocks of a page."""
    blocks = re.findall(r"^```sh\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [match.group(1) for line in lines if (match := re.match(r"(?:workings|\./run)\s+(.*)", line))]


def verb_of(tokens: list[str]) -> str:
    """The name of the function that a command calls."""
    function, _, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
    return function.__name__


@pytest.mark.parametrize("path", READ_FIRST, ids=lambda path: path.stem)
def test_every_command_in_the_documentation_parses(path: Path):
    for line in command_lines(path):
        tokens = shlex.split(line, comments=True)
        if tokens[0] not in ("test", "check") and "--help" not in tokens:
            assert verb_of(tokens)


@pytest.mark.parametrize("words", [["train", "language"], *([name] for name in app if not name.startswith("-") and name != "train")], ids=" ".join)
def test_every_example_of_the_help_parses(words, capsys):
    from workings.cli.main import main

    main([*words, "--help"])
    lines = re.findall(r"^  (?:workings|\./run) (.*)$", capsys.readouterr().out.partition("Examples:")[2], re.MULTILINE)
    assert lines
    for line in lines:
        assert verb_of(shlex.split(line)).rstrip("_") == words[-1]


def test_every_command_has_its_part_of_the_commands_page():
    titles = re.findall(r"^## (.*)$", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)
    assert {title.split()[0] for title in titles} == {name for name in app if not name.startswith("-")}


def anchors(path: Path) -> set[str]:
    """What a link may name in a page: its headings, written small with hyphens, as GitHub and MyST make them."""
    prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", [*READ_FIRST, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.stem)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(path: Path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        if not re.match(r"https?:", target):
            linked = path.parent / file if file else path
            assert linked.exists(), f"{path.name} links to {target}"
            assert not anchor or anchor in anchors(linked), f"{path.name} links to {target}, where there is no such heading"


def test_the_file_map_of_the_readme_is_true():
    rows = re.findall(r"^\| `([^|]*)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    here = Path()
    for row in rows:
        for name in row.replace("`", "").split(", "):
            here = Path(name).parent if "/" in name else here
            assert (ROOT / name).exists() or (ROOT / here / name).exists(), name


def test_the_presets_table_is_the_presets():
    from workings.models.settings import model_settings

    text = (ROOT / "docs" / "transformer.md").read_text()
    rows = re.findall(r"^\| `(\w+)`(?:, `(\w+)`)? \| (.*) \| (.*) \| (.*) \|$", text.partition("## From there")[0], re.MULTILINE)
    assert 5 <= len(rows) <= 10
    for first, second, *cells in rows:
        for preset, cell in zip(("lecture", "gpt", "llama"), cells, strict=True):
            settings = model_settings(preset)
            for name, choice in zip(filter(None, (first, second)), re.findall(r"`([^`]+)`", cell) or [cell.split()[0]], strict=True):
                actual = getattr(settings, name)
                assert {True: "yes", False: "no"}.get(actual, actual) == choice.rstrip(":"), (preset, name)


class Fenced(doctest.DocTestParser):
    """Doctests in Markdown: a fence ends the expected output."""

    def get_examples(self, string: str, name: str = "<string>"):
        return super().get_examples(re.sub(r"^```.*$", "", string, flags=re.MULTILINE), name)

    def get_doctest(self, string, globs, name, filename, lineno):
        return super().get_doctest(re.sub(r"^```.*$", "", string, flags=re.MULTILINE), globs, name, filename, lineno)


@pytest.mark.parametrize("path", [path for path in READ_FIRST if ">>> " in path.read_text(encoding="utf-8")], ids=lambda path: path.stem)
def test_the_examples_in_the_pages_run(path: Path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(path), module_relative=False, parser=Fenced(), encoding="utf-8", optionflags=doctest.ELLIPSIS)
    assert tried and not failed


@pytest.mark.parametrize("module", [name for name, path in sources().items() if ">>> " in path.read_text(encoding="utf-8")])
def test_the_examples_in_the_docstrings_run(module: str):
    failed, tried = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert tried and not failed
