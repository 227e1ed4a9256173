"""A run folder as the report reads it: its config, machine and rows, and the numbers of the headline."""

import json
import math
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from workings.errors import BadInput, counted
from workings.report import formats
from workings.training.journal import read_metrics

ENDINGS = {
    "done": "ran to its end",
    "early": "stopped early: the validation score no longer improved",
    "interrupted": "interrupted and saved; it can be resumed",
    "non-finite": "stopped: the loss was no longer finite",
    "running": "still running, or killed; these are the rows so far",
}
BOOKKEEPING = ("event", "step", "seconds", "best", "averaged")


@dataclass(frozen=True)
class Record:
    """One run folder, read."""

    path: Path
    config: dict
    environment: dict
    rows: list[dict]

    def of(self, event: str) -> list[dict]:
        """The rows of one kind, in order of step."""
        return [row for row in self.rows if row.get("event") == event]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @cached_property
    def model_config(self) -> dict:
        """model/config.json, empty while no model is saved."""
        path = self.path / "model" / "config.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    @property
    def task(self) -> str:
        """The task's name."""
        return str(self.config.get("task") or self.model_config.get("task") or "training")

    @property
    def start(self) -> dict:
        """The first start row: sizes and the plan."""
        return next(iter(self.of("start")), {})

    @property
    def ending(self) -> str:
        """How the run ended: a key of ENDINGS."""
        last = next((row for row in reversed(self.rows) if row.get("event") != "test"), {})  # the test comes after the end
        return last.get("reason", "done") if last.get("event") == "end" else "running"

    @property
    def step(self) -> int:
        """The last step."""
        return max((row.get("step") or 0 for row in self.rows), default=0)

    @property
    def steps_planned(self) -> int | None:
        """The steps that were planned last."""
        return next((row["steps"] for row in reversed(self.rows) if row.get("event") in ("plan", "start") and row.get("steps")), None)

    @property
    def seconds(self) -> float | None:
        """Seconds of training, validation and saving not counted."""
        return next((row["seconds"] for row in reversed(self.rows) if row.get("seconds") is not None and row.get("event") != "test"), None)

    @property
    def units(self) -> str:
        """What a step consumes: tokens, images, ..."""
        return self.start.get("units") or "units"

    @property
    def parameters(self) -> int | None:
        """Parameters of all players."""
        return sum(self.start["parameters"].values()) if self.start.get("parameters") else None

    @property
    def units_seen(self) -> float | None:
        """Tokens or images seen in training."""
        per_step = self.start.get("units_per_step")
        return per_step * self.step if per_step else None

    @property
    def flops(self) -> float | None:
        """Floating-point operations of all training steps."""
        per_step = self.start.get("flops_per_step")
        return per_step * self.step if per_step else None

    @property
    def peak_share(self) -> float | None:
        """FLOPs a second over the machine's measured peak at the run's precision."""
        peak = (self.environment.get("peak_gflops") or {}).get(self.environment.get("precision"))
        return self.flops / self.seconds / (peak * 1e9) if peak and self.flops and self.seconds else None

    @property
    def validations(self) -> list[dict]:
        """The validation rows, without that of the mean of the last checkpoints, which is no step of the training."""
        return [row for row in self.of("validation") if "averaged" not in row]

    @property
    def best(self) -> dict | None:
        """The best validation row, perhaps that of the mean of the last checkpoints: the last one marked best, else the one with the smallest finite loss."""
        marked = [row for row in self.of("validation") if row.get("best")]
        finite = [row for row in self.validations if is_number(row.get("loss"))]
        return marked[-1] if marked else min(finite, key=lambda row: row["loss"], default=None)

    @property
    def chosen_by(self) -> str:
        """The validation score that decided which weights are best."""
        return str(self.config.get("tuning", {}).get("watch", "loss"))

    @property
    def tested(self) -> dict:
        """The scores on the test data, of the best weights; empty without any."""
        return next(reversed(self.of("test")), {})

    def measures(self, event: str) -> list[str]:
        """The names of what the rows of one event measure, in order of appearance; whole numbers that never change are facts, not measures."""
        return [key for key, values in self._numbers(event).items() if len(set(values)) > 1 or not isinstance(values[0], int)]

    def facts(self, event: str) -> dict[str, int]:
        """The whole numbers that are the same in all rows of one event: how many tokens were predicted, with which context."""
        return {key: values[0] for key, values in self._numbers(event).items() if len(set(values)) == 1 and isinstance(values[0], int)}

    def _numbers(self, event: str) -> dict[str, list]:
        rows = self.of(event)
        items = [(key, x) for row in rows for key, x in row.items() if key not in BOOKKEEPING]
        keys = dict.fromkeys(key for key, x in items if isinstance(x, (int, float)) and not isinstance(x, bool))
        return {key: [row[key] for row in rows if row.get(key) is not None] for key in keys}

    @property
    def score_names(self) -> list[str]:
        """The names of everything that validation measures."""
        return self.measures("validation")

    def unit_of(self, name: str) -> str:
        """The unit of a metric, empty when it has none that is known."""
        base = name.rsplit("/", 1)[-1]
        if base == "loss":
            if self.task in ("gan", "diffusion"):
                return ""  # no logarithm of a probability
            return {"tokens": "nats per token", "sentences": "nats per text", "pictures": "nats per picture"}.get(self.units, "")
        return {"nats_per_character": "nats", "bits_per_byte": "bits", "units_per_second": f"{self.units}/s", "seconds": "s"}.get(base, "")

    def summary(self) -> str:
        """The run in one or two sentences."""
        machine = ", ".join(
            part
            for part in (
                str(self.environment.get("cpu") or ""),
                f"{self.environment['cores']} cores" if self.environment.get("cores") else "",
                str(self.environment.get("precision") or ""),
            )
            if part
        )
        what = str(self.model_config.get("architecture") or "model")
        what = {"vae": "VAE", "dcgan": "DCGAN", "mlp": "MLP", "cnn": "CNN"}.get(what, what.replace("-", " "))
        size = f" of {formats.count(self.parameters)} parameters" if self.parameters else ""
        saw = f"saw {formats.count(self.units_seen)} {self.units}" if self.units_seen else f"took {self.step:,} steps"
        article = "An" if what[0] in "aeiou" or what == "MLP" else "A"
        first = f"{article} {what}{size} {saw} in {formats.duration(self.seconds)}" + (f" on {machine}." if machine else ".")
        best, score = self.best, self.chosen_by
        if best is None or score not in best:
            return first
        of = f", of the mean of the last {counted(best['averaged'], 'checkpoint')}" if best.get("averaged") else ""
        return (
            f"{first} Its best validation {formats.titled(score)} is {formats.value(best[score])} {self.unit_of(score)}".rstrip()
            + f", at step {best['step']:,}{of}."
        )


def is_number(x: object) -> bool:
    """A finite number."""
    return isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x)


def read_record(path: Path) -> Record:
    """Read a run folder; what is missing or broken is said in one sentence."""
    if not path.is_dir():
        raise BadInput(f"There is no run folder {str(path)!r}.")
    for name in ("metrics.jsonl", "config.toml", "environment.json"):
        if not (path / name).is_file():
            raise BadInput(f"{str(path)!r} is not a run folder: it has no {name}.")
    try:
        config = tomllib.loads((path / "config.toml").read_text(encoding="utf-8"))
        environment = json.loads((path / "environment.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"The run folder {str(path)!r} has an unreadable config.toml or environment.json: {error}.") from error
    return Record(path, config, environment, read_metrics(path / "metrics.jsonl"))
