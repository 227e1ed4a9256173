"""Every way to name a text gives its documents, and every mistaken name gets one sentence."""

import lzma
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from workings.data.builtin import builtin_path
from workings.data.sources import read_documents
from workings.errors import BadInput


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `books` in the current folder, with texts at two depths and things that are no text."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "books"
    (folder / "old").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "b.txt").write_text("second")
    (folder / "a.txt").write_text("first")
    (folder / "old" / "c.md").write_text("third")
    (folder / "d.txt.xz").write_bytes(lzma.compress(b"fourth"))
    (folder / "empty.txt").write_text("\n")
    (folder / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    (folder / ".hidden.txt").write_text("hidden")
    (folder / ".git" / "e.txt").write_text("hidden")
    return folder


def test_a_file_is_one_document(books: Path):
    assert read_documents("books/a.txt") == ["first"]
    assert read_documents(books / "a.txt") == ["first"]


def test_any_unknown_suffix_is_text(tmp_path: Path):
    for name in ("notes", "notes.py", "notes.unheard-of"):
        (tmp_path / name).write_text("x = 1")
        assert read_documents(tmp_path / name) == ["x = 1"]


def test_a_folder_gives_all_its_texts_in_the_order_of_their_paths(books: Path):
    assert read_documents("books") == ["first", "second", "fourth", "third"]


def test_a_pattern_gives_its_files_in_the_order_of_their_paths(books: Path):
    assert read_documents("books/*.txt") == ["first", "second"]
    assert read_documents("books/**/*.md") == ["third"]
    assert read_documents(f"{books}/[ab].txt") == ["first", "second"]


def test_the_home_folder_may_be_written_as_a_tilde(books: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(books))
    assert read_documents("~/a.txt") == ["first"]


def test_a_column_is_read_from_the_tables_of_a_folder(books: Path):
    (books / "x.csv").write_text("id,line\n1,from csv\n")
    (books / "y.jsonl").write_text('{"line": "from jsonl"}\n')
    assert read_documents("books", column="line") == ["from csv", "from jsonl"]
    assert read_documents("books/*.csv", column="line") == ["from csv"]


def test_the_encoding_reaches_every_file(books: Path):
    (books / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(BadInput, match=r"'books/a\.txt' is not utf-8: byte 0xE9 at offset 3"):
        read_documents("books")
    assert read_documents("books", encoding="latin-1")[0] == "café"


def test_a_built_in_set_has_two_names():
    assert read_documents("pride") == read_documents("builtin:pride")
    assert read_documents("pride")[0].startswith("PRIDE AND PREJUDICE")


def test_a_file_goes_before_a_built_in_set_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("pride").write_text("before the fall")
    assert read_documents("pride") == ["before the fall"]
    assert read_documents("builtin:pride") != ["before the fall"]


def test_built_in_tables_have_columns():
    movies = read_documents("movies")
    assert len(movies) == 10_605
    assert movies[2] == "Effective but too tepid biopic"
    assert read_documents("builtin:bible-short", column="es")[1] == "Y dijo Dios: Sea la luz: y fué la luz."
    with pytest.raises(BadInput, match="columns 'en', 'es'"):
        read_documents("bible-short")


def test_built_in_pictures_are_not_text():
    with pytest.raises(BadInput, match="holds pictures, not text"):
        read_documents("fashion")


def test_a_hub_name_reaches_the_hub(monkeypatch: pytest.MonkeyPatch):
    asked = []

    class Rows(dict):
        column_names = ("text",)

    rows = Rows(text=["from the hub"])
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=lambda *name: asked.append(name) or {"train": rows}))
    for name in ("someone/poems-2.0", "hub:poems", "hub:someone/poems:short"):
        assert read_documents(name) == ["from the hub"]
    assert asked == [("someone/poems-2.0", None), ("poems", None), ("someone/poems", "short")]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("none.txt", r"no file or folder 'none\.txt' \(looked for it in"),
        ("./none", "no file or folder './none'"),
        ("/nowhere/at/all", "no file or folder '/nowhere/at/all'"),
        ("tables/none.jsonl.gz", "no file or folder"),
        ("", "name of the data is empty"),
        ("builtin:prid", "no built-in set 'prid'. Did you mean 'pride'"),
        ("builtin:zzz", "no built-in set 'zzz'. Choose from 'austen'"),
        ("austin", "no file, folder or built-in set 'austin'. Did you mean 'austen'"),
        ("books/*.tex", r"No file matches the pattern 'books/\*\.tex'"),
        ("bare", r"no text in the folder 'bare' \(0 files"),
        ("books/empty.txt", "'books/empty.txt' is empty; give a file with text in it"),
        ("books/cover.png", "'books/cover.png' is not text: it begins with the bytes 89 50 4e 47 of a PNG picture"),
        ("books/*.png", r"no text in the pattern 'books/\*\.png' \(1 file, empty or binary\)"),
    ],
)
def test_a_mistaken_name_is_one_sentence(books: Path, data: str, sentence: str):
    Path("bare").mkdir()
    with pytest.raises(BadInput, match=sentence) as caught:
        read_documents(data)
    assert "\n" not in str(caught.value)


def test_plain_text_has_no_columns(books: Path):
    with pytest.raises(BadInput, match=r"'books/a\.txt' is plain text and has no column 'text'; leave --column away"):
        read_documents("books/a.txt", column="text")
    with pytest.raises(BadInput, match="no table .* in the folder 'books'"):
        read_documents("books", column="text")


def test_all_six_novels_are_documents():
    austen = read_documents("austen")
    assert len(austen) == 6
    assert read_documents(builtin_path("pride"))[0] in austen


def test_the_benchmark_text_is_read_from_its_compressed_file(root: Path):
    path = Path(os.environ.get("WORKINGS_DATA", root / "../shared/data")) / "benchmark/tinyshakespeare/input.txt.xz"
    if not path.exists():
        pytest.skip("the benchmark sets are not here (set WORKINGS_DATA)")
    (text,) = read_documents(path)
    assert len(text) == 1_115_394
    assert len(set(text)) == 65
