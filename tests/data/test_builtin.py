"""The built-in sets are what their table says, and come with their notices."""

import gzip
import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workings.data.builtin import BUILTIN, FOLDER, builtin_path, describe, find_builtin, preview
from workings.data.sources import read_documents
from workings.data.tables import read_table
from workings.errors import BadInput

TEXTS = [name for name, found in BUILTIN.items() if found.unit == "characters"]
ROWS = [name for name, found in BUILTIN.items() if found.unit == "rows"]


@pytest.mark.parametrize("name", TEXTS)
def test_texts_have_as_many_characters_as_the_table_says(name: str):
    assert sum(map(len, read_documents(name))) == BUILTIN[name].count


@pytest.mark.parametrize("name", ROWS)
def test_tables_have_as_many_rows_as_the_table_says(name: str):
    table = read_table(builtin_path(name), header=BUILTIN[name].columns)
    assert [len(table.column(column)) for column in table.names] == [BUILTIN[name].count] * len(table.names)


def test_labels_of_movies_are_the_signs_of_their_ratings():
    table = read_table(builtin_path("movies"), header=BUILTIN["movies"].columns)
    assert all((float(rating) > 0) == (label == "1") for label, rating in zip(table.column("label"), table.column("rating"), strict=True))


def test_pictures_are_as_many_as_the_table_says():
    images = [lzma.decompress(path.read_bytes()) for path in sorted(builtin_path("fashion").glob("*images*"))]
    labels = [lzma.decompress(path.read_bytes()) for path in sorted(builtin_path("fashion").glob("*labels*"))]
    # An idx file: a magic number, then the length of each dimension as a big-endian 32-bit integer, then the bytes.
    assert [np.frombuffer(raw[4:16], ">i4").tolist() for raw in images] == [[1000, 28, 28], [5000, 28, 28]]
    assert [np.bincount(np.frombuffer(raw[8:], np.uint8)).size for raw in labels] == [10, 10]
    assert BUILTIN["fashion"].count == 6000
    emoji = np.load(builtin_path("emoji") / "noto_emoji_32_rgb_white.npz")["images"]
    assert emoji.shape == (BUILTIN["emoji"].count, 32, 32, 3)


def test_every_file_belongs_to_a_set_and_has_its_notice():
    notice = (FOLDER / "NOTICE.md").read_text(encoding="utf-8")
    for folder in (path for path in FOLDER.iterdir() if path.is_dir() and path.name != "LICENSES"):
        assert f"`{folder.name}/" in notice
        for path in folder.iterdir():
            assert any(path == found or found in path.parents for found in map(builtin_path, BUILTIN)), path
    for path in (FOLDER / "LICENSES").iterdir():
        assert f"LICENSES/{path.name}" in notice


def test_all_of_it_is_small_enough_to_ship():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 12e6


def test_every_set_has_a_preview_and_a_row_in_the_table():
    rows = describe()
    assert [row[0] for row in rows] == list(BUILTIN)
    assert rows[0] == ("pride", "language", "684,768 characters", "public domain", "Pride and Prejudice, the default text.")
    for name in BUILTIN:
        assert 2 <= len(preview(name).splitlines()) <= 9
    assert "It is a truth universally acknowledged" in preview("pride")
    assert preview("bible-short", 1).splitlines()[0] == "en  |  es"


def test_an_unknown_set_has_a_suggestion():
    with pytest.raises(BadInput, match="no built-in set 'fasion'. Did you mean 'fashion'"):
        find_builtin("fasion")


def test_help_about_the_sets_needs_no_torch():
    loaded = "import sys, workings.data.builtin, workings.data.sources; print({'torch', 'numpy', 'datasets', 'pyarrow'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(Path(FOLDER).parents[2])})
    assert result.stdout.strip() == "set()"


def test_gzip_would_do_as_well_as_xz(tmp_path: Path):
    """What a user downloads is often .gz; the same text reads the same from either."""
    path = tmp_path / "pride.txt.gz"
    path.write_bytes(gzip.compress(lzma.decompress(builtin_path("pride").read_bytes()), 1))
    assert read_documents(path) == read_documents("pride")
