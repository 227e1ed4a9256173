"""An explanation on a terminal: colors where there are colors, a line a token elsewhere, and nothing that a terminal would obey."""

import io

import pytest
from rich.console import Console

from workings.cli.explained import AGAINST, FOR, background, show
from workings.tasks.explanation import Explanation, Piece

WHY = Explanation("good", 1.25, -0.5, (Piece("a", 0.01), Piece(" fine", 2.0), Piece(" film\n\x1b[2J", -0.26)))


def on_terminal(why: Explanation, **choices) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, width=200, **choices)
    show(why, console)
    return console.file.getvalue()


def test_a_terminal_shows_the_text_in_two_colors_with_their_numbers(capsys):
    shown = on_terminal(WHY, color_system="truecolor")
    full, faint = (";".join(map(str, color)) for color in (FOR[2], AGAINST[0]))
    assert f"48;2;{full}m fine" in shown and f"48;2;{faint}m film" in shown and "  a\x1b[30" in shown
    assert all(number in shown for number in ("−2.00", "−1.00", "+1.00", "+2.00", "blue for it"))
    assert "1.25 = −0.50 for zero vectors + 1.75 by the tokens" in capsys.readouterr().out


@pytest.mark.parametrize("choices", [{"color_system": None}, {"color_system": "truecolor", "no_color": True}, {"color_system": "standard"}])
def test_without_colors_every_token_has_a_line_with_its_number(choices, capsys):
    assert on_terminal(WHY, **choices) == ""
    assert capsys.readouterr().out.splitlines()[:2] == ["  +0.01 a", "  +2.00  fine"]


def test_what_stands_in_a_text_moves_no_cursor(capsys):
    shown = on_terminal(WHY, color_system="truecolor") + on_terminal(WHY, color_system=None) + capsys.readouterr().out
    assert "\x1b[2J" not in shown and "film↵␛[2J" in shown


@pytest.mark.parametrize("part", [0.11, 0.5, 0.99, 1.0])
def test_the_color_is_fuller_the_more_a_token_does(part):
    assert background(part) != background(-part) and background(part) != background(0.0) == ""
    assert background(1.0) == "black on rgb({},{},{})".format(*FOR[2])


def test_a_text_without_tokens_has_an_explanation_too(capsys):
    show(Explanation("good", 0.1, 0.1, ()), Console(file=io.StringIO()))
    assert capsys.readouterr().out == "  log-odds of good: 0.10 = 0.10 for zero vectors + 0.00 by the tokens\n"
