"""What the report of a job that draws adds: its data, drawings from the same noise over time, and what else it has shown of itself."""

from pathlib import Path
from typing import Any

from workings.report import figures, formats
from workings.report.classes import facts_of
from workings.report.figures import Line
from workings.report.pages import Section, render
from workings.report.rasters import embedded, read_image
from workings.report.record import read_record
from workings.report.write import spread

OVER_TIME, SMALL, WIDE = 6, 288, 576
"""How many sheets of drawings are shown of the whole training, and about how many pixels of a page those take, and the last one."""
COLUMNS = 10
"""About how many pictures stand beside each other: a sheet is kept exactly if they are small."""
SHOWN = {
    "reconstruction.png": ("What it makes of pictures", "Pictures of the validation set in the first row, and below each what the model makes of it."),
    "interpolation.png": ("From one drawing to another", "Each row goes from one drawing to another by way of the noise between theirs."),
    "trajectory.png": ("From noise to a drawing", "Each row is one drawing on its way, from noise on the left."),
    "guidance.png": ("The same noise with more guidance", "Each row has the same noise, with more guidance from left to right."),
    "latent.png": ("Along the latent", "Each row changes one number of the latent and leaves the others."),
}
"""Files of a preview beside its grid: the title and what is to be seen."""


def drawing_sections(run: Path) -> list[Section]:
    """The sections that every job that draws has."""
    record = read_record(run)
    rows = [row for row in record.of("sample") if "grid.png" in row.get("files", {}) and (run / row["files"]["grid.png"]).is_file()]
    sections = facts_of(run)
    if not rows:
        return sections
    sections.append(over_time(run, rows))
    for name, (title, explained) in SHOWN.items():
        file = next((path for row in reversed(rows) if (path := run / row["files"].get(name, "")).is_file()), None)
        if file is not None:
            sections.append(Section(title, render("drawn.html", drawn=embedded(read_image(file), WIDE, COLUMNS), explained=explained, title=title)))
    guided = by_guidance(record.tested)
    return sections + ([guidance_section(guided)] if guided else [])


def by_guidance(tested: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Scores at each weight of guidance, from names such as label_accuracy_at_guidance_2.

    >>> by_guidance({"frechet_at_guidance_0": 9.0, "frechet_at_guidance_0.5": 7.0, "loss": 1.0})
    {'frechet': [(0.0, 9.0), (0.5, 7.0)]}
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for name, score in tested.items():
        measure, between, weight = name.partition("_at_guidance_")
        if between:
            found.setdefault(measure, []).append((float(weight), score))
    return found


def guidance_section(guided: dict[str, list[tuple[float, float]]]) -> Section:
    """A figure for each score against the weight of guidance."""
    drawn = [
        (
            name,
            figures.curves([Line(name, [weight for weight, _ in points], [score for _, score in points], 0, "marked")], "guidance", name, f"guidance-{name}"),
        )
        for name, points in ((formats.titled(measure), points) for measure, points in guided.items())
    ]
    return Section("What guidance does to scores", render("guidance.html", drawn=drawn))


def over_time(run: Path, rows: list[dict[str, Any]]) -> Section:
    """Sheets from the same noise, early ones closer together, and beside the last one some of the pictures that were learned from."""
    data = run / "samples" / "data.png"
    shown = [(f"step {rows[i]['step']:,}", embedded(read_image(run / rows[i]["files"]["grid.png"]), SMALL, COLUMNS)) for i in spread(len(rows), OVER_TIME)]
    last = [("drawn", embedded(read_image(run / rows[-1]["files"]["grid.png"]), WIDE, COLUMNS))]
    last += [("to learn from", embedded(read_image(data), WIDE, COLUMNS))] if data.is_file() else []
    return Section("Drawings", render("drawings.html", shown=shown, last=last, prompts=rows[-1].get("prompts", [])))
