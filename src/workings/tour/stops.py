"""Where the tour stops: seven jobs on built-in data, each with its share of the time, and three studies. Imports no torch."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workings.errors import command

WHOLE = 9.0
"""The minutes of a whole tour on two cores, for which the shares below are written down."""
OVERHEAD = 0.2
"""Minutes that a job takes beside its training: to begin, to be scored, and for its report."""


@dataclass(kw_only=True, frozen=True)
class Job:
    """One job: what is trained, on what, and for how long."""

    name: str
    """Its folder in the tour's, and its place on the page."""
    title: str
    statement: str
    """What of the lectures it is."""
    about: str
    """What it is, in a sentence or two."""
    task: str
    minutes: float
    """Of training, in a tour of WHOLE minutes."""
    given: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `workings.train`."""
    settings: tuple[str, ...] = ()
    """What `--set` gives."""
    scoring: dict[str, Any] = field(default_factory=dict)
    """Arguments of `workings.evaluate`, by which it is scored after its training; judge: another job. Empty keeps the scores that it has from training."""

    def arguments(self, minutes: float) -> dict[str, Any]:
        """Those of `workings.train`. minutes: of training."""
        return {"task": self.task, **self.given, "minutes": minutes, "set": list(self.settings)}

    def scored_with(self, folder: Path) -> dict[str, Any]:
        """The arguments of `workings.evaluate`, the judge being a run in the tour's folder."""
        return self.scoring | ({"judge": folder / self.scoring["judge"]} if "judge" in self.scoring else {})

    def commands(self, minutes: float, folder: Path) -> list[str]:
        """What does this alone, as a person can type it. minutes: of training; folder: the tour's."""
        train = [*flags(self.given), "--minutes", f"{minutes:.3g}", *(word for setting in self.settings for word in ("--set", setting))]
        scored = [["evaluate", f"runs/{self.name}", *flags(self.scored_with(folder))]] if self.scoring else []
        return [command(shlex.join(words)) for words in ([*["train", self.task], *train, "--out", f"runs/{self.name}"], *scored)]


def flags(given: dict[str, Any]) -> list[str]:
    """Arguments as the command line has them.

    >>> flags({"data": "fashion", "labels": True})
    ['--data', 'fashion', '--labels']
    """
    return [word for name, value in given.items() for word in ((f"--{name}",) if value is True else (f"--{name}", str(value)))]


LABELED = {"data": "fashion", "labels": True}
JUDGED = {"judge": "pictures", "drawings": 200}

JOBS = (
    Job(
        name="language",
        title="It writes",
        statement="1.1-2.3",
        about="A transformer has read Pride and Prejudice and learned one thing only: which token comes next. Here it goes on from three beginnings.",
        task="language",
        minutes=0.9,
        given={"data": "pride", "tokenizer": "bpe"},
        settings=("data.tokens=1024", "model.layers=3", "model.heads=4", "model.width=192", "model.context=128", "training.batch=8"),
    ),
    Job(
        name="sentences",
        title="It judges sentences",
        statement="3.1",
        about="A transformer with a <cls> token has learned from 9,545 labeled sentences of film reviews what praise and blame sound like.",
        task="sentences",
        minutes=0.5,
        given={"data": "movies"},
        settings=("data.longest=64", "model.body.context=64", "model.body.layers=2", "model.body.width=128", "tuning.watch=accuracy"),
    ),
    Job(
        name="translation",
        title="It translates",
        statement="3.2",
        about="An encoder and a decoder with cross-attention have learned Spanish from 3,141 short Bible verses beside their English, and from nothing else.",
        task="translation",
        minutes=1.3,
        given={"data": "bible-short"},
        settings=(
            "data.tokens=1000",
            "data.batch_tokens=1024",
            "model.preset=llama",
            "model.layers=2",
            "model.heads=4",
            "model.width=128",
            "model.ff_width=256",
            "model.dropout=0.1",
            "tuning.scored=50",
        ),
        scoring={"beam": 4},
    ),
    Job(
        name="pictures",
        title="It tells pictures apart",
        statement="4.1a",
        about="A compact vision transformer has learned the ten kinds of 4,500 small pictures of clothes. Here it is shown others.",
        task="pictures",
        minutes=0.8,
        given={"data": "fashion", "model": "cct"},
        settings=("training.batch=64",),
    ),
    Job(
        name="vae",
        title="A variational autoencoder",
        statement="5.1",
        about="It learned a density: eight numbers say which picture it is, and a picture is drawn from eight that are random.",
        task="vae",
        minutes=0.3,
        given=LABELED,
        settings=("model.latent=8", "optimizer.rate=3e-3", "objective.importance=20"),
        scoring=JUDGED,
    ),
    Job(
        name="gan",
        title="Two networks against each other",
        statement="5.2",
        about="A generator learned from nothing but the verdicts of a discriminator, which learned to tell its drawings from pictures.",
        task="gan",
        minutes=0.8,
        given=LABELED,
        settings=("model.width=16", "optimizer.rate=5e-4", "optimizer.average=0.99"),
        scoring=JUDGED,
    ),
    Job(
        name="diffusion",
        title="Out of noise",
        statement="5.3",
        about="A U-Net learned to see the noise in noisy pictures; what is drawn begins as noise, which it takes away step by step.",
        task="diffusion",
        minutes=1.3,
        given=LABELED | {"model": "unet-tiny"},
        settings=("model.widths=[16,32,48]", "model.heads=[2]", "training.batch=32"),
        scoring=JUDGED,
    ),
)
"""In the order in which they are done: the classifier of pictures comes before those whose drawings it judges."""


@dataclass(kw_only=True, frozen=True)
class Question:
    """A study of the catalog, at its quick scale."""

    name: str
    minutes: float
    """That it takes on two cores; it cannot be made shorter."""

    @property
    def commands(self) -> list[str]:
        """What does this alone."""
        return [command(f"study {self.name} --quick")]


QUESTIONS = (Question(name="tau", minutes=0.5), Question(name="guidance", minutes=0.2), Question(name="linear_regions", minutes=1.2))


def whole(minutes: float, jobs: Sequence[Job], questions: Sequence[Question]) -> float:
    """What the minutes of each job's training are multiplied by, so that all of it takes about so long. minutes: of the whole tour; studies keep theirs."""
    left = minutes - OVERHEAD * len(jobs) - sum(question.minutes for question in questions)
    return max(left, LEAST * minutes) / sum(job.minutes for job in jobs)


LEAST = 0.2
"""The part of the minutes that training has at least, however long the rest takes."""
