"""What the report of a VAE adds: which latent dimensions say something, and where pictures lie in a latent of two (statements 5.1c, 5.1d)."""

from pathlib import Path
from typing import Any

from workings.report.drawings import drawing_sections
from workings.report.figures import HEIGHT, INK, PALETTE, WIDTH, drawing, svg
from workings.report.pages import Section, render
from workings.report.rasters import embedded, read_image
from workings.report.record import read_record

WIDE, COLUMNS = 576, 15
"""About how many pixels of a page the map of drawings takes, and how many of them stand beside each other."""
MARKERS = "o^sDvP*X"
"""Of classes whose colors have been used."""


def vae_sections(run: Path) -> list[Section]:
    """The sections of every job that draws, then the latent's."""
    rows = [row for row in read_record(run).of("sample") if "divergences" in row]
    sections = drawing_sections(run)
    if not rows:
        return sections
    last = rows[-1]
    sections.append(dimensions_section(last["divergences"]))
    path = run / last.get("files", {}).get("map.png", "")
    if "points" in last and path.is_file():
        shown = [("drawings over the plane", embedded(read_image(path), WIDE, COLUMNS))]
        sections.append(Section("The latent as a map", render("latent_map.html", figure=map_figure(last["points"], last["point_labels"]), shown=shown)))
    return sections


def dimensions_section(divergences: list[float]) -> Section:
    """The KL of each dimension, the largest first; of a full covariance, which has no parts, the whole."""
    said = sorted(divergences, reverse=True)
    return Section("What the latent says", render("dimensions.html", figure=bars(said), total=sum(said), count=len(said), whole=len(said) == 1))


def bars(values: list[float]) -> str:
    """An SVG of bars."""
    from matplotlib.figure import Figure

    with drawing("dimensions"):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        axes.bar(range(1, len(values) + 1), values, color=PALETTE[0])
        axes.set_xlabel("latent dimension", color=INK)
        axes.set_ylabel("KL, nats", color=INK)
        axes.tick_params(colors=INK, length=0)
        axes.spines[["top", "right"]].set_visible(False)
        return svg(figure, "dimensions", "The KL of each latent dimension, the largest first")


def map_figure(points: list[list[float]], labels: list[Any]) -> str:
    """An SVG of points in the plane, a color and a shape for each class."""
    from matplotlib.figure import Figure

    names = sorted(set(map(str, labels)))
    with drawing("latent-map"):
        figure = Figure(figsize=(WIDTH, WIDTH), layout="constrained")
        axes = figure.subplots()
        for number, name in enumerate(names):
            some = [point for point, label in zip(points, labels, strict=True) if str(label) == name]
            marker = MARKERS[number // len(PALETTE) % len(MARKERS)]
            x, y = zip(*some, strict=True)
            axes.scatter(x, y, s=7, color=PALETTE[number % len(PALETTE)], marker=marker, linewidths=0, label=name)
        if len(names) > 1:
            for text in axes.legend(frameon=False, fontsize=7, markerscale=2).get_texts():
                text.set_parse_math(False)  # a class may be called anything
        axes.set_xlabel("the first number", color=INK)
        axes.set_ylabel("the second", color=INK)
        axes.tick_params(colors=INK, length=0)
        return svg(figure, "latent-map", "The means of validation pictures in the latent plane")
