"""What a study found, as data: rows, verdict, and where, when and how they were measured. Pages and figures are made from it."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workings.errors import BadInput
from workings.studies.figures import mean_and_deviation
from workings.studies.statistics import averaged, by_seed, chosen
from workings.studies.study import Row, Study, Verdict
from workings.training.checkpoints import write_whole

KEPT = Path(__file__).parent / "results"
"""The results that come with the package."""


UNKNOWN = {"low": -math.inf, "high": math.inf}
"""The bounds of an interval about which nothing is known."""


@dataclass(frozen=True)
class Result:
    """A study that was run."""

    study: str
    scale: str
    """quick or full."""
    seeds: list[int]
    options: dict[str, Any]
    command: str
    date: str
    seconds: float
    """By the clock, of the first measurement to the last, but for the time between two commands; other programs may have run beside them."""
    machine: dict[str, Any]
    verdict: Verdict
    rows: list[Row]
    processor_seconds: float | None = None
    """The same by the processor, of all cores together; none of results from before it was recorded."""
    jobs: int = 1
    """Measurements at once; each has one thread where they are several."""

    def write(self, path: Path) -> None:
        """As JSON, a row a line, so that a change of one number is a change of one line; a bound that is not known is null."""
        facts = asdict(self)
        facts["verdict"] |= {end: value if math.isfinite(value) else None for end, value in facts["verdict"].items() if end in UNKNOWN}
        rows = ",\n  ".join(json.dumps(row, ensure_ascii=False, sort_keys=True, allow_nan=False) for row in facts.pop("rows"))
        head = json.dumps(facts, ensure_ascii=False, indent=1, allow_nan=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, f'{head[:-2]},\n "rows": [\n  {rows}\n ]\n}}\n'.encode())


def read_result(path: Path) -> Result:
    """A result as it was written."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        ends = {end: unknown for end, unknown in UNKNOWN.items() if facts["verdict"][end] is None}
        return Result(**facts | {"verdict": Verdict(**facts["verdict"] | ends)})
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path} is not the result of a study: {error}.") from error


def kept_result(name: str, scale: str | None = None) -> Result | None:
    """What comes with the package of a study: the full result if there is one, else the quick one; or the one of that scale."""
    for kind in (scale,) if scale else ("full", "quick"):
        path = KEPT / f"{name}-{kind}.json"
        if path.exists():
            return read_result(path)
    return None


SMALL, SHORT = 1e-3, 3
"""Numbers below are written with an exponent, and with so many digits."""


def table(study: Study, rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Head and lines of the table of a result: every condition with the mean of each measure over the seeds and its deviation."""
    by = [name for name in rows[0] if name != "seed" and name not in study.measures]
    by = [name for name in by if all(isinstance(row.get(name), str | int | float | bool) for row in rows)]
    found = {measure: averaged(rows, by, measure) for measure in study.measures}
    keys = list(dict.fromkeys(key for cells in found.values() for key in cells))
    lines = [[*map(plain, key), *(spread(rows, dict(zip(by, key, strict=True)), measure) for measure in study.measures)] for key in keys]
    return [*(name.replace("_", " ") for name in by), *study.measures.values()], lines


def spread(rows: Sequence[Row], condition: dict[str, Any], measure: str) -> str:
    """A mean over the seeds, with its deviation where there are several."""
    own = chosen(rows, condition)
    values = by_seed(own, measure)
    if not values:
        return ""
    mean, deviation = mean_and_deviation(own, measure)
    return " ± ".join(even([mean, deviation], deviation)) if len(values) > 1 and deviation > 1e-9 * abs(mean) else plain(mean)


def even(values: Sequence[float], uncertainty: float) -> list[str]:
    """Numbers with as many places behind the point as show two digits of how uncertain they are.

    >>> even([75.8333, 2.1734], 2.1734), even([-6.2, -16.01, 3.615], 9.8), even([1.5e-8, 4e-9], 4e-9), even([2.71828, 4e-5], 4e-5)
    (['75.8', '2.2'], ['-6.2', '-16.0', '3.6'], ['1.5e-08', '4e-09'], ['2.718280', '0.000040'])
    """
    places = max(0, 1 - math.floor(math.log10(uncertainty)))
    small = max(map(abs, values)) < SMALL
    return [f"{value:.{SHORT}g}" if small else f"{value:,.{places}f}" for value in values]


def plain(value: object) -> str:
    """A cell: numbers with four digits that count.

    >>> plain(0.123456), plain(1234567.0), plain(True), plain("x")
    ('0.1235', '1,234,567', 'yes', 'x')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and abs(value) < 1000:
        return f"{value:.4g}"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
