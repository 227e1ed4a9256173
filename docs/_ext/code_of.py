"""The source of a name, found in the files as they are now, and as HTML: what the pages show beside an equation."""

import ast
import html
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Place:
    """Lines of a file."""

    path: Path
    first: int
    last: int

    @property
    def code(self) -> str:
        """The lines, moved to the left."""
        lines = self.path.read_text(encoding="utf-8").splitlines()[self.first - 1 : self.last]
        return textwrap.dedent("\n".join(lines))

    @property
    def says(self) -> str:
        """The first line of the docstring of a class or function."""
        first = ast.parse(self.code).body[:1]
        documented = isinstance(first[0], ast.FunctionDef | ast.ClassDef) if first else False
        return (ast.get_docstring(first[0]) or "").partition("\n")[0] if documented else ""

    @property
    def length(self) -> int:
        """How many lines."""
        return self.last - self.first + 1


@cache
def body(path: Path) -> list[ast.stmt]:
    """The statements of a file."""
    return ast.parse(path.read_text(encoding="utf-8")).body


def defines(statement: ast.stmt, name: str) -> bool:
    """Whether it is the class, function or assignment of that name."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target] if isinstance(statement, ast.AnnAssign) else []
    return getattr(statement, "name", None) == name or any(isinstance(target, ast.Name) and target.id == name for target in targets)


def first_line(statement: ast.stmt) -> int:
    """Where it begins, decorators included."""
    return min([statement.lineno, *(decorator.lineno for decorator in getattr(statement, "decorator_list", []))])


def find(module: Path, names: list[str]) -> Place:
    """Where a name of a module is defined, or a name of a class of it. An assignment takes the string that follows and tells what it is."""
    statements = body(module)
    for depth, name in enumerate(names):
        index = next((index for index, statement in enumerate(statements) if defines(statement, name)), None)
        if index is None:
            raise LookupError(f"{'.'.join(names)} is not defined in {module.relative_to(ROOT)}")
        found, after = statements[index], statements[index + 1 : index + 2]
        if depth == len(names) - 1:
            told = not hasattr(found, "name") and after and isinstance(after[0], ast.Expr) and isinstance(after[0].value, ast.Constant)
            return Place(module, first_line(found), (after[0] if told else found).end_lineno or found.lineno)
        statements = getattr(found, "body", [])
    return Place(module, 1, len(module.read_text(encoding="utf-8").splitlines()))


def place_of(name: str, package: str = "workings") -> Place:
    """Where a dotted name below a package is defined, its module being the longest file that the name begins with.

    >>> place_of("layer.feed_forward", "workings.blackboard").path.name
    'layer.py'
    """
    parts = name.split(".")
    folder = ROOT / "src" / Path(*package.split("."))
    for length in range(len(parts), 0, -1):
        module = folder.joinpath(*parts[:length]).with_suffix(".py")
        if module.exists():
            return find(module, parts[length:])
    raise LookupError(f"{package}.{name} is in no file")


def place_of_test(name: str) -> Place:
    """Where a test is, named as in blackboard/test_functions.py::test_an_embedding_is_a_row."""
    path, _, function = name.partition("::")
    return find(ROOT / "tests" / path, [function])


def lines_of(code: str) -> list[str]:
    """Every line of Python as HTML in color; a line that is too long goes on below, further in than it began."""
    colored = highlight(code, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).splitlines()
    plain = code.splitlines()
    starts = [len(line) - len(line.lstrip()) for line in plain]
    style = {start: f' style="--in:{start}ch"' if start else "" for start in starts}
    return [f'<span class="line"{style[start]}>{color or " "}</span>' for start, color in zip(starts, colored, strict=True)]


def block(code: str) -> str:
    """A piece of code."""
    return f'<div class="highlight source"><pre>{"".join(lines_of(code))}</pre></div>'


def page_name(path: Path) -> str:
    """The page of a file: source/src/workings/blackboard/layer."""
    return "source/" + path.relative_to(ROOT).with_suffix("").as_posix()


def link(place: Place, up: str, text: str) -> str:
    """A link to the lines on the page of their file. up: from the page that has the link to the top of the site."""
    return f'<a class="place" href="{up}{page_name(place.path)}.html#L{place.first}">{html.escape(text)}</a>'


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<link rel="stylesheet" href="{up}_static/pygments.css"><link rel="stylesheet" href="{up}_static/styles/furo.css">
<link rel="stylesheet" href="{up}_static/pages.css"></head>
<body><script>document.body.dataset.theme = localStorage.getItem("theme") || "auto";</script>
<main class="file"><p><a href="{up}index.html">workings</a></p><h1>{title}</h1><div class="highlight source whole"><pre>{lines}</pre></div></main></body></html>
"""


def whole_page(path: Path) -> str:
    """The page of a file: all of its lines with their numbers."""
    lines = (f'<span id="L{number}" class="numbered">{line}</span>' for number, line in enumerate(lines_of(path.read_text(encoding="utf-8")), 1))
    return PAGE.format(title=path.relative_to(ROOT).as_posix(), up="../" * page_name(path).count("/"), lines="".join(lines))
