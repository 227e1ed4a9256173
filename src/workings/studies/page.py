"""The page of a study: claim, expectation, figure, verdict, table, and how to run it again; one file that opens offline."""

import workings
from workings.errors import counted
from workings.report import formats
from workings.report.figures import drawing, svg
from workings.report.pages import render
from workings.studies.figures import WIDTH
from workings.studies.result import Result, table
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
    known = verdict.low > float("-inf") and verdict.high < float("inf")
    shown = f"95 % interval {verdict.low:.4g} to {verdict.high:.4g}" if known else "of one seed, so without an interval"
    return f"{verdict.estimate:.4g} {verdict.unit} ({shown}; {counted(len(result.seeds), 'seed')})"


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
