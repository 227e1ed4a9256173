"""Texts that are in the training data and in an evaluation are found, whatever their case and their spaces."""

import pytest

from workings.data.overlap import overlap

LEARNED = ["A film to remember.", "Two hours\ntoo long.", "Der große Wurf"]


@pytest.mark.parametrize("text", ["a film to remember.", "  A film\tto \u00a0 remember. ", "TWO HOURS TOO LONG.", "der GROSSE wurf"])
def test_a_text_is_the_same_in_another_case_and_with_other_spaces(text):
    assert overlap(LEARNED, ["other", text]) == {1}


@pytest.mark.parametrize("text", ["A film to remember", "Afilm to remember.", "A film to remember. A film to remember.", ""])
def test_a_text_with_other_letters_is_another(text):
    assert overlap(LEARNED, [text]) == set()


def test_every_place_of_a_text_that_stands_there_twice_is_counted():
    assert overlap([*LEARNED, *LEARNED], [LEARNED[0], "new", LEARNED[0]]) == {0, 2}
    assert overlap(LEARNED, LEARNED) == {0, 1, 2} and overlap([], LEARNED) == overlap(LEARNED, []) == set()
