"""From settings to a trained run with its report, stage by stage. Imports torch only when there is something to train."""

import json
import os
import shlex
import sys
from functools import cache
from pathlib import Path
from typing import Any

from workings.errors import command
from workings.tasks.jobs import first_stage, make_game, rehearse, settings_module
from workings.training.checkpoints import write_whole
from workings.training.run import Run, new_run


def train_run(task: str, table: dict[str, Any], out: str | Path | None, overwrite: bool, quiet: bool, report: bool = True) -> Run:
    """A new run, trained from a table of settings; what is refused leaves nothing behind. report: whether it gets its page."""
    from workings.training.fit import ready

    settings = settings_module(task).read_settings(table)
    first = first_stage(task, settings)
    game = make_game(*first) if first else make_game(task, settings)  # before the folder is made: what is refused leaves nothing behind, an old run as it was
    if first:
        rehearse(task, settings, game)
    ranks = ready(settings.training)
    run = Run(Path(ranks.agree(str(new_run(task, out, overwrite).folder) if ranks.first else "")))
    return all_stages(run, task, settings, quiet, game, report)


def all_stages(run: Run, task: str, settings: Any, quiet: bool, game: Any = None, report: bool = True) -> Run:
    """Train a run, after its first stage if it has one, is not past it already, and that is not over. game: of what is trained now, if it is made already."""
    first = first_stage(task, settings)
    inner = Run(run.pretraining)
    if first and not run.checkpoints.exists() and not inner.over():
        if leads():
            run.write_settings(settings_module(task).resolved(settings))
            inner.folder.mkdir(exist_ok=True)
        train_stage(inner, first[0], game or make_game(*first), quiet, run.folder, report)
        game = None
    return train_stage(run, task, game or make_game(task, settings, inner.model if first else None), quiet, run.folder, report)


def leads() -> bool:
    """Whether this process writes files: the only one, or the first of several."""
    return int(os.environ.get("RANK", 0)) == 0


def train_stage(run: Run, task: str, game: Any, quiet: bool, whole: Path, report: bool) -> Run:
    """Train and report; an interruption that was saved ends in KeyboardInterrupt, which the command line turns into exit code 130. whole: what to resume."""
    from workings.training.fit import fit

    config = settings_module(task).resolved(game.settings)
    if leads() and not run.checkpoints.exists():
        run.write_settings(config)
        run.samples.mkdir(exist_ok=True)
        for name, content in game.leave().items():
            write_whole(run.samples / name, content if isinstance(content, bytes) else content.encode())
    if leads() and not run.environment.exists():
        run.write_environment(environment(game.settings.training))
    facts = json.loads(run.environment.read_text(encoding="utf-8")) if leads() else {}
    headline = f"{run.folder}: {game.about()}; {facts['precision']} on {facts['device']}" if leads() else ""
    reason = fit(game, game.settings.training, run, config, quiet, headline)
    if leads() and (run.model / "config.json").exists():
        from workings.report.card import model_card
        from workings.report.run_sections import run_sections
        from workings.report.write import write_report
        from workings.training.progress import Progress
        from workings.training.testing import score_once

        if reason != "interrupted":
            score_once(game, run, quiet)
        write_whole(run.model / "README.md", model_card(run.folder).encode())
        if report:
            Progress(quiet).say("writing the report")
            write_report([run.folder], None, run_sections)
    if reason == "interrupted":
        raise KeyboardInterrupt(f"saved; go on with: {command(f'resume {whole}')}")
    return run


def environment(training: Any) -> dict[str, Any]:
    """What a run runs on: machine, versions, precision, the machine's measured peak, command, seed."""
    from workings.training.machine import choose_device, choose_precision, machine

    device = choose_device(training.device)
    precision = choose_precision(training.precision, device)
    name = str(precision).removeprefix("torch.") if precision else "float32"
    peaks = {kind: peak(dtype, device) for kind, dtype in (("float32", None), (name, precision))}
    return machine() | {
        "device": str(device),
        "precision": name,
        "peak_gflops": peaks,
        "seed": training.seed,
        "command": shlex.join(["workings", *sys.argv[1:]]),
    }


@cache
def peak(dtype: Any, device: Any) -> int:
    """GFLOP/s of a matrix product, measured once however many runs a program makes."""
    from workings.training.machine import measured_peak

    return round(measured_peak(dtype, device))
