"""Figures: plain data in, an SVG string out. Colors are CSS variables with a fallback, so one figure serves light, dark and print."""

import io
import re
import threading
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape

import numpy as np

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's colors, told apart by color-blind readers; in the page `--series-1` to `--series-6`."""
INK, RULE = "#3b3b3d", "#d9d6cf"
VARIABLES = {color: f"var(--series-{i}, {color})" for i, color in enumerate(PALETTE, 1)} | {INK: f"var(--ink-soft, {INK})", RULE: f"var(--rule, {RULE})"}
WIDTH, HEIGHT = 3.7, 2.35
DRAWING = threading.Lock()


@dataclass(frozen=True)
class Line:
    """One curve of a figure."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    color: int = 0
    """Which color of the palette, counted round."""
    style: str = "line"
    """line, marked (points on it), dashed, or faint (thin, behind the others)."""


FONT = {"svg.fonttype": "none", "font.size": 8.5, "font.family": "sans-serif", "xtick.labelsize": 8, "ytick.labelsize": 8}
STEPS = (1, 2, 2.5, 5, 10)
STYLES = {
    "line": dict(linewidth=1.5),
    "marked": dict(linewidth=1.5, marker="o", markersize=3),
    "dashed": dict(linewidth=1.5, linestyle=(0, (4, 2))),
    "faint": dict(linewidth=0.8, alpha=0.45),
}


@contextmanager
def drawing(name: str):
    """Matplotlib's options for one figure; the table of options is global, so one figure is drawn at a time and the table restored."""
    import matplotlib

    with DRAWING, matplotlib.rc_context(FONT | {"svg.hashsalt": name}):
        yield


def running_mean(y: Sequence[float], width: int) -> np.ndarray:
    """The mean over a centered window of `width` rows, shorter at the ends, over finite values only; [N] -> [N].

    >>> running_mean([0, 3, 6, float("nan")], 3).tolist()
    [1.5, 3.0, 4.5, 6.0]
    """
    values = np.asarray(y, float)
    finite = np.isfinite(values)
    half = width // 2
    low, high = np.clip(np.arange(len(values)) - half, 0, None), np.clip(np.arange(len(values)) + half + 1, None, len(values))
    sums, counts = (np.concatenate([[0], np.cumsum(part)]) for part in (np.where(finite, values, 0), finite))
    number = counts[high] - counts[low]
    return np.where(number > 0, (sums[high] - sums[low]) / np.maximum(number, 1), np.nan)


def limits(values: np.ndarray, starts: Sequence[float]) -> tuple[float, float] | None:
    """Limits that a few spikes do not blow up: None (everything) unless the top percent is more than three times as high as the rest.

    >>> limits(np.array([1.0] * 299 + [500.0]), [4.0])
    (0.85, 4.15)
    """
    finite = values[np.isfinite(values)]
    if len(finite) < 100:
        return None
    low, high = float(finite.min()), float(max([np.percentile(finite, 99), *(x for x in starts if np.isfinite(x))]))
    if finite.max() - low <= 3 * (high - low):
        return None
    margin = 0.05 * (high - low)
    return round(low - margin, 6), round(high + margin, 6)


def curves(lines: Sequence[Line], x_label: str, y_label: str, name: str, log: bool = False) -> str:
    """Curves over a common axis; values that are not finite are gaps.

    x_label, y_label: with units; name: begins every id in the SVG, so that several figures live in one page; log: a logarithmic y axis.
    """
    with drawing(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        plot(figure.add_subplot(), lines, x_label, y_label, log)
        return svg(figure, name, f"{y_label} against {x_label}")


def plot(axes, lines: Sequence[Line], x_label: str, y_label: str, log: bool) -> None:
    """Draw the lines on matplotlib axes, in the house's style."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for line in lines:
        x, y = np.asarray(line.x, float), np.asarray(line.y, float)
        y = np.where(np.isfinite(y) & ((y > 0) | (not log)), y, np.nan)
        style = STYLES[line.style] | ({"marker": "o", "markersize": 4} if len(x) == 1 else {})
        if len(x) > 60:
            style = style | {"marker": None}
        axes.plot(x, y, color=PALETTE[line.color % len(PALETTE)], solid_joinstyle="round", zorder=2 if line.style == "faint" else 3, **style)
    if log:
        axes.set_yscale("log")
    else:
        span = limits(np.concatenate([np.asarray(line.y, float) for line in lines]), [line.y[0] for line in lines if len(line.y)])
        if span:
            axes.set_ylim(*span)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
        axes.yaxis.set_major_formatter(FuncFormatter(tick))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    axes.xaxis.set_major_formatter(FuncFormatter(tick))
    axes.set_xlabel(x_label, color=INK, parse_math=False)
    axes.set_ylabel(y_label, color=INK, parse_math=False)
    axes.tick_params(which="both", colors=INK, length=0)
    axes.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)


def tick(x: float, _: int | None = None) -> str:
    """A tick's number: thousands as k, never an exponent for what people count.

    >>> [tick(x) for x in (0, 0.25, 1500, 20_000, 2_500_000, 0.00003)]
    ['0', '0.25', '1.5k', '20k', '2.5M', '3e-05']
    """
    for size, prefix in ((1e6, "M"), (1e3, "k")):
        if abs(x) >= size:
            return f"{x / size:.4g}{prefix}"
    return f"{x:.4g}"


def svg(figure, name: str, description: str) -> str:
    """A drawn figure as a small inline SVG: real text, two decimals, theme colors, ids that begin with `name`."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return shrink(buffer.getvalue(), name, description)


def two_decimals(number: re.Match) -> str:
    """A coordinate to a hundredth of a point."""
    return f"{float(number.group()):.2f}".rstrip("0").rstrip(".")


def shrink(text: str, name: str, description: str) -> str:
    """What a page needs of matplotlib's SVG and no more."""
    head, _, body = text[text.index("<svg") :].partition(">")
    box = head.partition('viewBox="')[2].partition('"')[0]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"<(?!image)[^>]+>", lambda tag: re.sub(r"-?\d+\.\d{3,}", two_decimals, tag.group()), body)  # a tick's text and a picture's scale stay
    body = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px", body)
    body = body.replace("xlink:href", "href")
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    for color, variable in VARIABLES.items():
        body = body.replace(color, variable)
    body = re.sub(r">\s+<", "><", body)
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="{box}" role="img" aria-label="{escape(description, quote=True)}">{body}'
