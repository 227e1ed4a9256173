"""What each job of the tour scores, beside what needs no learning: a number alone says nothing."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workings.data.sources import read_documents
from workings.report.record import Record, read_record
from workings.tasks.translation import read_parts
from workings.tasks.translation_scores import translation_scores
from workings.tasks.translation_settings import read_settings
from workings.tour.stops import Job

Extra = dict[str, float]
"""Scores that were taken after the training."""


@dataclass(frozen=True)
class Score:
    """A number with what it measures, and what to hold it against."""

    what: str
    value: str
    beside: str


def scores_of(job: Job, run: Path, extra: Extra) -> list[Score]:
    """The scores of a job, the one that says most first. extra: those that were taken after its training."""
    return TASKS[job.task](read_record(run), extra)


def headline(job: Job, run: Path, extra: Extra) -> str:
    """The first of them in a line."""
    first = next(iter(scores_of(job, run, extra)), None)
    return f"{first.value} {first.what} ({first.beside})" if first else "no score"


def language(record: Record, extra: Extra) -> list[Score]:
    """Nats a character of the held-out text, beside what is known without reading: how often each character comes, or only which there are."""
    best = record.best or {}
    counts = Counter("".join(read_documents(record.config["data"]["source"])))
    total = counts.total()
    frequencies = -sum(count / total * math.log(count / total) for count in counts.values())
    by_letters = f"{frequencies:.2f} knowing only how often each character comes, {math.log(len(counts)):.2f} knowing nothing"
    guess = f"{record.config['data']['tokens']:,} with nothing learned"
    return [
        Score("nats a character of text that it has not read", f"{best['nats_per_character']:.2f}", by_letters),
        Score("tokens among which it hesitates, on average (perplexity)", f"{best['perplexity']:.0f}", guess),
    ]


def sentences(record: Record, extra: Extra) -> list[Score]:
    """Accuracy beside that of always saying the commonest class."""
    best = record.best or {}
    what = "of the held-out sentences judged right, by which its best weights were chosen"
    return [Score(what, percent(best["accuracy"]), f"{percent(best['majority_accuracy'])} by always saying the same")]


def translation(record: Record, extra: Extra) -> list[Score]:
    """BLEU and chrF beside those of leaving the text as it is."""
    _, held = read_parts(read_settings(record.config).data)
    copied = translation_scores(held.sources, held.targets)
    known = f", {extra['overlap']:,} of which it has learned" if extra.get("overlap") else ""
    what = f"of {len(held.sources)} held-out texts{known}; 100 is the reference word for word"
    scored = [(name, key) for name, key in (("BLEU", "bleu"), ("chrF", "chrf")) if key in extra]
    return [Score(f"{name} {what}", f"{extra[key]:.1f}", f"{copied[key]:.1f} by leaving them as they are") for name, key in scored]


def pictures(record: Record, extra: Extra) -> list[Score]:
    """Accuracy on the test pictures beside that of chance."""
    tested = record.tested or record.best or {}
    return [Score("of the test pictures named right", percent(tested["accuracy"]), f"{percent(tested['majority_accuracy'])} by always saying the same")]


def drawings(record: Record, extra: Extra) -> list[Score]:
    """How many drawings are what they should be, and how far they lie from real pictures, beside how far other real pictures do."""
    found = []
    if "label_accuracy" in extra:
        classes = len(record.model_config.get("class_names", ())) or 10
        found.append(Score("of its drawings are taken for what was asked", percent(extra["label_accuracy"]), f"{percent(1 / classes)} by chance"))
    if "frechet" in extra:
        floor = f"{extra['frechet_floor']:.3g} of as many real ones"
        found.append(Score("Frechet distance from real pictures, less is better", f"{extra['frechet']:.3g}", floor))
    return found


TASKS: dict[str, Callable[[Record, Extra], list[Score]]] = {
    "language": language,
    "sentences": sentences,
    "translation": translation,
    "pictures": pictures,
    "vae": drawings,
    "gan": drawings,
    "diffusion": drawings,
}


def percent(part: float) -> str:
    """A part of the whole.

    >>> percent(0.774)
    '77 %'
    """
    return f"{100 * part:.0f} %"
