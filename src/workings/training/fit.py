"""The one loop: every player takes its turns on every batch, and everything is a function of (seed, step)."""

import math
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

import torch

from workings.errors import BadInput
from workings.layers.fast.memory import give_back, keep_freed_memory
from workings.layers.randomness import seed_draws
from workings.settings import difference
from workings.training.averaging import mean
from workings.training.checkpoints import Checkpoints, read_whole
from workings.training.distribution import Ranks
from workings.training.game import Game
from workings.training.journal import Journal, read_metrics
from workings.training.machine import autocast, choose_device, choose_precision
from workings.training.player import Player
from workings.training.progress import Progress
from workings.training.run import Run
from workings.training.settings import FREE, TrainingSettings
from workings.training.signals import Stop
from workings.training.tensorboard import Board, require_tensorboard

GIVE_BACK_EVERY = 10
"""Steps between two looks at how much memory is held without use."""


@dataclass
class State:
    """Where a run stands: with the players' tensors, all that has to be saved."""

    step: int = 0
    planned: int = 0
    seconds: float = 0.0
    """In steps alone."""
    total_seconds: float = 0.0
    """With evaluation and saving."""
    best: float = math.inf
    stale: int = 0
    """Evaluations since the best one."""
    evaluation: float = 0.0
    """Seconds of the last evaluation, with what was shown and saved."""
    logged: tuple[int, float] = (0, 0.0)
    """The step and the seconds of the last line of the record."""
    sums: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Of each loss since then: its sum and the number of its terms."""


class Loop:
    """One training: `fit` makes it and runs it."""

    def __init__(self, game: Game, s: TrainingSettings, run: Run, progress: Progress, config: dict[str, Any]):
        self.game, self.s, self.run, self.progress, self.config = game, s, run, progress, config
        self.ranks = ready(s)
        self.device = self.ranks.device
        self.ranks.check(s.batch, s.pieces)
        self.precision = choose_precision(s.precision, self.device)
        self.players = {name: Player(module, game.optimizer(name), self.ranks, coarse=self.precision is not None) for name, module in game.players.items()}
        self.checkpoints = Checkpoints(run.checkpoints, max(s.keep, s.average_last))
        self.journal = Journal(run.metrics, self.ranks.first)
        self.board = Board(run.tensorboard) if s.tensorboard and self.ranks.first else None
        self.state = State()
        self.saved = -1

    def fit(self) -> str:
        """Train until the plan is fulfilled, the score stops falling, or somebody says stop; returns which: done, early or interrupted."""
        try:
            self.begin()
            with Stop() as stop:
                while not (reason := self.over(stop)):
                    started = time.perf_counter()
                    rates = self.step()
                    self.state.seconds += time.perf_counter() - started
                    self.spend(started)
                    step, every, last = self.state.step, self.every(), self.state.step >= self.state.planned
                    if step % self.s.log_every == 0 or last:
                        self.log(rates)
                    if step % GIVE_BACK_EVERY == 0 and self.device.type == "cpu":
                        give_back()
                    if step % every == 0 or last:
                        self.evaluate()
                    if step % every == 0 and self.s.minutes and not last:
                        self.state.planned = self.plan()
                        self.record("plan", steps=self.state.planned)
                    if step % (self.s.checkpoint_every or every) == 0:
                        self.save()
                if self.saved != self.state.step:
                    self.save(stopped=reason == "interrupted")
            if reason != "interrupted":
                self.average()
            self.record("end", reason=reason, seconds=self.state.seconds, total_seconds=self.state.total_seconds)
            self.progress.end(reason, self.state.step)
            return reason
        finally:
            self.progress.close()

    def begin(self) -> None:
        """Go on from the newest whole checkpoint, or begin; and plan how many steps to take."""
        saved = self.checkpoints.load()
        same_budget = False
        if saved is not None:
            tensors, facts, damaged = saved
            for sentence in damaged:
                self.progress.warn(f"{sentence} The one before it is used.")
            self.accept(facts)
            for name, player in self.players.items():
                player.load({key.removeprefix(f"{name}/"): tensor for key, tensor in tensors.items() if key.startswith(f"{name}/")})
            self.state = State(**facts["state"])
            self.saved = self.state.step
            same_budget = facts["config"]["training"]["minutes"] == self.s.minutes
            self.record("resume")
            self.state.best = min([self.state.best, *(self.game.cost(row) for row in self.averages())])  # found after the checkpoint was written
        if not (self.s.minutes and same_budget):
            self.state.planned = self.plan()
        self.progress.begin(self.state.step, self.state.planned, self.s.minutes, self.game.units)
        if saved is None:
            parameters = {name: sum(p.numel() for p in player.module.parameters()) for name, player in self.players.items()}
            facts = dict(parameters=parameters, units=self.game.units, units_per_step=self.game.units_per_step, flops_per_step=self.game.flops_per_step)
            self.record("start", time=time.strftime("%Y-%m-%dT%H:%M:%S%z"), steps=self.state.planned, **facts)

    def accept(self, facts: dict[str, Any]) -> None:
        """Refuse to go on with other settings or other data than before; keep the settings that may change."""
        changed = [line for line in difference(facts["config"], self.config) if line.partition(":")[0] not in FREE]
        if changed:
            raise BadInput(f"The settings of {self.run.folder} are not those it was trained with ({'; '.join(changed)}); put them back, or start a new run.")
        if facts["data"] != self.game.fingerprint:
            raise BadInput(f"The data of {self.run.folder} is not what it was trained with, though it has the same name; put it back, or start a new run.")
        if self.ranks.first:
            self.run.write_settings(self.config)

    def plan(self) -> int:
        """How many steps the run has: those asked for, and no more than the minutes allow at the pace so far (at first: that of a rehearsal)."""
        if self.s.steps is not None and not self.s.minutes:
            return self.s.steps
        pace = self.state.seconds / self.state.step + self.state.evaluation / self.every() if self.state.step else self.rehearse()
        left = self.s.minutes * 60 - self.state.total_seconds
        steps = self.ranks.agree(max(1, self.state.step + int(max(0.0, left) / pace)))
        return steps if self.s.steps is None else min(steps, self.s.steps)

    def over(self, stop: Stop) -> str:
        """Why the run ends here, or nothing."""
        if self.s.patience and self.state.stale >= self.s.patience:
            return "early"
        if self.state.step >= self.state.planned:
            return "done"
        (asked,) = self.ranks.sum(float(stop.asked))
        return "interrupted" if asked else ""

    def rehearse(self) -> float:
        """Seconds of one step, from a trial whose gradients are thrown away (the first one warms the machine up); running statistics stay as they are."""
        kept = [(buffer, buffer.clone()) for player in self.players.values() for buffer in player.module.buffers()]
        for _ in range(3):
            started = time.perf_counter()
            for turn, name in enumerate(self.game.turns(0)):
                self.gradient(turn, name, 0)
                self.players[name].clear()
            seconds = time.perf_counter() - started
        for buffer, before in kept:
            buffer.copy_(before)
        return seconds

    def step(self) -> dict[str, float]:
        """One step: every player in its turn takes the gradient of its loss on the whole batch, and steps."""
        rates: dict[str, float] = {}
        for name in self.game.begins_anew(self.state.step):
            self.players[name].forget()
        for turn, name in enumerate(self.game.turns(self.state.step)):
            player = self.players[name]
            count, totals = self.gradient(turn, name, self.state.step)
            norm = player.gradient_norm(count)
            if not (math.isfinite(totals["loss"]) and math.isfinite(norm)):
                self.diverged(name, totals["loss"], norm)
            rate = player.step(count, norm, (self.state.step + 1) / (self.state.planned + 1))  # not 0 at the last step
            prefix = "" if len(self.players) == 1 else f"{name}/"
            rates |= {f"{prefix}learning_rate": rate, f"{prefix}gradient_norm": norm}
            for key, total in totals.items():
                old_total, old_count = self.state.sums.get(prefix + key, (0.0, 0.0))
                self.state.sums[prefix + key] = (old_total + total, old_count + count)
        self.state.step += 1
        return rates

    def gradient(self, turn: int, name: str, step: int) -> tuple[float, dict[str, float]]:
        """Leave the gradient of the summed loss of a whole batch, piece by piece; returns how many terms it has and their sums."""
        count, totals = 0.0, {"loss": 0.0}
        for other, player in self.players.items():
            if not player.module.training:  # train() walks through all modules
                player.module.train()
            player.learns(other == name)
        for first, rows in self.ranks.rows(self.game.rows(step, turn, self.s.batch), self.s.pieces):
            first, weight = (first, 1) if rows else (0, 0)  # a piece without rows repeats one for nothing, so that all processes do alike
            seed_draws(self.s.seed, step, turn, first_row=first)
            batch = {key: tensor.to(self.device) for key, tensor in self.game.batch(step, turn, first, max(rows, 1)).items()}
            with autocast(self.device, self.precision):
                loss = self.game.loss(name, batch, step)
            (loss.total * weight).backward()
            count += loss.count * weight
            for key, value in {"loss": float(loss.total.detach()), **loss.parts}.items():
                totals[key] = totals.get(key, 0.0) + value * weight
        count, *values = self.ranks.sum(count, *totals.values())
        return count, dict(zip(totals, values, strict=True))

    def every(self) -> int:
        """Steps between evaluations: as asked for, or ten to twenty in the run, but fewer where they would take over a fifth of it.

        How long they take is measured under a budget of minutes. A run of so many steps goes by the game's count, which no clock changes: it ends with the same
        weights however often it was stopped.
        """
        measured = self.state.evaluation * self.state.step / self.state.seconds if self.s.minutes and self.state.evaluation else 0.0
        steps = max(1, self.state.planned // 20, math.ceil(4 * (measured if self.s.minutes else self.game.steps_per_evaluation)))
        return self.s.evaluate_every or (1 << (steps - 1).bit_length() if self.s.minutes else steps)  # powers of 2: multiples of two counts may be neighbors

    def record(self, event: str, **facts: Any) -> dict[str, Any]:
        """Add a line to the record."""
        row = self.journal.write(event, self.state.step, **facts)
        if self.board is not None:
            self.board.write(row)
        return row

    def spend(self, started: float) -> None:
        """Count the time since `started`; when the minutes are used up, this step is the last one."""
        self.state.total_seconds += time.perf_counter() - started
        if self.s.minutes and self.ranks.agree(self.state.total_seconds >= self.s.minutes * 60):
            self.state.planned = self.state.step

    def log(self, rates: dict[str, float]) -> None:
        """Record the mean losses since the last line."""
        means = {key: total / max(count, 1) for key, (total, count) in self.state.sums.items()}
        step, seconds = self.state.logged
        speed = (self.state.step - step) * self.game.units_per_step / max(self.state.seconds - seconds, 1e-9)
        self.state.logged, self.state.sums = (self.state.step, self.state.seconds), {}
        self.progress.train(self.record("train", seconds=self.state.seconds, **means, **rates, units_per_second=speed), self.state)

    @torch.no_grad()
    def evaluate(self) -> None:
        """Score the weights, or their moving average where one is kept."""
        started = time.perf_counter()
        with ExitStack() as averaged:
            for player in self.players.values():
                averaged.enter_context(player.averaged())
            self.score()
        self.state.evaluation = self.ranks.agree(time.perf_counter() - started)
        self.state.total_seconds += self.state.evaluation

    @torch.no_grad()
    def average(self) -> None:
        """Score the mean of the weights of the last checkpoints (parameters; buffers are the last one's), unless the record says that this was done here.

        Damaged checkpoints are left out, so that how many there are is known when they are read; one that was put back makes another mean.
        """
        started = time.perf_counter()
        paths = self.ranks.agree(self.checkpoints.files()[-self.s.average_last :] if self.s.average_last else [])
        owned = {f"{name}/weights/{key}" for name, player in self.players.items() for key in player.names.values()}
        read = ({key: tensor for key, tensor in tensors.items() if key in owned} for tensors in read_whole(paths, self.progress.warn))
        weights, number = mean(read)
        if not number or any((row["step"], row["averaged"]) == (self.state.step, number) for row in self.averages()):
            return
        with ExitStack() as lent:
            for name, player in self.players.items():
                lent.enter_context(player.lent({key: weights[f"{name}/weights/{key}"] for key in player.names.values()}))
            self.score(averaged=number)
        self.state.total_seconds += self.ranks.agree(time.perf_counter() - started)

    def averages(self) -> list[dict[str, Any]]:
        """What the record says of means of checkpoints, up to this step."""
        rows = read_metrics(self.run.metrics) if self.ranks.first else []
        return self.ranks.agree([row for row in rows if row["event"] == "validation" and "averaged" in row])

    def score(self, **averaged: int) -> None:
        """Score the weights that the players have now, keep them in model/ if they are the best so far, and show what they can do. averaged: of how many."""
        with ExitStack() as ready:
            for player in self.players.values():
                player.module.eval()
                ready.enter_context(self.ranks.gathered(player.module))
            ready.enter_context(autocast(self.device, self.precision))
            seed_draws(self.s.seed, self.state.step, -1)
            scores = self.ranks.agree(self.game.evaluate())
            shown = self.game.preview(self.state.step)
        better = (cost := self.game.cost(scores)) < self.state.best or self.game.newest
        self.state.best, self.state.stale = (cost, 0) if better else (self.state.best, self.state.stale + 1)
        if better:
            weights = {name: player.weights() for name, player in self.players.items()}
            if self.ranks.first:
                self.game.save(self.run.model, weights, {"step": self.state.step, **scores, **averaged})
        self.progress.validation(self.record("validation", seconds=self.state.seconds, **scores, best=better, **averaged), self.state)
        if shown and (better or not averaged):
            if "files" in shown and self.ranks.first:
                shown["files"] = self.run.put(self.state.step, shown["files"])
            self.progress.sample(self.record("sample", **shown, **averaged))

    def save(self, stopped: bool = False) -> None:
        """Write a checkpoint. stopped: one that would not be written, had nobody said stop."""
        started = time.perf_counter()
        tensors = {f"{name}/{key}": tensor for name, player in self.players.items() for key, tensor in player.state().items()}
        if self.ranks.first:
            facts = {"state": asdict(self.state), "config": self.config, "data": self.game.fingerprint}
            path = self.checkpoints.save(self.state.step, tensors, facts, stopped)
            self.record("checkpoint", name=path.name, total_seconds=self.state.total_seconds)
        self.saved = self.state.step
        self.state.total_seconds += time.perf_counter() - started

    def diverged(self, name: str, loss: float, norm: float) -> NoReturn:
        """Stop at a loss or a gradient that is not finite, before it reaches the weights."""
        files = self.checkpoints.files()
        good = f"the last good checkpoint is {files[-1]}" if files else "there is no checkpoint yet"
        what = f"loss of {name} is {loss}" if not math.isfinite(loss) else f"norm of the gradient of {name} is {norm}"
        self.record("end", reason="non-finite", seconds=self.state.seconds, total_seconds=self.state.total_seconds)
        raise BadInput(
            f"The {what} at step {self.state.step + 1}, on {self.game.identify(self.state.step)}; {good}. "
            "Lower optimizer.rate and optimizer.muon_rate, and train again."
        )


def ready(s: TrainingSettings) -> Ranks:
    """The processes that will train; refuses a device, a precision or an extra that this machine lacks."""
    device = choose_device(s.device)
    choose_precision(s.precision, device)
    if s.tensorboard:
        require_tensorboard()
    if device.type == "cpu":
        keep_freed_memory()
    return Ranks(device, s.distribution)


def fit(game: Game, settings: TrainingSettings, run: Run, config: dict[str, Any], quiet: bool = False, headline: str = "") -> str:
    """Train the game's players in a run folder, going on from its newest checkpoint if it has one; returns why it ended: done, early or interrupted."""
    return Loop(game, settings, run, Progress(quiet, headline, not game.newest), config).fit()
