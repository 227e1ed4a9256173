"""Help without boxes, for pipes and screen readers: names on the left, sentences wrapped on the right."""

import textwrap
from typing import Any

from cyclopts.help import PlainFormatter

WIDTH, COLUMN = 79, 24


class Columns(PlainFormatter):
    """One entry a paragraph: `--name TYPE`, then what it does, its choices and its default."""

    def __call__(self, console: Any, options: Any, panel: Any) -> None:
        """Print one panel: its title, then its entries."""
        if not panel.entries:
            return
        lines = [f"{panel.title}:"]
        for entry in panel.entries:
            labels = entry.display_labels_with_metavar if panel.format == "parameter" else (*entry.positive_names, *entry.positive_shorts)
            label = "  " + ", ".join(labels)
            words = "".join(segment.text for segment in console.render(entry.description or "")).split()
            text = " ".join([*words, *_notes(entry)])
            if len(label) > COLUMN - 2:
                lines.append(label)
                label = ""
            lines.append(textwrap.fill(text, WIDTH, initial_indent=f"{label:<{COLUMN}}", subsequent_indent=" " * COLUMN, break_on_hyphens=False))
        print("\n".join(lines) + "\n", file=console.file)


def _notes(entry: Any) -> list[str]:
    """The choices, the default unless it is "no", and whether the entry must be given."""
    choices = [f"[choices: {', '.join(entry.choices)}]"] if entry.choices else []
    default = [f"[default: {entry.default}]"] if entry.default not in (None, "False", "") else []
    return choices + default + (["[required]"] if entry.required else [])
