"""The tour itself: each part in its turn, gone on with where it was stopped, and at the end the page."""

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import workings
from workings.errors import BadInput, command, counted
from workings.tour.diary import Diary, unfinished
from workings.tour.stops import JOBS, OVERHEAD, QUESTIONS, WHOLE, Job, Question, whole
from workings.training.progress import duration
from workings.training.run import Run

PAGE = "tour.html"


@dataclass(frozen=True)
class Toured:
    """A tour that has come to its end."""

    folder: Path
    failed: tuple[str, ...]
    """The names of the parts that did not work; the page says why."""

    @property
    def page(self) -> Path:
        """The page with everything."""
        return self.folder / PAGE


def tour(
    out: str | Path | None = None, minutes: float | None = None, quiet: bool = False, jobs: Sequence[Job] = JOBS, questions: Sequence[Question] = QUESTIONS
) -> Toured:
    """Every part that is not done yet, then the page. A part that fails is written down, and the next one begins; an interruption says how to go on."""
    if minutes is not None and minutes <= 0:
        raise BadInput(f"minutes is {minutes}; it must be above 0 (leave it out for a tour of about {WHOLE:g} minutes).")
    folder = folder_of(out)
    diary = Diary(folder)
    trip = Trip(folder, diary, whole(minutes or WHOLE, jobs, questions), jobs, questions, quiet)
    if minutes is not None and trip.seconds > 60 * minutes + 1:
        trip.say(f"studies, scores and reports take what they take: not {minutes:g} minutes, but about {duration(trip.seconds)}")
    try:
        failed = trip.go()
        trip.say("writing the page")
        from workings.tour.page import write_page

        failed += write_page(folder / PAGE, folder, diary, jobs, questions, trip.scale)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the tour is stopped and what was learned is saved; go on with: {command(f'tour --out {folder}')}") from None
    diary.write(over=True)  # one that failed is tried again when its folder is named, so that a part that never works keeps nobody from a new tour
    return Toured(folder, tuple(dict.fromkeys(failed)))


def folder_of(out: str | Path | None) -> Path:
    """The tour's folder: that which is asked for, else that of the newest tour that is not over, else a new one."""
    folder = Path(out) if out is not None else unfinished() or Path("runs") / f"tour-{time.strftime('%Y%m%d-%H%M%S')}"
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not Diary(folder).path.exists())):
        raise BadInput(f"{folder} exists and is not the folder of a tour; choose another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    Diary(folder).write(over=False)
    return folder


class Trip:
    """The parts in their order, with a line as each begins and ends."""

    def __init__(self, folder: Path, diary: Diary, scale: float, jobs: Sequence[Job], questions: Sequence[Question], quiet: bool):
        self.folder, self.diary, self.scale, self.quiet = folder, diary, scale, quiet
        self.parts: list[tuple[str, float, Callable[[], str]]] = [
            *((job.name, (job.minutes * scale + OVERHEAD) * 60, lambda job=job: self.job(job)) for job in jobs),
            *((question.name, question.minutes * 60, lambda question=question: self.question(question)) for question in questions),
        ]

    @property
    def seconds(self) -> float:
        """Of all parts, about."""
        return sum(expected for _, expected, _ in self.parts)

    def say(self, line: str) -> None:
        """A line for whoever waits."""
        if not self.quiet:
            print(line, file=sys.stderr, flush=True)

    def go(self) -> list[str]:
        """Do what is not done; returns the parts that failed."""
        done = sum("done" in self.diary.of(name) for name, _, _ in self.parts)
        self.say(f"{self.folder}: " + (f"going on, {done} of {counted(len(self.parts), 'part')} done" if done else counted(len(self.parts), "part")))
        failed = []
        for number, (name, seconds, do) in enumerate(self.parts, start=1):
            if "done" in self.diary.of(name):
                continue
            left = sum(expected for _, expected, _ in self.parts[number - 1 :])
            self.say(f"{number:>2} of {len(self.parts)}  {name}: about {duration(seconds)}, {duration(left)} to the end of the tour")
            failed += [] if self.part(name, do, left - seconds) else [name]
        return failed

    def part(self, name: str, do: Callable[[], str], left: float) -> bool:
        """One part; whether it worked. left: seconds of those after it."""
        started = time.perf_counter()
        worked, said = True, ""
        try:
            said = do()
            self.diary.note(name, done=True, error=None, traceback=None)
        except Exception as error:  # whatever it is, the other parts are worth showing
            worked, said = False, f"failed: {' '.join(str(error).split()) or type(error).__name__}"
            self.diary.note(name, error=said.removeprefix("failed: "), traceback=traceback.format_exc())
        finally:
            self.diary.spend(name, time.perf_counter() - started)
        self.say(f"         {name}: {said}, {duration(time.perf_counter() - started)}; {duration(left)} left")
        return worked

    def job(self, job: Job) -> str:
        """Train it, or go on with its training, and score its drawings; returns its score in words."""
        run = Run(self.folder / job.name)
        if not run.config.exists():
            workings.train(**job.arguments(job.minutes * self.scale), out=run.folder, quiet=True)
        elif not run.over():
            workings.resume(run.folder, quiet=True)
        elif not run.report.exists():
            workings.report(run.folder)
        if job.scoring and Run(self.folder / job.scoring.get("judge", job.name)).over():
            scores = workings.evaluate(run.folder, **job.scored_with(self.folder))
            self.diary.note(job.name, scores={name: value for name, value in scores.items() if isinstance(value, (int, float))})
        from workings.tour.scores import headline

        return headline(job, run.folder, self.diary.of(job.name).get("scores", {}))

    def question(self, question: Question) -> str:
        """Run the study at its quick scale, or what is left of it; returns its verdict."""
        verdict = workings.study(question.name, out=self.folder / question.name, jobs=1, quiet=True).verdict  # a script may call the tour unguarded
        return f"{verdict.word}: {verdict.sentence.rstrip('.')}"
