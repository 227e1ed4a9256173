"""Tables: a column of text is the same from every format, and what is wrong is named with its line."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from workings.data.tables import Table, hub_table, read_table
from workings.errors import BadInput

ROWS = [{"title": "a, b", "text": 'say "yes"'}, {"title": "c", "text": "two\nlines"}, {"title": "é", "text": "雪 🎈"}]


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def as_jsonl(folder: Path) -> Path:
    return write(folder / "a.jsonl", "\n".join(json.dumps(row) for row in ROWS) + "\n\n")


def as_csv(folder: Path) -> Path:
    return write(folder / "a.csv", 'title,text\r\n"a, b","say ""yes"""\r\nc,"two\r\nlines"\r\né,雪 🎈\r\n')


def as_parquet(folder: Path) -> Path:
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), folder / "a.parquet")
    return folder / "a.parquet"


@pytest.mark.parametrize("write_rows", [as_jsonl, as_csv, as_parquet])
def test_every_format_gives_the_same_columns(tmp_path: Path, write_rows):
    table = read_table(write_rows(tmp_path))
    assert list(table.names) == ["title", "text"]
    assert table.column("title") == [row["title"] for row in ROWS]
    assert table.texts() == [row["text"] for row in ROWS]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip), min_size=1))
def test_any_text_comes_back_from_jsonl(tmp_path_factory: pytest.TempPathFactory, texts: list[str]):
    lines = "\n".join(json.dumps({"text": text}, ensure_ascii=bool(len(text) % 2)) for text in texts)
    path = write(tmp_path_factory.mktemp("any") / "a.jsonl", lines)
    assert read_table(path).texts() == texts


def test_tab_separated_text_has_no_quotes(tmp_path: Path):
    assert read_table(write(tmp_path / "a.tsv", 'id\ttext\n1\t"To be\n2\tit\'s "so"\n')).texts() == ['"To be', 'it\'s "so"']


def test_a_header_can_be_given_for_a_file_without_one(tmp_path: Path):
    assert read_table(write(tmp_path / "a.tsv", "1\tone\n"), header=("id", "word")).texts("word") == ["one"]


def test_the_only_column_needs_no_name(tmp_path: Path):
    assert read_table(write(tmp_path / "a.csv", "sentence\nhello\n")).texts() == ["hello"]


def test_several_columns_without_one_named_text_must_be_chosen_from(tmp_path: Path):
    with pytest.raises(BadInput, match=r"has the columns 'en', 'es'; say which one to read with --column"):
        read_table(write(tmp_path / "a.csv", "en,es\na,b\n")).texts()


def test_an_unknown_column_has_a_suggestion(tmp_path: Path):
    with pytest.raises(BadInput, match=r"a\.csv' has no column 'sentense'. Did you mean 'sentence'\?"):
        read_table(write(tmp_path / "a.csv", "sentence,label\nhello,1\n")).texts("sentense")


def test_missing_and_blank_texts_are_left_out(tmp_path: Path):
    assert read_table(write(tmp_path / "a.jsonl", '{"text": null}\n{"text": " "}\n{"other": 1}\n{"text": "x"}\n')).texts() == ["x"]


def test_a_column_without_text_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="Column 'text' of .* holds no text"):
        read_table(write(tmp_path / "a.csv", "text,label\n ,1\n")).texts()
    with pytest.raises(BadInput, match=r"Column 'label' of .* holds int values \(row 1\), not text"):
        read_table(write(tmp_path / "b.jsonl", '{"label": 3}')).texts("label")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [('{"text": "b"', "Line 3 of .* is not JSON"), ("[1]", "Line 3 of .* is not a JSON object .* but a list"), ('{"text": NOPE}', "Line 3 of .* is not JSON")],
)
def test_a_line_that_is_not_json_is_named_by_its_number(tmp_path: Path, line: str, complaint: str):
    path = write(tmp_path / "a.jsonl", f'{{"text": "a"}}\n\n{line}\n')
    with pytest.raises(BadInput, match=complaint):
        read_table(path)


def test_half_a_character_in_json_is_named_by_its_row(tmp_path: Path):
    with pytest.raises(BadInput, match=r"Row 2 of column 'text' of .* holds half a character \(U\+D83D\)"):
        read_table(write(tmp_path / "a.jsonl", '{"text": "a"}\n{"text": "\\ud83d"}\n')).texts()


def test_a_line_with_too_many_fields_is_named_by_its_number(tmp_path: Path):
    with pytest.raises(BadInput, match=r"Line 3 of .* has 3 fields where 2 are expected \(id, text\)"):
        read_table(write(tmp_path / "a.csv", "id,text\n1,a\n2,b,c\n"))


def test_an_open_quote_is_named_by_its_line(tmp_path: Path):
    with pytest.raises(BadInput, match="Line 2 of .* is not well-formed"):
        read_table(write(tmp_path / "a.csv", 'id,text\n1,"a\n'))


def test_two_columns_of_one_name_are_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="two columns of the same name"):
        read_table(write(tmp_path / "a.csv", "text,text\na,b\n"))


def test_an_empty_table_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match=r"a\.csv' is empty"):
        read_table(write(tmp_path / "a.csv", "\n"))
    with pytest.raises(BadInput, match="holds no text"):
        read_table(write(tmp_path / "b.csv", "text\n")).texts()


def test_a_damaged_parquet_file_is_named(tmp_path: Path):
    path = as_parquet(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match=r"a\.parquet' is not a Parquet table .* truncated"):
        read_table(path)


def test_a_long_field_is_read_whole(tmp_path: Path):
    long = "word " * 100_000
    assert read_table(write(tmp_path / "a.csv", f'text\n"{long}"\n')).texts() == [long]


def stub_hub(monkeypatch: pytest.MonkeyPatch, load):
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))


class Rows(dict):
    column_names = ("text", "label")


def test_the_hub_gives_the_train_split_or_else_the_first(monkeypatch: pytest.MonkeyPatch):
    asked = []

    def load(*name):
        asked.append(name)
        splits = {"test": Rows(text=["no"])}
        return splits | {"train": Rows(text=["yes"])} if name[1] else splits

    stub_hub(monkeypatch, load)
    assert hub_table("someone/poems", "short").texts() == ["yes"]
    assert hub_table("someone/poems").texts() == ["no"]
    assert asked == [("someone/poems", "short"), ("someone/poems", None)]
    with pytest.raises(BadInput, match="the data set 'someone/poems' has no column 'txt'. Did you mean 'text'"):
        hub_table("someone/poems").texts("txt")


@pytest.mark.parametrize("error", [ConnectionError("no route.\nmore"), FileNotFoundError("no route"), ValueError("no route"), RuntimeError("no route")])
def test_a_hub_that_cannot_be_reached_is_one_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception):
    stub_hub(monkeypatch, lambda *name: (_ for _ in ()).throw(error))
    with pytest.raises(BadInput, match=r"^The data set 'someone/poems' could not be read from the hub \(no route\), .* check the name and the network"):
        hub_table("someone/poems")


def test_an_offline_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(BadInput, match="'someone/poems-that-are-nowhere' could not be read from the hub"):
        hub_table("someone/poems-that-are-nowhere")


def test_a_missing_datasets_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(BadInput, match="pip install datasets"):
        hub_table("someone/poems")


def test_a_table_reads_only_the_column_it_is_asked_for():
    asked = []
    Table("here", ["text", "image"], lambda name: asked.append(name) or ["x"]).texts()
    assert asked == ["text"]
