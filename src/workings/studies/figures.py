"""Figures of studies in the house's style: a line or a bar for every value of a column, the mean over the seeds with its deviation."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from workings.report.figures import INK, PALETTE, RULE
from workings.studies.statistics import by_seed, chosen
from workings.studies.study import Row

WIDTH = 7.2
"""Inches of a whole figure."""
FEW = 6
"""So many places on a logarithmic axis each get their number."""


def values_of(rows: Sequence[Row], column: str) -> list[Any]:
    """The values of a column in the order in which they come."""
    return list(dict.fromkeys(row[column] for row in rows if column in row))


def mean_and_deviation(rows: Sequence[Row], measure: str) -> tuple[float, float]:
    """Over the seeds; other columns are averaged first."""
    values = list(by_seed(rows, measure).values())
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def style(axes: Any, x_label: str, y_label: str) -> None:
    """Labels, a quiet grid, no box."""
    axes.set_xlabel(x_label, color=INK, parse_math=False)
    axes.set_ylabel(y_label, color=INK, parse_math=False)
    axes.tick_params(which="both", colors=INK, length=0)
    axes.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)


def legend(axes: Any, title: str = "") -> None:
    """Beside the axes, so that it covers nothing."""
    made = axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, title=title or None, labelcolor=INK, alignment="left")
    made.get_title().set_color(INK)


def lines(
    axes: Any,
    rows: Sequence[Row],
    x: str,
    y: str,
    by: str,
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    named: bool = True,
) -> None:
    """One line for each value of `by`: the mean of y over the seeds at each x, with a band of one deviation. named: with a legend."""
    for number, value in enumerate(values_of(rows, by)):
        own = [row for row in chosen(rows, {by: value}) if y in row]
        places = sorted(values_of(own, x))
        means, deviations = zip(*(mean_and_deviation(chosen(own, {x: place}), y) for place in places), strict=True)
        low, high = np.subtract(means, deviations), np.add(means, deviations)
        color = PALETTE[number % len(PALETTE)]
        axes.plot(places, means, color=color, linewidth=1.5, marker="o" if len(places) <= 30 else None, markersize=3, label=str(value))
        axes.fill_between(places, np.clip(low, min(means) / 10, None) if log_y else low, high, color=color, alpha=0.15, linewidth=0)
    if log_x:
        axes.set_xscale("log")
        places = sorted(value for value in values_of(rows, x) if any(y in row for row in chosen(rows, {x: value})))
        if len(places) <= FEW:  # powers of ten would name none of them
            axes.set_xticks(places, [f"{place:,}" for place in places])
            axes.set_xticks([], minor=True)
    if log_y:
        axes.set_yscale("log")
    style(axes, x_label, y_label)
    if named:
        legend(axes, by.replace("_", " "))


def bars(axes: Any, rows: Sequence[Row], x: str, y: str, by: str, x_label: str, y_label: str, *, named: bool = True) -> None:
    """A group of bars for each value of x, one for each value of `by`: the mean of y over the seeds, whiskers of one deviation."""
    places, values = values_of(rows, x), values_of(rows, by)
    width = 0.8 / len(values)
    for number, value in enumerate(values):
        found = [(index, chosen(rows, {x: place, by: value})) for index, place in enumerate(places)]
        found = [(index, group) for index, group in found if any(y in row for row in group)]
        means, deviations = zip(*(mean_and_deviation(group, y) for _, group in found), strict=True)
        left = [index + (number - (len(values) - 1) / 2) * width for index, _ in found]
        axes.bar(left, means, width * 0.92, yerr=deviations, color=PALETTE[number % len(PALETTE)], label=str(value), error_kw=dict(ecolor=INK, elinewidth=0.8))
    axes.set_xticks(range(len(places)), [str(place) for place in places])
    style(axes, x_label, y_label)
    axes.grid(False, axis="x")
    if named and len(values) > 1:
        legend(axes, by.replace("_", " "))
