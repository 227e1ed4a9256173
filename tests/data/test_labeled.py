"""Tables of labeled texts: columns, classes, what is left out, the split, and what is refused."""

import json
import random

import pytest

from workings.data.labeled import class_names, read_labeled, stratified
from workings.errors import BadInput


def write(folder, name: str, rows: list[dict]) -> str:
    path = folder / name
    if name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif name.endswith(".parquet"):
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        mark = "," if name.endswith(".csv") else "\t"
        path.write_text("".join(mark.join("" if value is None else str(value) for value in line) + "\n" for line in [rows[0], *(row.values() for row in rows)]))
    return str(path)


ROWS = [{"review": "good film", "mood": "yes", "n": 1}, {"review": "bad film", "mood": "no ", "n": 2}, {"review": None, "mood": "no", "n": 3}]
ROWS += [{"review": "fine", "mood": None, "n": 4}, {"review": "dull", "mood": "no", "n": 5}]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_rows_with_a_text_and_a_label_are_read_and_the_others_counted(name, tmp_path):
    found = read_labeled(write(tmp_path, name, ROWS), "review", "mood")
    assert (found.texts, found.labels) == (["good film", "bad film", "dull"], ["yes", "no", "no"])
    assert found.left_out == {"without a text": 1, "without a label": 1} and found.spaced == 1


def test_a_column_may_say_the_split(tmp_path):
    rows = [{"text": f"t{i}", "label": i % 2, "part": part} for i, part in enumerate(["train", "Validation", "dev", "test", "training"])]
    found = read_labeled(write(tmp_path, "a.jsonl", rows), split="part")
    assert found.parts == ["train", "validation", "validation", "train"] and found.left_out == {"part = test": 1}
    assert found.labels == ["0", "1", "0", "0"]


def test_the_built_in_snippets_have_two_classes():
    found = read_labeled("movies")
    assert len(found.texts) == 10_605 and class_names(found.labels, found.where) == ("0", "1")


@pytest.mark.parametrize(
    ("labels", "names"), [(["b", "a", "c", "a"], ("a", "b", "c")), (["10", "9", "1"], ("1", "9", "10")), (["-1", "1", "0"], ("-1", "0", "1"))]
)
def test_classes_come_in_the_order_of_numbers_or_letters_whatever_that_of_the_rows(labels, names):
    for _ in range(5):
        random.shuffle(labels)
        assert class_names(labels, "x") == names


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a"] * 5, "Every label in x is 'a'"),
        (["Yes", "no", "yes", "yes"], r"'Yes' .1 row. and 'yes' .2. in x differ in case only; spell them alike if they are one class, or rename one"),
        ([str(i) for i in range(50)], "50 different labels for 50 examples"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, said):
    with pytest.raises(BadInput, match=said):
        class_names(labels, "x")


def test_every_class_is_split_alike_and_nothing_is_in_both_parts():
    labels = ["a"] * 200 + ["b"] * 50 + ["c"] * 2
    learned, held = stratified(labels, 0.1, "x")
    assert sorted(learned + held) == list(range(252)) and not set(learned) & set(held)
    assert [sum(labels[row] == name for row in held) for name in "abc"] == [20, 5, 1]
    assert stratified(labels, 0.1, "x") == (learned, held)


def test_a_class_with_one_example_is_refused_by_name():
    with pytest.raises(BadInput, match="The class 'b' has 1 example"):
        stratified(["a", "a", "b"], 0.1, "x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(text="", label="mood"), "has the columns 'review', 'mood', 'n'; say which one holds the texts with --text"),
        (dict(text="review", label=""), "which one holds the labels with --label"),
        (dict(text="revew", label="mood"), "Did you mean 'review'. The columns are 'review', 'mood', 'n'."),
        (dict(text="review", label="x"), "has no column 'x'. Choose from 'mood', 'n', 'review'."),
        (dict(text="n", label="mood"), "holds int values"),
    ],
)
def test_columns_that_are_missing_are_told_with_those_that_are_there(arguments, said, tmp_path):
    with pytest.raises(BadInput, match=said):
        read_labeled(write(tmp_path, "a.jsonl", ROWS), **arguments)


@pytest.mark.parametrize(("source", "said"), [("no.csv", "There is no table 'no.csv'"), ("pride", "is no table"), ("moves", "Did you mean 'movies'")])
def test_what_is_no_table_is_refused(source, said):
    with pytest.raises(BadInput, match=said):
        read_labeled(source)


def test_a_table_without_any_labeled_text_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no row with a text and a label .left out: 1 row without a label"):
        read_labeled(write(tmp_path, "a.jsonl", [{"text": "a", "label": " "}]))


@pytest.mark.parametrize("column", ["text", "label"])
def test_half_a_character_is_refused_with_its_row(column, tmp_path):
    row = {"text": "a film", "label": "good"}
    lines = [json.dumps(row), json.dumps(row | {column: "x\ud800"})]
    (tmp_path / "half.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"Row 2 of .*half.jsonl' holds half a character \(U\+D800\)"):
        read_labeled(str(tmp_path / "half.jsonl"))
