"""Stop strings, however the text is cut into pieces."""

import itertools

import pytest

from workings.generation.stopping import StopAt


def passed(strings, pieces):
    stop, out = StopAt(strings), []
    for piece in pieces:
        out.append(stop.push(piece))
        if stop.found:
            return "".join(out), True
    return "".join([*out, stop.flush()]), False


@pytest.mark.parametrize(
    ("text", "string", "left"), [("hello END more", "END", "hello "), ("aab", "ab", "a"), ("ababac", "abac", "ab"), ("xx", "x", ""), ("abc", "d", None)]
)
def test_the_text_ends_before_the_stop_string_however_it_is_cut(text, string, left):
    for cuts in itertools.product([False, True], repeat=len(text) - 1):
        pieces, begin = [], 0
        for place, cut in enumerate(cuts, 1):
            if cut:
                pieces.append(text[begin:place])
                begin = place
        pieces.append(text[begin:])
        assert passed([string], pieces) == ((text, False) if left is None else (left, True))


def test_the_first_of_several_strings_counts():
    assert passed(["no", "END", "b"], ["abEND"]) == ("a", True)


def test_only_what_may_begin_a_stop_string_is_held_back():
    stop = StopAt(["END"])
    assert [stop.push(piece) for piece in ("so E", "N", "X E")] == ["so ", "", "ENX "]
    assert stop.flush() == "E"


def test_without_stop_strings_everything_passes_at_once():
    stop = StopAt([])
    assert stop.push("anything") == "anything"
    assert stop.flush() == ""
