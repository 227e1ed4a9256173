"""How the documentation is built: Sphinx with MyST, offline, formulas by the MathJax beside it."""

import re
import sys
from pathlib import Path

import workings

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "workings"
author = copyright = "the workings authors"
version = release = workings.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "notebook_pages", "workings_site"]
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_ext", "_static"]

html_theme = "furo"
html_title = "workings"
html_static_path = ["_static"]
mathjax_path = "mathjax/tex-svg.js"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"


def as_plain_text(app, what, name, object, options, lines):
    """Docstrings are plain text with `names` and formulas in it: keep every star, bar and underscore as it is written."""
    for index, line in enumerate(lines):
        parts = re.split(r"`([^`]*)`", line)
        words = [f"``{part}``" if odd % 2 else re.sub(r"([*|_\\])", r"\\\1", part) for odd, part in enumerate(parts)]
        lines[index] = "".join(words)


def setup(app):
    """Hook into Sphinx."""
    app.connect("autodoc-process-docstring", as_plain_text)
