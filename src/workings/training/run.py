"""A run is a folder: settings, environment, record, checkpoints, model, samples, report."""

import json
import shutil
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from workings.errors import BadInput, command
from workings.training.checkpoints import write_whole
from workings.training.journal import read_metrics


@dataclass(frozen=True)
class Run:
    """The folder of a run and where things lie in it."""

    folder: Path

    def __fspath__(self) -> str:
        return str(self.folder)

    @property
    def config(self) -> Path:
        """The resolved settings."""
        return self.folder / "config.toml"

    @property
    def environment(self) -> Path:
        """Versions, machine, command."""
        return self.folder / "environment.json"

    @property
    def metrics(self) -> Path:
        """The record."""
        return self.folder / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """What `resume` goes on from."""
        return self.folder / "checkpoints"

    @property
    def model(self) -> Path:
        """The best weights so far, loadable by themselves."""
        return self.folder / "model"

    @property
    def samples(self) -> Path:
        """What was drawn or written along the way."""
        return self.folder / "samples"

    @property
    def tensorboard(self) -> Path:
        """The record as TensorBoard reads it."""
        return self.folder / "tensorboard"

    @property
    def pretraining(self) -> Path:
        """The run that came first, if there is one: its model is what this one begins with."""
        return self.folder / "pretraining"

    @property
    def report(self) -> Path:
        """The report."""
        return self.folder / "report.html"

    def settings(self) -> dict[str, Any]:
        """The resolved settings as nested tables."""
        try:
            return tomllib.loads(self.config.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"{self.config} is not valid TOML: {error}.") from error

    def over(self) -> bool:
        """Whether it came to an end of its own: all steps taken, or stopped early."""
        rows = read_metrics(self.metrics) if self.metrics.exists() else []
        last = next((row for row in reversed(rows) if row["event"] != "test"), {})  # the test comes after the end
        return last.get("reason") in ("done", "early")

    def spent(self) -> float:
        """The seconds of training up to the newest checkpoint."""
        rows = read_metrics(self.metrics) if self.metrics.exists() else []
        return max((row["total_seconds"] for row in rows if row["event"] == "checkpoint"), default=0.0)

    def validations(self) -> list[dict[str, Any]]:
        """The numbers of every validation, the first one first: its step, its scores."""
        return self.measured("validation")

    def scores(self) -> dict[str, float]:
        """The numbers of the newest validation."""
        return (self.validations() or [{}])[-1]

    def tested(self) -> dict[str, float]:
        """The numbers of the test at the very end, of a run that is over and whose data has a part for it."""
        return (self.measured("test") or [{}])[-1]

    def measured(self, event: str) -> list[dict[str, Any]]:
        """The numbers of each event of a kind, as they stand in the record."""
        rows = (row for row in read_metrics(self.metrics) if row["event"] == event)
        return [{name: value for name, value in row.items() if isinstance(value, int | float)} for row in rows]

    def newest(self) -> int:
        """The step of the newest checkpoint, 0 before the first."""
        rows = read_metrics(self.metrics) if self.metrics.exists() else []
        return max((row["step"] for row in rows if row["event"] == "checkpoint"), default=0)

    def put(self, step: int, files: dict[str, bytes]) -> dict[str, str]:
        """Write files of a step into samples/; returns where each one is, seen from the run's folder."""
        places = {name: self.samples / f"{step:08}-{name}" for name in files}
        self.samples.mkdir(exist_ok=True)
        for name, path in places.items():
            write_whole(path, files[name])
        return {name: path.relative_to(self.folder).as_posix() for name, path in places.items()}

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Save the resolved settings."""
        write_whole(self.config, tomli_w.dumps(settings).encode())

    def write_environment(self, facts: dict[str, Any]) -> None:
        """Save what the run ran on."""
        write_whole(self.environment, json.dumps(facts, indent=2, ensure_ascii=False).encode())


def new_run(task: str, out: str | Path | None, overwrite: bool) -> Run:
    """Make the folder of a new run: `out`, or runs/TASK-DATE-TIME. A folder with something in it is refused, or with `overwrite` emptied if it is a run."""
    folder = Path(out) if out is not None else Path("runs") / f"{task}-{time.strftime('%Y%m%d-%H%M%S')}"
    run = Run(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not folder.is_dir() or not run.config.exists():
            raise BadInput(f"{folder} exists and is not the folder of a run; choose another --out.")
        if not overwrite:
            raise BadInput(f"{folder} already holds a run; choose another --out, go on with `{command(f'resume {folder}')}`, or add --overwrite.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return run


def open_run(path: str | Path) -> Run:
    """The run in an existing folder."""
    run = Run(Path(path))
    if not run.folder.exists():
        raise BadInput(f"There is no folder {path}; the runs made here by default are in runs/.")
    if not run.config.exists():
        raise BadInput(f"{path} is not the folder of a run: it has no config.toml.")
    return run
