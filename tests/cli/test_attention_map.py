"""The map of attention in a terminal: every weight at its place, within the width."""

import pytest
from rich.cells import cell_len

from workings.cli.attention_map import attention_map

SOURCE, TARGET = ["ein", "kleiner", "Hund", "(end)"], ["a", "little", "dog"]
WEIGHTS = [[0.9, 0.1, 0.0, 0.0], [0.2, 0.7, 0.1, 0.0], [0.0, 0.02, 0.98, 0.0]]


def test_words_of_the_source_are_columns_and_those_of_the_translation_rows():
    assert attention_map(SOURCE, TARGET, WEIGHTS, 80, shaded=False).split("\n") == [
        "       ein kleiner Hund (end)",
        "     a  9     1     .     .",
        "little  2     7     1     .",
        "   dog  .     .     *     .",
    ]


def test_they_change_places_where_only_then_they_fit():
    assert attention_map(SOURCE, TARGET, WEIGHTS, 24, shaded=False).split("\n") == [
        "        a little dog",
        "    ein 9   2     .",
        "kleiner 1   7     .",
        "   Hund .   1     *",
        "  (end) .   .     .",
    ]


def test_else_the_words_of_the_columns_are_written_downwards():
    lines = attention_map(SOURCE, TARGET, WEIGHTS, 14, shaded=False).split("\n")
    assert lines[-3:] == ["     a 9 1 . .", "little 2 7 1 .", "   dog . . * ."]
    assert ["".join(line.ljust(14)[column] for line in lines[:-3]).strip() for column in (7, 9, 11, 13)] == SOURCE


@pytest.mark.parametrize("width", [9, 11, 13, 14, 24, 40, 80])
def test_no_line_is_wider_than_there_is_room_and_every_weight_is_there(width):
    text = attention_map(SOURCE, TARGET, WEIGHTS, width, shaded=False)
    assert max(map(cell_len, text.split("\n"))) <= width
    body = "".join(text.split("\n"))
    for word in (*SOURCE, *TARGET):
        body = body.replace(word, "")
    assert sorted(c for c in body if c in ".0123456789*") == sorted("91..271...*.")


def test_shades_fill_their_columns_and_are_darker_for_more():
    lines = attention_map(SOURCE, TARGET, WEIGHTS, 80, shaded=True).split("\n")
    assert lines[1] == "     a ███ ░░░░░░░"
    assert lines[2] == "little ░░░ ▓▓▓▓▓▓▓ ░░░░"
    assert lines[3] == "   dog" + " " * 13 + "████"


def test_wide_characters_keep_the_columns_in_line():
    for width, starts in ((80, [5, 10, 15]), (13, [5, 8, 11])):
        lines = attention_map(["我们", "爱护", "狗"], ["I", "love", "dogs"], [[1, 0, 0], [0, 1, 0], [0, 0, 1]], width, shaded=True).split("\n")
        marks = [line for line in lines if "█" in line]
        assert [cell_len(line[: line.index("█")]) for line in marks] == starts
