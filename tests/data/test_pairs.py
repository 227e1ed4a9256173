"""Pairs of sentences: wherever they come from, every row is a pair, left out and counted, or refused with the line."""

import gzip
import json
from pathlib import Path

import pytest

from workings.data.pairs import EMPTY, Pairs, held_back, read_pairs, refuse_labels
from workings.errors import BadInput

ROWS = [("a dog", "ein Hund"), ("two cats", "zwei Katzen"), ("", "nichts"), ("three", "drei")]
PAIRS = [pair for pair in ROWS if pair[0]]


def table(folder: Path, name: str = "pairs.tsv") -> str:
    (folder / name).write_text("en\tde\n" + "".join(f"{a}\t{b}\n" for a, b in ROWS), encoding="utf-8")
    return str(folder / name)


def parallel(folder: Path, sources: list[str], targets: list[str]) -> str:
    (folder / "train.en").write_text("".join(f"{line}\n" for line in sources), encoding="utf-8")
    (folder / "train.de.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in targets).encode()))
    return str(folder / "train")


def headless(folder: Path) -> str:
    (folder / "headless.tsv").write_text("My friend sees an apple.\tMein Freund sieht einen Apfel.\na dog\tein Hund\n", encoding="utf-8")
    return str(folder / "headless.tsv")


def both(pairs) -> list[tuple[str, str]]:
    return list(zip(pairs.sources, pairs.targets, strict=True))


def test_a_table_gives_its_rows_in_either_direction_and_counts_what_is_empty(tmp_path):
    pairs = read_pairs(table(tmp_path), "en", "de")
    assert both(pairs) == PAIRS and pairs.languages == ("en", "de") and pairs.left_out == {EMPTY: 1}
    assert both(read_pairs(table(tmp_path), "de", "en")) == [(b, a) for a, b in PAIRS]


def test_the_only_two_columns_need_no_names(tmp_path):
    assert read_pairs(table(tmp_path)).languages == ("en", "de")
    assert read_pairs(table(tmp_path), second="de").languages == ("en", "de")


def test_a_table_without_a_line_of_names_has_numbered_columns(tmp_path):
    (tmp_path / "tatoeba.tsv").write_text("a dog\tein Hund\tCC-BY\ntwo cats\tzwei Katzen\tCC-BY\n", encoding="utf-8")
    assert both(read_pairs(str(tmp_path / "tatoeba.tsv"), "2", "1")) == [(b, a) for a, b in PAIRS[:2]]


def test_columns_are_numbered_by_the_first_row_whatever_its_quotes_hold(tmp_path):
    (tmp_path / "pairs.csv").write_text('"Hello, you",Hallo\n"two\nlines","zwei, drei"\n', encoding="utf-8")
    assert both(read_pairs(str(tmp_path / "pairs.csv"), "1", "2")) == [("Hello, you", "Hallo"), ("two\nlines", "zwei, drei")]


def test_half_a_character_is_refused_with_its_row(tmp_path):
    rows = [{"en": "one", "de": "eins"}, {"en": "two", "de": "zwei \ud83d"}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(BadInput, match=r"Row 2 of column 'de' of .* holds half a character"):
        read_pairs(str(tmp_path / "pairs.jsonl"), "en", "de")


def test_two_files_are_a_table_whether_compressed_or_not(tmp_path):
    prefix = parallel(tmp_path, [a for a, _ in ROWS], [b for _, b in ROWS])
    assert both(read_pairs(prefix, "en", "de")) == PAIRS
    assert both(read_pairs(f"{tmp_path / 'train.en'},{tmp_path / 'train.de.gz'}")) == PAIRS


def test_only_a_newline_ends_a_line_of_two_files(tmp_path):
    prefix = parallel(tmp_path, ["one\u2028still one", "two"], ["eins", "zwei\x85noch zwei"])
    assert len(read_pairs(prefix, "en", "de")) == 2


def test_rows_of_json_may_hold_both_languages_in_one_column(tmp_path):
    path = tmp_path / "hub.jsonl"
    path.write_text("".join(json.dumps({"id": i, "translation": {"en": a, "de": b}}) + "\n" for i, (a, b) in enumerate(ROWS)), encoding="utf-8")
    assert both(read_pairs(str(path), "en", "de")) == PAIRS


def test_the_built_in_pairs_are_read():
    pairs = read_pairs("bible-short")
    assert len(pairs) == 3306 and pairs.languages == ("en", "es") and not pairs.left_out


BAD = {
    "a column that is not there": (lambda folder: (table(folder), "en", "fr"), "has no column 'fr'"),
    "one column twice": (lambda folder: (table(folder), "en", "en"), "are both 'en'"),
    "unequal files": (lambda folder: (parallel(folder, ["a", "b", "c"], ["x", "y"]), "en", "de"), "line 3 of .*train.en.* has no translation"),
    "one file of two": (lambda folder: (parallel(folder, ["a"], ["x"]), "en", "fr"), "no .*train.fr.* beside it"),
    "no such file": (lambda folder: (str(folder / "absent.tsv"), "en", "de"), "There is no table"),
    "two files without their languages": (lambda folder: (parallel(folder, ["a"], ["x"]), "", ""), "say which are translations.*--source de --target en"),
    "a first line that is a pair": (lambda folder: (headless(folder), "", ""), "looks like a pair of sentences.*--source 1 --target 2"),
    "nothing on one side": (lambda folder: (parallel(folder, ["", " "], ["x", "y"]), "en", "de"), "Column 'en' of .*train.en.* holds no text"),
    "never both sides": (lambda folder: (parallel(folder, ["a", ""], ["", "y"]), "en", "de"), "no row with a text in both"),
    "numbers in another table": (lambda folder: (str(folder / "x.jsonl"), "1", "2"), "numbered in .tsv and .csv tables only"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_set_of_pairs_is_refused_in_a_sentence(what, tmp_path):
    make, sentence = BAD[what]
    with pytest.raises(BadInput, match=sentence):
        read_pairs(*make(tmp_path))


def test_more_than_two_columns_are_named_when_none_is_chosen(tmp_path):
    (tmp_path / "three.csv").write_text("id,en,de\n1,a dog,ein Hund\n", encoding="utf-8")
    with pytest.raises(BadInput, match="columns 'id', 'en', 'de'; say which to translate from and into"):
        read_pairs(str(tmp_path / "three.csv"))


def test_values_that_are_no_texts_are_refused_with_their_row(tmp_path):
    (tmp_path / "numbers.jsonl").write_text('{"en": "a", "de": "b"}\n{"en": "c", "de": 4}\n', encoding="utf-8")
    with pytest.raises(BadInput, match=r"'de' .* int values \(row 2\)"):
        read_pairs(str(tmp_path / "numbers.jsonl"))


def test_pairs_held_back_are_a_part_of_all_and_nothing_is_in_both():
    pairs = read_pairs("bible-short")
    learned, held = held_back(pairs, 0.1)
    assert len(held) == 331 and len(learned) + len(held) == len(pairs)
    assert sorted(both(learned) + both(held)) == sorted(both(pairs))
    assert both(held_back(pairs, 0.1)[1]) == both(held)


def test_a_single_pair_cannot_be_both_learned_and_validated(tmp_path):
    with pytest.raises(BadInput, match="1 pair, which cannot be both"):
        held_back(read_pairs(parallel(tmp_path, ["a"], ["x"]), "en", "de"), 0.1)


def test_a_side_of_labels_is_refused_and_sentences_that_come_often_are_not():
    labels = ["negative", "positive", "very positive"]
    texts = [f"text number {number}" for number in range(60)]
    for sources, targets, name in ((texts, labels * 20, "de"), (labels * 20, texts, "en"), (labels * 20, labels * 20, "en")):
        with pytest.raises(BadInput, match=rf"The column '{name}' of here has only 3 different texts in 60 rows \('negative', 'positive', 'very positive'\)"):
            refuse_labels(Pairs("here", ("en", "de"), sources, targets))
    refuse_labels(Pairs("here", ("en", "de"), texts, ["one of four words", "another of four words"] * 30))
    refuse_labels(Pairs("here", ("en", "de"), texts[:20], labels[:2] * 10 + ["neutral"]))
    refuse_labels(Pairs("here", ("en", "de"), texts, [f"word {number % 7}" for number in range(60)]))
