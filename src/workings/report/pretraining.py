"""What the report of a run adds when its transformer was pretrained: on what, for how long, and to which loss."""

from pathlib import Path

from workings.report.pages import Section, render
from workings.report.panels import panels
from workings.report.record import read_record
from workings.training.run import Run


def pretraining_sections(run: Path) -> list[Section]:
    """The section of the run that came first; none if there is no such run."""
    first = Run(Run(run).pretraining)
    if not first.metrics.is_file():
        return []
    record = read_record(first.folder)
    facts = first.samples / "data.txt"
    page = render(
        "pretraining.html",
        objective=record.config["pretraining"]["objective"],
        summary=record.summary(),
        facts=facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else [],
        panels=panels([record], "pretraining")[:1],
    )
    return [Section("Pretraining", page)]
