"""The page of a study: claim, expectation, figure, verdict, table, and how to run it again; one file that opens offline."""

import workings
from workings.errors import counted
from workings.report import formats
from workings.report.figures import drawing, svg
from workings.report.pages import render
from workings.studies.figures import WIDTH
from workings.studies.result import Result, even, table
from workings.studies.study import Study


def figure_of(study: Study, result: Result, alone: bool = False) -> str:
    """The figure as SVG. alone: for a file of its own, with a ground of white, rather than for a page whose colors it takes."""
    name = f"study-{study.name}"
    with drawing(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, study.height), layout="constrained")
        study.draw(result.rows, figure)
        made = svg(figure, name, f"{study.title}: {result.verdict.sentence}")
    return made.replace("<svg ", '<svg style="background:#fff" ', 1) if alone else made


def interval_of(result: Result) -> str:
    """The number that the verdict hangs on, in words."""
    verdict = result.verdict
    seeds, half = counted(len(result.seeds), "seed"), (verdict.high - verdict.low) / 2
    if not 0 < half < float("inf"):
        return f"{verdict.estimate:.4g} {verdict.unit} ({'the same with ' if half == 0 else 'without an interval, of '}{seeds})"
    estimate, low, high = even([verdict.estimate, verdict.low, verdict.high], half)
    return f"{estimate} {verdict.unit} (95 % interval {low} to {high}; {seeds})"


HELD = {True: "held", False: "did not hold", None: "not settled"}


def expected(study: Study, result: Result) -> list[tuple[str, str]]:
    """The parts of the hypothesis, each with whether it held."""
    return [(part, HELD[held]) for part, held in study.expectations(result.rows).items()]


def times(result: Result) -> str:
    """How long it took."""
    by_processor = f", {formats.duration(result.processor_seconds)} by the processor" if result.processor_seconds else ""
    at_once = f", {result.jobs} measurements at once" if result.jobs > 1 else ""
    return f"{formats.duration(result.seconds)} by the clock{at_once}{by_processor}"


def study_page(study: Study, result: Result) -> str:
    """The page as HTML."""
    head, lines = table(study, result.rows)
    return formats.printable(
        render(
            "study.html",
            title=study.title,
            version=workings.__version__,
            study=study,
            result=result,
            interval=interval_of(result),
            expectations=expected(study, result),
            times=times(result),
            figure=figure_of(study, result),
            head=head,
            lines=lines,
        )
    )
