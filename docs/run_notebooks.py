"""The notebooks run without Jupyter, and what their cells say is kept in them.

    python docs/run_notebooks.py [NAME ...]    runs them all, or those named, and writes their outputs

A cell is a piece of one program: what it prints, the value of its last line, and the figures that it draws are its outputs, as in Jupyter.
A notebook that was run holds the hash of its code, so that a test can tell outputs that another code has left.
"""

import ast
import base64
import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

NOTEBOOKS = Path(__file__).parent / "notebooks"
DOTS = 100
"""The pixels of an inch of a figure."""

Notebook = dict[str, Any]
Output = dict[str, Any]


def read_notebook(path: Path) -> Notebook:
    """The notebook as it is stored: JSON, format 4."""
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell: dict[str, Any]) -> str:
    """What a cell holds."""
    return "".join(cell["source"])


def code_cells(notebook: Notebook) -> list[dict[str, Any]]:
    """The cells that run."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def code_hash(notebook: Notebook) -> str:
    """Of all code, cell by cell."""
    return hashlib.sha256("\0".join(source(cell) for cell in code_cells(notebook)).encode()).hexdigest()


def lines(text: str) -> list[str]:
    """Text as the format keeps it."""
    return text.splitlines(keepends=True)


def figures() -> Iterator[Output]:
    """The figures that are open, as pictures; they are closed."""
    from matplotlib import pyplot

    for number in pyplot.get_fignums():
        figure, file = pyplot.figure(number), io.BytesIO()
        figure.savefig(file, format="png", dpi=DOTS, bbox_inches="tight", metadata={"Software": None})
        data = {"image/png": base64.b64encode(file.getvalue()).decode() + "\n", "text/plain": ["<Figure>"]}
        yield {"output_type": "display_data", "data": data, "metadata": {}}
    pyplot.close("all")


def run_cell(code: str, names: dict[str, Any], name: str, count: int) -> list[Output]:
    """The outputs of one cell. names: the variables, which it changes."""
    statements = ast.parse(code).body
    last = statements.pop() if statements and isinstance(statements[-1], ast.Expr) and not code.rstrip().endswith(";") else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(statements, []), name, "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), names)
    outputs: list[Output] = [{"output_type": "stream", "name": "stdout", "text": lines(printed.getvalue())}] if printed.getvalue() else []
    if value is not None:
        outputs.append({"output_type": "execute_result", "execution_count": count, "data": {"text/plain": lines(repr(value))}, "metadata": {}})
    return [*outputs, *figures()]


def run(notebook: Notebook, name: str = "notebook") -> Notebook:
    """The same notebook with what its cells say now; it runs in a folder of its own. An error names the cell."""
    names: dict[str, Any] = {"__name__": "__main__"}
    ran = json.loads(json.dumps(notebook))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for count, cell in enumerate(code_cells(ran), 1):
            try:
                cell |= {"execution_count": count, "outputs": run_cell(source(cell), names, f"{name}, cell {count}", count)}
            except Exception as error:
                raise RuntimeError(f"{name}, cell {count}: {traceback.format_exc(limit=-1).strip()}\n\n{source(cell)}") from error
    ran["metadata"]["workings"] = {"code": code_hash(ran)}
    return ran


def write_notebook(path: Path, notebook: Notebook) -> None:
    """As Jupyter writes it, so that to open and save changes nothing."""
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Run some or all."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if not sys.argv[1:] or path.stem in sys.argv[1:]:
            print(path.name, flush=True)
            write_notebook(path, run(read_notebook(path), path.stem))


if __name__ == "__main__":
    main()
