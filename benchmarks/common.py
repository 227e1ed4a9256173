"""What every benchmark needs: a quiet machine, interleaved repetitions, the machine's measured peak, a table and a JSON file."""

import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import torch


def busy_ticks() -> tuple[int, int]:
    """(ticks in which any process was running, ticks in all) since the machine started, over all cores (Linux)."""
    numbers = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(numbers[:3]) + sum(numbers[5:8]), sum(numbers[:8])


def foreign_share(seconds: float = 1.0) -> float:
    """The share of the machine that others use while this process sleeps."""
    busy, total = busy_ticks()
    time.sleep(seconds)
    busy_after, total_after = busy_ticks()
    return (busy_after - busy) / max(total_after - total, 1)


def wait_for_quiet(limit: float = 0.03, patience: float = 60.0) -> float:
    """Wait until others use less than `limit` of the machine, at most `patience` seconds; returns the share at the end."""
    started = time.perf_counter()
    while (share := foreign_share()) > limit and time.perf_counter() - started < patience:
        time.sleep(1.0)
    return share


@dataclass
class Variant:
    """One way to do the same work: `step()` does it once."""

    name: str
    make: Callable[[], Callable[[], object]]
    step: Callable[[], object] | None = None
    first_seconds: float = 0.0
    """The first step, with whatever is compiled in it."""
    seconds: list[float] = field(default_factory=list)
    """Of each timed step."""
    foreign: list[float] = field(default_factory=list)
    """The share of the machine that others used in each of them."""
    processor: list[float] = field(default_factory=list)
    """The processor's seconds in each of them, of all threads together: these say more where others are at work."""
    answers: list[object] = field(default_factory=list)
    """What the steps returned, the first ones included."""
    process: int = field(default_factory=os.getpid)
    """Who works in a step."""
    warm: bool = False
    """Take a step before each timed one: a process that has slept while others worked finds its caches cold."""

    @property
    def quiet(self) -> list[float]:
        """The steps in which others used less than 5 % of the machine; all of them if there are none."""
        return [seconds for seconds, share in zip(self.seconds, self.foreign, strict=True) if share < QUIET] or self.seconds

    @property
    def best(self) -> float:
        """Seconds of the fastest repetition: what disturbs a step only ever makes it longer."""
        return min(self.quiet)

    @property
    def median(self) -> float:
        """Seconds of the middle one of the quiet repetitions."""
        return statistics.median(self.quiet)

    def time(self) -> None:
        """One timed step, with what others did meanwhile."""
        if self.warm:
            self.answers.append(self.step())
        busy, total = busy_ticks()
        own, started = own_ticks(self.process), time.perf_counter()
        self.answers.append(self.step())
        self.seconds.append(time.perf_counter() - started)
        own = own_ticks(self.process) - own
        self.processor.append(own / os.sysconf("SC_CLK_TCK"))
        busy_after, total_after = busy_ticks()
        self.foreign.append(max(0.0, busy_after - busy - own) / max(total_after - total, 1))


def own_ticks(process: int) -> int:
    """Ticks in which a process was running."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def elsewhere(name: str, make: Callable[..., Callable[[], object]], *arguments: object) -> Variant:
    """A variant in a process of its own, so that none changes the memory or the threads of another; make(*arguments) gives its step there."""

    def begin() -> Callable[[], object]:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, make, arguments), daemon=True)
        process.start()
        there.close()
        variant.process = process.pid

        def step() -> object:
            here.send(True)
            return here.recv()

        return step

    variant = Variant(name, begin, warm=True)
    return variant


def serve(pipe: Connection, make: Callable[..., Callable[[], object]], arguments: tuple) -> None:
    """Take a step whenever it is asked for, until nobody asks any more."""
    step = make(*arguments)
    try:
        while pipe.recv():
            pipe.send(step())
    except EOFError:
        pass


QUIET = 0.05
"""The share of the machine that others may use in a step that counts."""


def interleave(variants: list[Variant], repetitions: int) -> None:
    """Make and warm up all variants, then time them one step each, again and again, so that a slow minute slows all of them.

    It goes on until every variant has that many quiet steps, but takes three times as many at most.
    """
    for variant in variants:
        started = time.perf_counter()
        variant.step = variant.make()
        variant.answers.append(variant.step())
        variant.first_seconds = time.perf_counter() - started
        variant.answers.append(variant.step())
    for _ in range(3 * repetitions):
        for variant in variants:
            variant.time()
        if all(sum(share < QUIET for share in variant.foreign) >= repetitions for variant in variants):
            break
    for variant in variants:
        variant.step = None


def peak_flops(dtype: torch.dtype, repetitions: int = 6) -> float:
    """The fastest square product of two sizes in this precision, by torch's own and by oneDNN's, in operations a second."""
    best = 0.0
    for size in (1024, 2048):
        a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
        products = [lambda a=a, b=b: a @ b.t()]
        if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
            products.append(lambda a=a, b=b: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], ""))
        for product in products:
            product()
            for _ in range(repetitions):
                started = time.perf_counter()
                product()
                best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "time": time.strftime("%Y-%m-%d %H:%M"),
    }


def table(rows: list[list[str]]) -> str:
    """Rows with the first as the heading, in columns; numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))) for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def save(path: str | None, result: dict) -> None:
    """Write the numbers, if a path is given."""
    if path:
        Path(path).write_text(json.dumps(result, indent=1) + "\n")
