"""The tour's page: everything that was made in one HTML file, with links to the report of each run beside it."""

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import workings
from workings.errors import command, counted
from workings.report import formats
from workings.report.pages import render
from workings.report.record import read_record
from workings.studies.catalog import find
from workings.studies.page import figure_of, interval_of
from workings.studies.result import read_result
from workings.tour import sights, words
from workings.tour.diary import Diary
from workings.tour.scores import scores_of
from workings.tour.stops import Job, Question
from workings.training.checkpoints import write_whole
from workings.training.run import Run

SHOWN: dict[str, Callable[[Path], Any]] = {
    "language": words.language,
    "sentences": words.sentences,
    "translation": words.translation,
    "pictures": sights.pictures,
    "vae": sights.drawn,
    "gan": sights.drawn,
    "diffusion": sights.drawn,
}
"""What is shown of a run of each task: HTML, or of one that draws a sheet of drawings."""


NOT_YET = "It has not been done yet."


def write_page(path: Path, folder: Path, diary: Diary, jobs: Sequence[Job], questions: Sequence[Question], scale: float) -> list[str]:
    """Write the page; returns the names of the parts that could not be shown."""
    told = [job_of(job, folder, diary, scale) for job in jobs]
    asked = [question_of(question, folder, diary) for question in questions]
    drawing = [one for one in told if one["draws"]]
    page = render(
        "tour.html",
        title="The whole tour",
        version=workings.__version__,
        jobs=told,
        sections=[one for one in told if not one["draws"]],
        drawing=drawing,
        real=next((one["shown"]["real"] for one in drawing if one["shown"]), None),
        studies=asked,
        seconds=sum(diary.of(part.name).get("seconds", 0.0) for part in (*jobs, *questions)),
        machine=machine_of(folder, jobs),
        again=command("tour"),
    )
    write_whole(path, formats.printable(page).encode())
    return [one["name"] for one in (*told, *asked) if one["error"]]


def job_of(job: Job, folder: Path, diary: Diary, scale: float) -> dict[str, Any]:
    """All that the page says of a job. Whatever goes wrong on the way is said there too."""
    run, noted = Run(folder / job.name), diary.of(job.name)
    told: dict[str, Any] = {
        "name": job.name,
        "title": job.title,
        "statement": job.statement,
        "about": job.about,
        "draws": SHOWN[job.task] is sights.drawn,
        "commands": job.commands(job.minutes * scale, folder),
        "seconds": noted.get("seconds"),
        "error": noted.get("error"),
        "report": f"{job.name}/{run.report.name}" if run.report.exists() else None,
        "scores": [],
        "learned": "",
        "shown": None,
    }
    if (run.model / "model.safetensors").exists():
        attempt(
            lambda: told.update(scores=scores_of(job, run.folder, noted.get("scores", {})), learned=learned(run.folder), shown=SHOWN[job.task](run.folder)),
            told,
            diary,
        )
    elif not told["error"]:
        told["error"] = NOT_YET
    return told


def question_of(question: Question, folder: Path, diary: Diary) -> dict[str, Any]:
    """All that the page says of a study."""
    noted, report = diary.of(question.name), folder / question.name / "report.html"
    told: dict[str, Any] = {
        "name": question.name,
        "title": question.name,
        "statement": "",
        "commands": question.commands,
        "seconds": noted.get("seconds"),
        "error": noted.get("error"),
        "report": f"{question.name}/{report.name}" if report.exists() else None,
        "scores": [],
        "learned": "",
        "study": None,
    }
    if report.exists():
        attempt(lambda: told.update(found(question.name, report.with_name("result.json"))), told, diary)
    elif not told["error"]:
        told["error"] = NOT_YET
    return told


def found(name: str, path: Path) -> dict[str, Any]:
    """A study with its result: its figure, and the number that its verdict hangs on."""
    study, result = find(name), read_result(path)
    return {
        "title": study.title,
        "statement": study.statement,
        "study": study,
        "verdict": result.verdict,
        "figure": figure_of(study, result),
        "learned": interval_of(result),
    }


def attempt(show: Callable[[], Any], told: dict[str, Any], diary: Diary) -> None:
    """Show a part; why it could not be shown is told, unless something went wrong with it before."""
    try:
        show()
    except Exception as error:  # one part that cannot be shown is no reason to show none
        diary.note(told["name"], traceback=traceback.format_exc())
        told["error"] = told["error"] or " ".join(str(error).split()) or type(error).__name__


def learned(run: Path) -> str:
    """How long it has learned, from how much."""
    record = read_record(run)
    seen = f", {formats.count(record.units_seen)} {record.units}" if record.units_seen else ""
    size = f"{formats.count(record.parameters)} parameters" if record.parameters else ""
    return f"{size}, learned for {formats.duration(record.seconds)}: {record.step:,} steps{seen}"


def machine_of(folder: Path, jobs: Sequence[Job]) -> str:
    """What it ran on, by the first run that says so."""
    for job in jobs:
        if Run(folder / job.name).environment.exists():
            facts = read_record(folder / job.name).environment
            return f"{facts.get('cpu') or facts.get('platform', '')}, {counted(int(facts.get('threads', 1)), 'thread')}, {facts.get('precision', '')}"
    return ""
