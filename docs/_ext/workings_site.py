"""What this site has beyond Sphinx: pages made from the table of the lectures, the sources and the results of studies, and the proof that it is offline."""

import re
from pathlib import Path

from chapters import chapter_pages, contents, places_of
from code_of import ROOT, page_name, place_of_test, whole_page
from docutils import nodes
from lecture_rows import named, read_rows
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.osutil import relative_uri
from study_pages import source_of, study_pages

from workings.studies.catalog import NAMES

OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*\b(?:src|data|srcset)\s*=\s*["']?(?:https?:)?//[^"'\s>]+"""
    r"""|<link\b(?![^>]*rel=["']?(?:canonical|next|prev|author|license))[^>]*\bhref\s*=\s*["']?(?:https?:)?//[^"'\s>]+"""
    r"""|url\(\s*["']?(?:https?:)?//[^)"']+|@import\s+["'](?:https?:)?//[^"']+""",
    re.IGNORECASE,
)
"""What a browser would fetch from another host while it shows a page; links that a reader may follow are not."""


def lectures() -> str:
    """docs/lectures.md."""
    return (ROOT / "docs" / "lectures.md").read_text(encoding="utf-8")


def make_pages(app: Sphinx) -> None:
    """Write the pages that are made, where they have changed, before Sphinx looks for pages; and remove those that are no more."""
    text = lectures()
    rows = read_rows(text)
    pages = chapter_pages(text, rows) | study_pages(rows)
    folder = Path(app.srcdir) / "pages"
    folder.mkdir(exist_ok=True)
    wanted = {Path(app.srcdir) / f"{name}.md": page for name, page in pages.items()}
    for path in set(folder.glob("*.md")) - wanted.keys():
        path.unlink()
    for path, page in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != page:
            path.write_text(page, encoding="utf-8")


def show_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """The page of the lectures leads to the chapters."""
    if docname == "lectures":
        source[0] = contents(source[0], read_rows(source[0]))


def read_anew(*given: object) -> list[str]:
    """The page of the lectures tells verdicts, which change without it: it is read at every build."""
    return ["lectures"]


def shown_files() -> list[Path]:
    """The Python files that pages lead to: those of the table's names, and those that pages link to."""
    found = {source_of(name).path for name in NAMES}
    for row in read_rows(lectures()):
        places = [place for part in places_of(row) for place in part.values()]
        found |= {place.path for place in [*places, *map(place_of_test, named(row.tests))]}
    for page in (ROOT / "docs").glob("*.md"):
        found |= {ROOT / path for path in re.findall(r"\]\(\.\./([^)#]+\.py)", page.read_text(encoding="utf-8"))}
    return sorted(found)


def write_sources(app: Sphinx) -> None:
    """A page for each of those files, without the navigation of the others, which would take longer to make than all the rest."""
    for path in shown_files():
        target = Path(app.outdir) / f"{page_name(path)}.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(whole_page(path), encoding="utf-8")


class SourceLinks(SphinxTransform):
    """A link to a Python file of the repository leads to the page of that file instead of a download."""

    default_priority = 500

    def apply(self, **choices: object) -> None:
        """Every such link of a page."""
        for node in list(self.document.findall(addnodes.download_reference)):
            path = (Path(self.env.srcdir) / self.env.docname).parent / node["reftarget"]
            if path.suffix == ".py":
                uri = relative_uri(f"{self.env.docname}.html", f"{page_name(path.resolve())}.html")
                node.replace_self(nodes.reference("", "", *node.children, refuri=uri, internal=True))


def outside(folder: Path) -> list[str]:
    """What the pages and styles of a built site fetch from other hosts."""
    files = [path for path in folder.rglob("*") if path.suffix in {".html", ".css"}]
    return [f"{path.relative_to(folder)}: {match[0]}" for path in files for match in OUTSIDE.finditer(path.read_text(encoding="utf-8"))]


def finish(app: Sphinx, error: Exception | None) -> None:
    """Add the sources; a site that fetches anything from elsewhere is not finished."""
    if error is not None or app.builder.format != "html":
        return
    write_sources(app)
    if found := outside(Path(app.outdir)):
        raise ExtensionError("pages fetch from other hosts:\n" + "\n".join(found))


def setup(app: Sphinx) -> dict[str, bool]:
    """Hook into Sphinx."""
    app.connect("builder-inited", make_pages)
    app.connect("source-read", show_contents)
    app.connect("env-get-outdated", read_anew)
    app.connect("build-finished", finish)
    app.add_transform(SourceLinks)
    app.add_css_file("pages.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
