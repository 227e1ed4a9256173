"""Notebooks as pages: their cells become Markdown, with the outputs that are stored in them, and Sphinx reads that as it reads other pages. Nothing is run."""

import json
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx


def fenced(text: str, language: str) -> str:
    """A block of code or of text."""
    return f"````{language}\n{text.rstrip()}\n````"


def output(stored: dict[str, Any]) -> str:
    """What a cell printed, the value of its last line, or a figure."""
    if stored["output_type"] == "stream":
        return fenced("".join(stored["text"]), "text")
    if picture := stored["data"].get("image/png"):
        return f"![what this cell draws](data:image/png;base64,{''.join(picture.split())})"
    return fenced("".join(stored["data"]["text/plain"]), "text")


def as_markdown(notebook: dict[str, Any], name: str) -> str:
    """The page of a notebook, with its file to take away under the title."""
    title, *parts = [part for cell in notebook["cells"] for part in cell_parts(cell)]
    first, _, rest = title.partition("\n")
    return "\n\n".join([first, f"A notebook to run and to change: {{download}}`{name} <{name}>`.", rest, *parts])


def cell_parts(cell: dict[str, Any]) -> list[str]:
    """Text as it is; code and then what it said."""
    text = "".join(cell["source"])
    return [text] if cell["cell_type"] == "markdown" else [fenced(text, "python"), *map(output, cell["outputs"])]


class NotebookParser(MystParser):
    """Reads .ipynb."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """The notebook, as Markdown, into the document."""
        name = f"{document.settings.env.docname.rpartition('/')[2]}.ipynb"
        super().parse(as_markdown(json.loads(inputstring), name), document)


def setup(app: Sphinx) -> dict[str, bool]:
    """Hook into Sphinx."""
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
