"""What the report of a generator adds: how the game of the two players stands, and what was wrong with it (statement 5.2a)."""

from pathlib import Path
from typing import Any

from workings.report.drawings import drawing_sections
from workings.report.pages import Section, render
from workings.report.record import read_record
from workings.tasks.gan_health import complaints


def gan_sections(run: Path) -> list[Section]:
    """The sections of every job that draws, then the game."""
    rows = [row for row in read_record(run).validations if "told_apart" in row]
    return drawing_sections(run) + ([game_section(rows)] if rows else [])


def game_section(rows: list[dict[str, Any]]) -> Section:
    """The last evaluation in words, and whatever was wrong for longer. rows: of validation."""
    last = rows[-1]
    facts = [
        f"At step {last['step']:,}, drawings are {last['diversity']:.2f} times as far apart as real pictures (1 is best).",
        f"Of a real picture and a drawing, the discriminator gives the real one the higher score in {last['told_apart']:.0%} of pairs (50% if it cannot tell).",
        "The losses of two players say nothing of the drawings: each is about as good as the other lets it be.",
    ]
    return Section("The game", render("facts.html", facts=facts + complaints(rows)))
