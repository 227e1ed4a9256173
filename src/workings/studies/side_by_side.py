"""The measurements of a study side by side, each in a process of its own with one thread: small networks leave a second thread idle, but not a second core."""

import multiprocessing
import shutil
import signal
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from workings.errors import BadInput
from workings.studies.study import Row, Scale

Measure = Callable[[dict[str, Any], int, Scale, Path], Sequence[Row]]


@dataclass(frozen=True)
class Unit:
    """One condition with one seed."""

    condition: dict[str, Any]
    seed: int

    @property
    def text(self) -> str:
        """For a line of progress."""
        return ", ".join([*(f"{key} {value}" for key, value in self.condition.items()), f"seed {self.seed}"])


@dataclass(frozen=True)
class Measured:
    """What was measured of a unit, and the seconds that it took by the clock and by the processor."""

    rows: list[Row]
    seconds: float
    processor: float


def measured_units(measure: Measure, scale: Scale, units: Sequence[Unit], scratch: Path, jobs: int) -> Generator[tuple[Unit, Measured], None, None]:
    """Each unit as it is done, with what was measured: with one job in this process and in order, else so many at once.

    scratch: a folder for what the units make; each deletes its own. Whoever stops listening stops the work.
    """
    places = [scratch / str(number) for number in range(len(units))]
    if min(jobs, len(units)) <= 1:
        for unit, place in zip(units, places, strict=True):
            yield unit, measured_unit(measure, unit, scale, place)
        return
    with ProcessPoolExecutor(min(jobs, len(units)), multiprocessing.get_context("spawn"), begin_process) as pool:
        try:
            waiting = {pool.submit(measured_unit, measure, unit, scale, place): unit for unit, place in zip(units, places, strict=True)}
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool:
            raise BadInput(
                "A process that measured has ended: its memory did not suffice, or it could not begin; try one measurement at a time, jobs=1. "
                'A script has to call `workings.study` under `if __name__ == "__main__":`.'
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.kill()  # a training that is asked to end saves its run first, which nobody wants here
            raise


def begin_process() -> None:
    """One thread for each process; an interruption is the affair of the one that waits for them."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def measured_unit(measure: Measure, unit: Unit, scale: Scale, place: Path) -> Measured:
    """One unit, begun from its seed; what it made in its place is deleted."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    torch.manual_seed(unit.seed)
    started, spent = time.perf_counter(), time.process_time()
    rows = [dict(row) for row in measure(unit.condition, unit.seed, scale, place)]
    found = Measured(rows, time.perf_counter() - started, time.process_time() - spent)
    shutil.rmtree(place)
    return found
