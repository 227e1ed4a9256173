"""What each token of a text does for the class that is said, on a terminal in color, elsewhere a line each. Imports no torch."""

from typing import Any

from rich.console import Console
from rich.text import Text

from workings.report.formats import plain, printable, signed

FOR = ((198, 220, 236), (143, 190, 220), (76, 152, 204))
AGAINST = ((247, 218, 196), (240, 178, 130), (228, 128, 52))
"""Three backgrounds from faint to full, under black letters: readable on dark and light terminals, and told apart by eyes that see no red or green."""
LEAST = 0.1
"""What does less than this part of the token that does most has no color."""


def show(explained: Any, console: Console) -> None:
    """Print an `Explanation`: the text in its colors with the numbers that they stand for, or without colors a line a token."""
    pieces = [(printable(piece.text.replace("\n", "↵")), piece.contribution) for piece in explained.pieces]
    if console.is_terminal and not console.no_color and console.color_system in ("256", "truecolor"):
        most = max((abs(value) for _, value in pieces), default=0.0) or 1.0
        text = Text("  ")
        for word, value in pieces:
            text.append(word, background(value / most))
        console.print(text, soft_wrap=False)
        legend = Text("  ")
        for part in (-1.0, -0.5, 0.5, 1.0):
            legend.append(f" {signed(part * most)} ", background(part))
        console.print(legend.append(f"  orange speaks against {explained.name}, blue for it"))
    else:
        for word, value in pieces:
            print(f"  {signed(value)} {word}")
    total = signed(sum(value for _, value in pieces))
    print(
        f"  log-odds of {explained.name}: {plain(explained.log_odds)} = {plain(explained.baseline)} for zero vectors {total[0]} {total[1:]} by the tokens",
        flush=True,
    )


def background(part: float) -> str:
    """The color of a part, in [-1, 1], of the most that a token does.

    >>> background(0.05), background(0.2), background(-1.0)
    ('', 'black on rgb(198,220,236)', 'black on rgb(228,128,52)')
    """
    if abs(part) < LEAST:
        return ""
    red, green, blue = (FOR if part > 0 else AGAINST)[min(2, int(3 * abs(part)))]
    return f"black on rgb({red},{green},{blue})"
