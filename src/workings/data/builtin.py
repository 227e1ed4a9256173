"""The sets that come with the package: what each one is, where its files are, and a look inside. Imports neither torch nor NumPy."""

import itertools
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workings.errors import BadInput, suggest

FOLDER = Path(__file__).parent / "files"
"""Where the files, their NOTICE.md and their LICENSES are."""


@dataclass(kw_only=True, frozen=True)
class BuiltIn:
    """One set: a row of the table that the verb `data` prints."""

    job: Literal["language", "sentences", "translation", "pictures", "captions"]
    """What can be trained on it."""
    path: str
    """Its file, or its folder when it has several, below `FOLDER`."""
    count: int
    """How many units it has."""
    unit: Literal["characters", "rows", "pictures"]
    """What is counted."""
    columns: tuple[str, ...] = ()
    """The names of the columns of a table; its file has no first line of names."""
    license: str
    """Under which license the set is given."""
    source: str
    """Who made it."""
    about: str
    """One line on what it is."""


def _verses(path: str, count: int, columns: tuple[str, ...], about: str) -> BuiltIn:
    source = "an English Bible translation of 2000-2020 and Reina Valera 1909"
    return BuiltIn(job="translation", path=path, count=count, unit="rows", columns=columns, license="public domain", source=source, about=about)


def _names(code: str, language: str) -> BuiltIn:
    return BuiltIn(
        job="translation",
        path=f"pairs/emoji_names_en-{code}.tsv.xz",
        count=1927,
        unit="rows",
        columns=("en", code),
        license="BSD-3-Clause, Unicode-3.0",
        source="emoji by Taehoon Kim and Kevin Wurster, names from Unicode CLDR",
        about=f"Names of emoji in English and {language}.",
    )


BUILTIN: dict[str, BuiltIn] = {
    "pride": BuiltIn(
        job="language",
        path="austen/prideprejudice.txt.xz",
        count=684_768,
        unit="characters",
        license="public domain",
        source="Jane Austen, 1813; janeaustenr by Julia Silge",
        about="Pride and Prejudice, the default text.",
    ),
    "austen": BuiltIn(
        job="language",
        path="austen",
        count=4_025_028,
        unit="characters",
        license="public domain",
        source="Jane Austen, 1811-1818; janeaustenr by Julia Silge",
        about="Six novels by Jane Austen, one document each.",
    ),
    "movies": BuiltIn(
        job="sentences",
        path="sentences/movie_snippets.tsv.xz",
        count=10_605,
        unit="rows",
        columns=("label", "rating", "text"),
        license="MIT",
        source="vaderSentiment by C.J. Hutto",
        about="Sentences from movie reviews, 1 = praise, 0 = blame, with the mean rating of twenty readers.",
    ),
    "bible-short": _verses("pairs/bible_en-es_short.tsv.xz", 3306, ("en", "es"), "English and Spanish verses of at most 70 characters."),
    "bible": _verses("pairs/bible_en-es_full.tsv.xz", 31_077, ("verse", "en", "es"), "English and Spanish verses, the whole Bible."),
    "emoji-de": _names("de", "German"),
    "emoji-es": _names("es", "Spanish"),
    "emoji-fr": _names("fr", "French"),
    "fashion": BuiltIn(
        job="pictures",
        path="fashion",
        count=6000,
        unit="pictures",
        license="MIT",
        source="Fashion-MNIST by Zalando SE",
        about="Gray 28 x 28 pictures of ten kinds of clothing: 5,000 to train, 1,000 to test.",
    ),
    "emoji": BuiltIn(
        job="captions",
        path="emoji",
        count=1636,
        unit="pictures",
        license="Apache-2.0, MIT",
        source="Noto Emoji by Google; emoji-data by Cal Henderson",
        about="Color 32 x 32 pictures of emoji, each with its name and category.",
    ),
}
"""All sets by name; `--data NAME` and `--data builtin:NAME` take them."""


def find_builtin(name: str) -> BuiltIn:
    """The set of this name."""
    if name not in BUILTIN:
        raise BadInput(f"There is no built-in set {name!r}. {suggest(name, BUILTIN)}")
    return BUILTIN[name]


def builtin_path(name: str) -> Path:
    """The file of a set, or the folder of a set with several files."""
    return FOLDER / find_builtin(name).path


def describe() -> list[tuple[str, str, str, str, str]]:
    """The table of the sets: name, job, size, license, and one line on what it is."""
    return [(name, found.job, f"{found.count:,} {found.unit}", found.license, found.about) for name, found in BUILTIN.items()]


def preview(name: str, lines: int = 8) -> str:
    """A few lines that show what is in a set: the beginning of a text, the first rows of a table, or the names of the files."""
    path = builtin_path(name)
    if BUILTIN[name].job == "language":
        text = path if path.is_file() else min(path.iterdir())
        return _first_lines(text, lines)
    if path.is_file():
        return "  |  ".join(BUILTIN[name].columns) + "\n" + _first_lines(path, lines).replace("\t", "  |  ")
    return "\n".join(f"{file.name}  ({file.stat().st_size:,} bytes)" for file in sorted(path.iterdir()))


def _first_lines(path: Path, count: int) -> str:
    """The first lines that are not blank."""
    with lzma.open(path, "rt", encoding="utf-8") as stream:
        return "".join(itertools.islice((line for line in stream if line.strip()), count)).rstrip()
