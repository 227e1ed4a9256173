"""A page for each chapter of the lectures: every statement with its equation and the tests of it, beside it the code as written and as run.

The rows come from docs/lectures.md and the code from the sources, both as they are when the site is built.
"""

import html
import re
from itertools import groupby

from code_of import ROOT, Place, block, link, place_of, place_of_test
from lecture_rows import Row, named, readings
from study_pages import verdict_html, verdict_links

CHAPTERS = {
    "1": "Transformer architectures",
    "2": "The loss that trains a transformer",
    "3": "Applications of transformers",
    "4": "Vision transformers and beyond",
    "5": "Generative models",
    "6": "Fundamentals, architectures and applications",
}
WRITTEN, RUN = (45, 120), (30, 70)
"""Lines from which a piece of code is folded, and lines of a column after which all further pieces are: for code as written and as run."""


def chapter_of(row: Row) -> str:
    """The number of the chapter."""
    return row.id[0]


def raw(text: str) -> str:
    """HTML inside of Markdown."""
    return "```{raw} html\n" + text.replace("`", "&#96;") + "\n```\n"


def displayed(statement: str) -> str:
    """A statement in which every formula that says something, rather than names it, has a line of its own.

    >>> displayed("patches as tokens: $x_t = E p_t$, where $E$ is learned")
    'Patches as tokens:\\n\\n$$x_t = E p_t$$\\n\\nwhere $E$ is learned'
    """
    statement = statement[0].upper() + statement[1:]
    parts = re.split(r"\$([^$]+)\$", statement)
    text = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            after_display = text.endswith("$$\n\n")
            text += re.sub(r"^[,;:]?\s+", "", part) if after_display else part
        elif re.search(r"=|\\leftarrow", part):
            text = f"{text.rstrip()}\n\n$${part}$$\n\n"
        else:
            text += f"${part}$"
    return text.strip()


def sentence(test: str) -> str:
    """The name of a test as what it says."""
    return test.partition("::")[2].removeprefix("test_").replace("_", " ")


def pieces(places: dict[str, Place], most: tuple[int, int]) -> str:
    """Every name with its code, the long ones folded, each with a link to where it stands in its file. most: `WRITTEN` or `RUN`."""
    long, enough = most
    parts, shown = [], 0
    for name, place in places.items():
        is_open = place.length <= long and shown + place.length <= enough
        shown += place.length if is_open else 0
        head = f"<code>{html.escape(name)}</code> {link(place, '../', f'line {place.first}')}"
        told = "" if is_open else f'<span class="told">{html.escape(place.says)} ({place.length} lines)</span>'
        parts.append(f"<details{' open' if is_open else ''}><summary>{head}{told}</summary>{block(place.code)}</details>")
    return "".join(parts)


def switches(row: Row) -> str:
    """The settings that choose what the row says."""
    names = [name for name in named(row.code) if "=" in name]
    return f'<p class="switches">{" ".join(f"<code>{html.escape(name)}</code>" for name in names)}</p>' if names else ""


def tests(row: Row) -> str:
    """What is tested, each a sentence that leads to its test."""
    items = (f"<li>{link(place_of_test(name), '../', sentence(name))}</li>" for name in named(row.tests))
    return f'<p class="label">Tests hold that</p><ul class="tests">{"".join(items)}</ul>'


def places_of(row: Row) -> tuple[dict[str, Place], dict[str, Place]]:
    """The code as written and as run, by name."""
    written = {name: place_of(name, "workings.blackboard") for name in named(row.blackboard)}
    return written, {name: place_of(name) for name in named(row.code) if "=" not in name}


def columns(row: Row, reading: str) -> str:
    """A statement, its code as written, its code as run."""
    written, run = places_of(row)
    note = f"\n\n```{{container}} reading\n{reading}\n```" if reading else ""
    said = f"````{{container}} said\n{displayed(row.statement)}{note}\n\n{raw(switches(row) + tests(row) + verdict_html(row))}\n````"
    label = '<p class="label">As {}</p>'
    code = [f"````{{container}} written\n{raw(label.format('written') + pieces(written, WRITTEN))}````"] if written else []
    code += [f"````{{container}} run\n{raw(label.format('run') + pieces(run, RUN))}````"] if run else []
    kind = "statement" + ("" if written else " without-blackboard")
    return f"({row.anchor})=\n## {row.id}\n\n`````{{container}} {kind}\n" + "\n\n".join([said, *code]) + "\n`````\n"


def chapter_page(number: str, rows: list[Row], notes: dict[str, str]) -> str:
    """The page of a chapter. notes: how ambiguous statements are read."""
    own = [row for row in rows if chapter_of(row) == number]
    ways = " · ".join(f"[{row.id}](#{row.anchor})" for row in own)
    (notebook,) = (ROOT / "docs" / "notebooks").glob(f"{number}-*.ipynb")
    told, body = set(), []
    for row in own:
        body.append(columns(row, "" if row.of in told else notes.get(row.of, "")))
        told.add(row.of)
    return f"---\nhide-toc: true\n---\n\n# {number}. {CHAPTERS[number]}\n\n{ways} · [a notebook](../notebooks/{notebook.name})\n\n" + "\n\n".join(body)


def chapter_pages(text: str, rows: list[Row]) -> dict[str, str]:
    """Page -> its Markdown, for every chapter. text: docs/lectures.md, whose rows these are."""
    notes = readings(text)
    return {f"pages/chapter-{number}": chapter_page(number, rows, notes) for number in CHAPTERS}


def contents(text: str, rows: list[Row]) -> str:
    """docs/lectures.md as the site shows it: instead of one wide table a list for each chapter, whose numbers lead to the pages."""
    begin = text.index("| id |")
    end = text.index("\n\n", begin)
    listed = "\n".join([*(f"pages/chapter-{number}" for number in CHAPTERS), "pages/studies"])
    parts = [f"```{{toctree}}\n:hidden:\n\n{listed}\n```"]
    for number, group in groupby(rows, key=chapter_of):
        lines = "\n".join(f"- [{row.id}](#{row.anchor}) {row.statement}{verdict_links(row)}" for row in group)
        parts.append(f"## [{number}. {CHAPTERS[number]}](pages/chapter-{number}.md)\n\n{lines}")
    return text[:begin] + "\n\n".join(parts) + text[end:]
