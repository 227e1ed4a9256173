"""The measurements of a study side by side, each in a process of its own with one thread: small networks leave a second thread idle, but not a second core."""

import contextlib
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
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
    if jobs == 1 or not units:
        for unit, place in zip(units, places, strict=True):
            yield unit, measured_unit(measure, unit, scale, place)
        return
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(jobs, len(units)), multiprocessing.get_context("spawn"), begin_process)
    try:
        with interruptions_ignored():
            waiting = {pool.submit(measured_unit, measure, unit, scale, place): unit for unit, place in zip(units, places, strict=True)}
        for done in as_completed(waiting):
            yield waiting[done], done.result()
    except BrokenProcessPool:
        raise BadInput(
            "A process that measured has ended, perhaps for want of memory; what was measured is saved, and the same command goes on, with fewer at once by "
            '--jobs 1 (in Python jobs=1; a script has to call `workings.study` under `if __name__ == "__main__":`).'
        ) from None
    finally:
        for process in set(multiprocessing.active_children()) - others:
            process.kill()  # a training that is asked to end saves its run first, which nobody wants here
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def interruptions_ignored() -> Iterator[None]:
    """What begins meanwhile never hears of an interruption, which is the affair of the one that waits."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def begin_process() -> None:
    """One thread for each process, which ends with the one that waits for it."""
    torch.set_num_threads(1)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """A parent that was killed could not say so."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


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
