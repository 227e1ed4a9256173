"""The notebooks run from the first cell to the last, show what is written beside what runs, and hold what their own code said."""

import json
import re
from itertools import pairwise

import pytest
from lecture_rows import read_rows
from notebook_pages import as_markdown

from docs.run_notebooks import NOTEBOOKS, code_cells, code_hash, read_notebook, run, run_cell, source

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
NUMBER = re.compile(r"[+-]?\d+\.\d+")


def printed(notebook) -> str:
    """All that its cells print."""
    return "".join("".join(output["text"]) for cell in code_cells(notebook) for output in cell["outputs"] if output["output_type"] == "stream")


def said(cell) -> list[float]:
    """The numbers of all that a cell prints, and of its value."""
    texts = ("".join(output.get("text", output.get("data", {}).get("text/plain", []))) for output in cell["outputs"])
    return [float(number) for text in texts for number in NUMBER.findall(text)]


def beside(text: str, start: str) -> list[float]:
    """The numbers of the first line that begins so."""
    return [float(number) for number in NUMBER.findall(re.search(rf"^(?:L, )?{start}.*$", text, re.MULTILINE)[0])]


def test_each_chapter_has_one():
    assert [path.name[:2] for path in PATHS] == [f"{number}-" for number in range(1, 7)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_it_runs_and_what_is_written_says_what_runs(path):
    stored = read_notebook(path)
    ran = run(stored, path.stem)
    for now, kept in zip(code_cells(ran), code_cells(stored), strict=True):
        assert [output["output_type"] for output in now["outputs"]] == [output["output_type"] for output in kept["outputs"]]
        assert said(now) == pytest.approx(said(kept), rel=0.05, abs=1e-4)  # another processor trains to other last digits
    fast, written = (beside(printed(ran), start) for start in ("fast", "as written"))
    assert fast and fast == pytest.approx(written, abs=1e-6)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_its_outputs_are_those_of_its_code(path):
    notebook = read_notebook(path)
    assert notebook["metadata"]["workings"]["code"] == code_hash(notebook), f"run docs/run_notebooks.py {path.stem}"
    assert any("image/png" in output.get("data", {}) for cell in code_cells(notebook) for output in cell["outputs"])


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_it_has_a_sentence_before_each_cell_statements_that_exist_and_something_to_try(path, root):
    cells = read_notebook(path)["cells"]
    texts = [source(cell) for cell in cells if cell["cell_type"] == "markdown"]
    assert texts[0].startswith(f"# {path.name[0]}. ") and texts[-1].startswith("## Try this")
    assert all(before["cell_type"] == "markdown" for before, cell in pairwise(cells) if cell["cell_type"] == "code")
    known = {row.id.partition(" ")[0] for row in read_rows((root / "docs" / "lectures.md").read_text(encoding="utf-8"))}
    named = re.findall(r"\((\d\.\d[a-e]?)\)", "\n".join(texts))
    assert named and set(named) <= known and {statement[0] for statement in named} == {path.name[0]}


def test_a_cell_prints_has_a_value_and_draws():
    names = {}
    outputs = run_cell("import matplotlib.pyplot as plt\nplt.figure()\nprint('a')\nb = 2\nb + 1", names, "cell", 5)
    assert [output["output_type"] for output in outputs] == ["stream", "execute_result", "display_data"]
    assert outputs[0]["text"] == ["a\n"] and outputs[1]["data"]["text/plain"] == ["3"] and outputs[1]["execution_count"] == 5
    assert run_cell("b + 2;", names, "cell", 6) == [] and run_cell("b = 7", names, "cell", 7) == [] and names["b"] == 7
    assert run_cell("", names, "cell", 8) == run_cell("# nothing yet", names, "cell", 9) == []


def test_an_error_names_its_notebook_and_cell():
    cells = [{"cell_type": "code", "source": [line], "outputs": []} for line in ("a = 1", "a / 0")]
    with pytest.raises(RuntimeError, match=r"small, cell 2: (?s:.*)ZeroDivisionError(?s:.*)a / 0"):
        run({"cells": cells, "metadata": {}}, "small")


def test_another_code_has_another_hash_and_other_text_has_not():
    notebook = json.loads(json.dumps(read_notebook(PATHS[0])))
    before = code_hash(notebook)
    notebook["cells"][0]["source"] = ["other"]
    assert code_hash(notebook) == before
    code_cells(notebook)[0]["source"].append("\n# more")
    assert code_hash(notebook) != before


def test_a_page_is_text_code_and_outputs_in_their_order():
    cells = [
        {"cell_type": "markdown", "source": ["# A title\n", "\n", "said"]},
        {"cell_type": "code", "source": ["f(2)"], "outputs": []},
    ]
    cells[1]["outputs"] = [
        {"output_type": "stream", "text": ["printed\n"]},
        {"output_type": "execute_result", "data": {"text/plain": ["5"]}},
        {"output_type": "display_data", "data": {"image/png": "iVBO\nRw==\n", "text/plain": ["<Figure>"]}},
    ]
    page = as_markdown({"cells": cells}, "a.ipynb")
    parts = ["# A title", "{download}`a.ipynb <a.ipynb>`", "said", "````python\nf(2)\n````", "````text\nprinted\n````", "````text\n5\n````", "base64,iVBORw==)"]
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
