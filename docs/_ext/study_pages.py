"""A page for each study that has been run, from its result as it is kept: figure, verdict, what was expected, numbers, and the command to run it again."""

import html
import re
from collections.abc import Sequence

from code_of import ROOT, Place, link
from lecture_rows import Row, named

from workings.report.formats import duration
from workings.studies.catalog import NAMES, find
from workings.studies.page import expected, figure_of, interval_of, times
from workings.studies.result import Result, kept_result, table
from workings.studies.study import Study


def page_of(name: str) -> str:
    """Where a study has its page."""
    return f"pages/study-{name.replace('_', '-')}"


def plain(text: str) -> str:
    """A text as Markdown that shows it as it is.

    >>> print(plain("z_(t-1) = f(z_t) <b>|"))
    z\\_(t-1) = f(z\\_t) \\<b\\>\\|
    """
    return re.sub(r"([\\`*_{}\[\]<>$|#])", r"\\\1", text)


def source_of(name: str) -> Place:
    """The file of a study."""
    path = ROOT / "src" / "workings" / "studies" / f"{name}.py"
    return Place(path, 1, len(path.read_text(encoding="utf-8").splitlines()))


def verdict_class(word: str) -> str:
    """Its class in pages.css."""
    return f"verdict {word.replace(' ', '-')}"


def verdict_html(row: Row) -> str:
    """What the studies of a statement found, those that have been run, each with the way to its page."""
    found = ((name, kept_result(name)) for name in named(row.studies))
    return "".join(
        f'<p class="{verdict_class(result.verdict.word)}"><strong>{result.verdict.word.capitalize()}.</strong> {html.escape(result.verdict.sentence)} '
        f'<a href="../{page_of(name)}.html">Figure and numbers</a></p>'
        for name, result in found
        if result
    )


def verdict_links(row: Row) -> str:
    """The same as one word each, in Markdown, for the list of all statements."""
    found = ((name, kept_result(name)) for name in named(row.studies))
    return "".join(f" – [{result.verdict.word}]({page_of(name)}.md)" for name, result in found if result)


def cells(line: Sequence[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(map(plain, line)) + " |"


def other_scale(result: Result) -> str:
    """What the quick study found, below the full one."""
    quick = kept_result(result.study, "quick") if result.scale == "full" else None
    return f"\n\nThe quick study, in {duration(quick.seconds)}: {quick.verdict.word}. {plain(quick.verdict.sentence)}" if quick else ""


def study_page(study: Study, result: Result, anchors: dict[str, str]) -> str:
    """The page as Markdown. anchors: study -> the anchor of a row that names it, if one does."""
    verdict, machine = result.verdict, result.machine
    head, lines = table(study, result.rows)
    statement = f"[{study.statement}](#{anchors[study.name]})" if study.name in anchors else study.statement
    figure = f'<figure class="study-figure">{figure_of(study, result)}</figure>'
    said = (
        f'<p class="{verdict_class(verdict.word)}"><strong>{verdict.word.capitalize()}.</strong> {html.escape(verdict.sentence)}<br>'
        f"{html.escape(interval_of(result))}</p>"
    )
    numbers = "\n".join([cells(head), "|" + "---|" * len(head), *map(cells, lines)])
    spread = ", ± the deviation between them" if len(result.seeds) > 1 else ""
    return f"""# {plain(study.title)}

Statement {statement}, {result.scale} study: {plain(study.claim)}

```{{raw}} html
{said}{figure}
```

Expected, before it was run
: {plain(study.hypothesis)}{parts_of(study, result)}

Varied
: {plain(study.varied)}

Held
: {plain(study.held)}

## Numbers

Mean over {len(result.seeds)} {"seed" if len(result.seeds) == 1 else "seeds"}{spread}.

{numbers}{other_scale(result)}

## Run it again

```sh
{result.command}
```

{times(result)} on {plain(str(machine["cpu"]))}, {machine["threads"]} of {machine["cores"]} cores, torch {machine["torch"]}; {result.date}.

```{{raw}} html
<p>{link(source_of(study.name), "../", f"The study as code: {study.name}.py")}</p>
```
"""


def parts_of(study: Study, result: Result) -> str:
    """Which parts of what was expected held, and what of the plan was changed on the way."""
    parts = "".join(f"\n- **{held}**: {plain(part)}" for part, held in expected(study, result))
    told = f"\n\nOf that\n: {parts.replace(chr(10), chr(10) + '  ').strip()}" if parts else ""
    return told + (f"\n\nChanged after something was seen\n: {plain(study.changed)}" if study.changed else "")


def overview(results: dict[str, Result], anchors: dict[str, str]) -> str:
    """The page of all studies."""
    lines = []
    for study in map(find, NAMES):
        result = results.get(study.name)
        title = f"[{plain(study.title)}]({page_of(study.name).removeprefix('pages/')}.md)" if result else plain(study.title)
        found = f"**{result.verdict.word}**: {plain(result.verdict.sentence)}" if result else "not run yet"
        lines.append(f"| {f'[{study.statement}](#{anchors[study.name]})' if study.name in anchors else study.statement} | {title} | {found} |")
    listed = "\n".join(page_of(name).removeprefix("pages/") for name in results)
    return f"""# Claims, put to the test

What the lectures claim, as experiments that anyone can run again: what was expected was written down before anything was run and stands as it was, what of
the plan was changed on the way is said, every condition has the same seeds, and a verdict has an interval. [How to run them](../commands.md#study).

| | study | verdict |
|---|---|---|
{chr(10).join(lines)}

```{{toctree}}
:hidden:

{listed}
```
"""


def study_pages(rows: list[Row]) -> dict[str, str]:
    """Page -> its Markdown: one for all studies, one for each that has been run."""
    anchors = {name: row.anchor for row in reversed(rows) for name in named(row.studies)}
    results = {name: result for name in NAMES if (result := kept_result(name))}
    pages = {page_of(name): study_page(find(name), result, anchors) for name, result in results.items()}
    return pages | {"pages/studies": overview(results, anchors)}
