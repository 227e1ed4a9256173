"""Running a study: every condition with every seed, each saved as it is done, so that a stopped study goes on where it was."""

import contextlib
import json
import math
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from workings.errors import BadInput, command, counted
from workings.studies.page import figure_of, study_page
from workings.studies.result import Result
from workings.studies.side_by_side import Unit, measured_units
from workings.studies.study import Row, Scale, Study
from workings.training.checkpoints import write_whole
from workings.training.machine import choose_device, machine, memory_gib
from workings.training.progress import duration

ROOM = 2
"""GiB of memory for each process that measures."""


def run_study(
    study: Study, full: bool = False, out: Path | None = None, keep: Path | None = None, overwrite: bool = False, jobs: int | None = 1, quiet: bool = False
) -> Result:
    """Measure what is not measured yet, and write result.json, figure.svg and report.html into the folder; `keep` takes the result as NAME-SCALE.json too.

    out: the folder; by default runs/study-NAME-SCALE. overwrite: begin anew. jobs: measurements at once, each in a process with one thread; with 1, in this
    one; None for as many as the machine can.
    """
    asked, jobs = jobs, at_once() if jobs is None else jobs
    if jobs < 1:
        raise BadInput(f"{jobs} measurements at once are none; give 1 or more.")
    scale, kind = study.scale(full), "full" if full else "quick"
    folder = out or Path("runs") / f"study-{study.name}-{kind}"
    said = (lambda text: None) if quiet else (lambda text: print(text, file=sys.stderr, flush=True))
    units = [Unit(condition, seed) for condition in study.conditions(scale) for seed in range(scale.seeds)]
    plan = {"study": study.name, "scale": kind, "seeds": scale.seeds, "options": plain(scale.options)}
    if keep and keep.exists() and not keep.is_dir():
        raise BadInput(f"{keep} is not a folder; give one with --keep that takes the result.")
    begin(folder, plan | {"conditions": plain(study.conditions(scale))}, overwrite)
    said(f"{study.name} ({study.statement}): {study.claim}\n  expected: {study.hypothesis}\n  {counted(len(units), 'measurement')}, in {folder}")
    again = command_of(study.name, kind, folder, keep, asked)
    done = measured(study, scale, units, folder, jobs, said, again)
    rows = [plain(unit.condition) | {"seed": unit.seed} | row for unit in units for row in done[key_of(unit)]["rows"]]
    seconds, processor = (sum(done[key_of(unit)][name] for unit in units) for name in ("seconds", "processor"))
    verdict = study.judge(rows)
    result = Result(
        study=study.name,
        scale=kind,
        seeds=list(range(scale.seeds)),
        options=plan["options"],
        command=f"workings study {study.name} --{kind}",
        date=time.strftime("%Y-%m-%d"),
        seconds=round(seconds, 1),
        processor_seconds=round(processor, 1),
        jobs=jobs,
        machine={key: value for key, value in machine().items() if key != "git"},
        verdict=verdict,
        rows=rows,
    )
    result.write(folder / "result.json")
    write_whole(folder / "figure.svg", figure_of(study, result, alone=True).encode())
    write_whole(folder / "report.html", study_page(study, result).encode())
    if keep:
        result.write(keep / f"{study.name}-{kind}.json")
    said(f"  {verdict.word}: {verdict.sentence}\n  {duration(seconds)}; {folder / 'report.html'}")
    return result


def command_of(name: str, kind: str, out: str | Path | None, keep: str | Path | None, jobs: int | None) -> str:
    """The command that goes on with a study, or with all of them.

    >>> command_of("tau", "full", None, "kept", 1)
    'workings study tau --full --keep kept --jobs 1'
    """
    given = {"out": out, "keep": keep, "jobs": jobs}
    return command(" ".join([f"study {name} --{kind}", *(f"--{option} {value}" for option, value in given.items() if value)]))


def at_once() -> int:
    """As many measurements as torch takes threads and memory allows; one where a GPU does the work."""
    if choose_device().type != "cpu":
        return 1
    return max(1, min(torch.get_num_threads(), int((memory_gib() or ROOM) / ROOM)))


def begin(folder: Path, plan: dict[str, Any], overwrite: bool) -> None:
    """Make the folder, or go on in one that has the same plan."""
    written = folder / "study.json"
    if written.exists() and overwrite:
        shutil.rmtree(folder)
    if written.exists():
        held = read_plan(written)
        if held != plan:
            which = "it with other settings" if held.get("study") == plan["study"] else f"another one, {held.get('study')}"
            raise BadInput(f"{folder} holds a study, {which}; choose another --out, or add --overwrite.")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} exists and is not the folder of a study; choose another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(written, json.dumps(plan, indent=1).encode())


def read_plan(path: Path) -> dict[str, Any]:
    """What is measured in a folder."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise BadInput(f"{path} is damaged; choose another --out, or add --overwrite to measure everything anew.") from None


def measured(study: Study, scale: Scale, units: list[Unit], folder: Path, jobs: int, said: Callable[[str], None], again: str) -> dict[str, dict[str, Any]]:
    """What is recorded of each unit, by its key: its rows, the processor's seconds, and the clock's since the one that was done before it.

    again: the command that goes on after an interruption.
    """
    record, scratch = folder / "units.jsonl", folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    done = read_units(record)
    left = [unit for unit in units if key_of(unit) not in done]
    if len(left) < len(units):
        said(f"  {len(units) - len(left)} of {len(units)} were measured before")
    started = before = time.perf_counter()
    try:
        with contextlib.closing(measured_units(study.measure, scale, left, scratch, jobs)) as made:
            for number, (unit, found) in enumerate(made, 1):
                refuse_unknown(found.rows, study.name, unit)
                key, now = key_of(unit), time.perf_counter()
                done[key] = {"unit": key, "seconds": now - before, "processor": found.processor, "rows": plain(found.rows)}
                with open(record, "a", encoding="utf-8") as file:
                    file.write(json.dumps(done[key], ensure_ascii=False) + "\n")
                before, ahead = now, (now - started) / number * (len(left) - number)
                said(f"  {len(units) - len(left) + number} of {len(units)}  {unit.text}  {found.seconds:.1f} s  about {duration(ahead)} left")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{len(done)} of {len(units)} measurements are saved; go on with: {again}") from None
    shutil.rmtree(scratch, ignore_errors=True)
    return done


def plain(values: Any) -> Any:
    """As it comes back from JSON: tuples are lists."""
    return json.loads(json.dumps(values))


def refuse_unknown(rows: list[Row], name: str, unit: Unit) -> None:
    """Refuse numbers that are none: a mean or a verdict of them would look like one."""
    for row in rows:
        for measure, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise BadInput(f"{name}: {measure} is {value} with {unit.text}; what was measured before is saved, and this has no place in a verdict.")


def key_of(unit: Unit) -> str:
    """What stands for a unit in the record."""
    return json.dumps([unit.condition, unit.seed], sort_keys=True)


def read_units(record: Path) -> dict[str, dict[str, Any]]:
    """The units that are done; a line that a kill cut short does not count."""
    done = {}
    for line in record.read_text(encoding="utf-8", errors="replace").split("\n") if record.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        done[row["unit"]] = row
    if record.exists() and not record.read_bytes().endswith(b"\n"):
        with open(record, "a", encoding="utf-8") as file:
            file.write("\n")
    return done
