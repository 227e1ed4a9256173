"""The one loop: every player takes its turns on every batch, and everything is a function of (seed, step)."""

import math
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import torch

from workings.errors import BadInput
from workings.layers.randomness import seed_draws
from workings.settings import difference
from workings.training.checkpoints import Checkpoints
from workings.training.distribution import Ranks
from workings.training.game import Game
from workings.training.journal import Journal
from workings.training.machine import autocast, choose_device, choose_precision
from workings.training.player import Player
from workings.training.progress import Progress
from workings.training.run import Run
from workings.training.settings import TrainingSettings
from workings.training.signals import Stop

FREE = ("training.steps", "training.minutes", "training.evaluate_every", "training.checkpoint_every", "training.keep", "training.patience", "training.log_every")
"""Settings that may differ when a run goes on: they change how long it lasts and what is written, not what a step does."""


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


class Loop:
    """One training: `fit` makes it and runs it."""

    def __init__(self, game: Game, s: TrainingSettings, run: Run, progress: Progress, config: dict[str, Any]):
        self.game, self.s, self.run, self.progress, self.config = game, s, run, progress, config
        self.device = choose_device(s.device)
        self.precision = choose_precision(s.precision, self.device)
        self.ranks = Ranks(self.device, s.distribution)
        self.players = {name: Player(module, game.optimizer(name), self.ranks) for name, module in game.players.items()}
        self.checkpoints = Checkpoints(run.checkpoints, s.keep)
        self.journal = Journal(run.metrics, self.ranks.first)
        self.state = State()
        self.clock = 0.0

    def fit(self) -> str:
        """Train until the plan is fulfilled, the score stops falling, or somebody says stop; returns which."""
        self.begin()
        sums: dict[str, list[float]] = {}
        logged, self.clock, reason = self.state.step, self.state.seconds, "done"
        with Stop() as stop:
            while self.state.step < self.state.planned:
                started = time.perf_counter()
                rates = self.step(sums)
                elapsed = time.perf_counter() - started
                self.state.seconds += elapsed
                self.state.total_seconds += elapsed
                step, every = self.state.step, self.every()
                stopping = bool(self.ranks.agree(stop.asked)) if self.ranks.world > 1 else stop.asked
                last = step == self.state.planned
                if step % self.s.log_every == 0 or last or stopping:
                    self.log(sums, step - logged, rates)
                    sums, logged = {}, step
                if step % every == 0 or last:
                    self.evaluate()
                    self.replan()
                if step % (self.s.checkpoint_every or every) == 0 or last or stopping:
                    self.save()
                if stopping or (self.s.patience and self.state.stale >= self.s.patience):
                    reason = "interrupted" if stopping else "early"
                    break
        self.journal.write("end", self.state.step, reason=reason, seconds=self.state.seconds, total_seconds=self.state.total_seconds)
        self.progress.end(reason, self.state.step)
        self.ranks.close()
        return reason

    def begin(self) -> None:
        """Go on from the newest checkpoint, or begin; then plan how many steps to take."""
        saved = self.checkpoints.load()
        if saved is not None:
            tensors, facts, damaged = saved
            for sentence in damaged:
                self.progress.say(f"{sentence} The one before it is used.")
            changed = [line for line in difference(facts["config"], self.config) if not line.startswith(FREE)]
            if changed:
                raise BadInput(f"The settings of {self.run.folder} are not those it was trained with ({'; '.join(changed)}); put them back, or start a new run.")
            for name, player in self.players.items():
                player.load({key.removeprefix(f"{name}/"): tensor for key, tensor in tensors.items() if key.startswith(f"{name}/")})
            self.state = State(**facts["state"])
            self.journal.write("resume", self.state.step)
        if self.s.minutes:
            self.state.planned = max(self.state.step + 1, self.ranks.agree(self.state.planned if saved else int(self.s.minutes * 60 / self.rehearse())))
        else:
            self.state.planned = self.s.steps
        self.progress.begin(self.state.step, self.state.planned, self.s.minutes, self.game.units)
        if saved is None:
            parameters = {name: sum(p.numel() for p in player.module.parameters()) for name, player in self.players.items()}
            facts = dict(parameters=parameters, units=self.game.units, units_per_step=self.game.units_per_step, flops_per_step=self.game.flops_per_step)
            self.journal.write("start", 0, time=time.strftime("%Y-%m-%dT%H:%M:%S%z"), steps=self.state.planned, **facts)

    def rehearse(self) -> float:
        """Seconds of one step, from a trial whose gradients are thrown away (the first one warms the machine up)."""
        for _ in range(3):
            started = time.perf_counter()
            for turn, name in enumerate(self.game.turns(0)):
                self.gradient(turn, name, 0)
                self.players[name].clear()
            seconds = time.perf_counter() - started
        return seconds

    def step(self, sums: dict[str, list[float]]) -> dict[str, float]:
        """One step: every player in its turn takes the gradient of its loss on the whole batch, and steps."""
        rates: dict[str, float] = {}
        for turn, name in enumerate(self.game.turns(self.state.step)):
            count, totals = self.gradient(turn, name, self.state.step)
            facts = self.players[name].step(count, (self.state.step + 1) / self.state.planned)
            prefix = "" if len(self.players) == 1 else f"{name}/"
            rates |= {prefix + key: value for key, value in facts.items()}
            for key, total in totals.items():
                old = sums.get(prefix + key, [0.0, 0.0])
                sums[prefix + key] = [old[0] + total, old[1] + count]
        self.state.step += 1
        return rates

    def gradient(self, turn: int, name: str, step: int) -> tuple[float, dict[str, float]]:
        """Leave the gradient of the summed loss of a whole batch, piece by piece; returns how many terms it has and their sums."""
        player, count, totals = self.players[name], 0.0, {"loss": 0.0}
        for other, team_mate in self.players.items():
            team_mate.module.requires_grad_(other == name) if len(self.players) > 1 else None
        player.module.train()
        for first, rows in self.ranks.rows(self.s.batch, self.s.pieces):
            seed_draws(self.s.seed, step, turn, first_row=first)
            batch = {key: tensor.to(self.device) for key, tensor in self.game.batch(step, turn, first, rows).items()}
            with autocast(self.device, self.precision):
                loss = self.game.loss(name, batch, step)
            loss.total.backward()
            count += loss.count
            for key, value in {"loss": float(loss.total.detach()), **loss.parts}.items():
                totals[key] = totals.get(key, 0.0) + value
        count, *values = self.ranks.sum(count, *totals.values())
        totals = dict(zip(totals, values, strict=True))
        if not math.isfinite(totals["loss"]):
            self.diverged(name, totals["loss"], step)
        return count, totals

    def every(self) -> int:
        """Steps between evaluations."""
        return self.s.evaluate_every or max(1, self.state.planned // 20)

    def log(self, sums: dict[str, list[float]], steps: int, rates: dict[str, float]) -> None:
        """Record the mean losses since the last line."""
        means = {key: total / max(count, 1) for key, (total, count) in sums.items()}
        seconds, self.clock = self.state.seconds - self.clock, self.state.seconds
        speed = steps * self.game.units_per_step / max(seconds, 1e-9)
        row = self.journal.write("train", self.state.step, seconds=self.state.seconds, **means, **rates, units_per_second=speed)
        self.progress.train(row, self.state)

    @torch.no_grad()
    def evaluate(self) -> None:
        """Score the (averaged) weights, keep them in model/ if they are the best so far, and show what they can do."""
        started = time.perf_counter()
        with ExitStack() as stack:
            for player in self.players.values():
                stack.enter_context(player.averaged())
                player.module.eval()
            stack.enter_context(autocast(self.device, self.precision))
            seed_draws(self.s.seed, self.state.step, -1)
            scores = self.game.evaluate()
            better = scores[self.game.watch] < self.state.best
            self.state.best, self.state.stale = (scores[self.game.watch], 0) if better else (self.state.best, self.state.stale + 1)
            row = self.journal.write("validation", self.state.step, seconds=self.state.seconds, **scores, best=better)
            self.progress.validation(row, self.state)
            if better:
                weights = {name: player.weights() for name, player in self.players.items()}
                if self.ranks.first:
                    self.game.save(self.run.model, weights, {"step": self.state.step, **scores})
            shown = self.game.preview(self.state.step)
        if shown:
            self.progress.sample(self.journal.write("sample", self.state.step, **shown))
        self.state.total_seconds += time.perf_counter() - started

    def replan(self) -> None:
        """With a budget of minutes: as many more steps as the time left allows at the speed so far."""
        if self.s.minutes:
            left = self.s.minutes * 60 - self.state.total_seconds
            steps = int(left * self.state.step / self.state.total_seconds)
            self.state.planned = self.ranks.agree(self.state.step + max(0, steps))
            self.journal.write("plan", self.state.step, steps=self.state.planned)

    def save(self) -> None:
        """Write a checkpoint."""
        started = time.perf_counter()
        tensors = {f"{name}/{key}": tensor for name, player in self.players.items() for key, tensor in player.state().items()}
        if self.ranks.first:
            path = self.checkpoints.save(self.state.step, tensors, {"state": asdict(self.state), "config": self.config})
            self.journal.write("checkpoint", self.state.step, name=path.name)
        self.state.total_seconds += time.perf_counter() - started

    def diverged(self, name: str, loss: float, step: int) -> NoReturn:
        """Stop at a loss that is not finite, before it reaches the weights."""
        files = self.checkpoints.files()
        good = f"the last good checkpoint is {files[-1]}" if files else "there is no checkpoint yet"
        self.journal.write("end", step, reason="non-finite", seconds=self.state.seconds, total_seconds=self.state.total_seconds)
        raise BadInput(
            f"The loss of {name} is {loss} at step {step}, on {self.game.identify(step)}; {good}. Lower optimizer.rate, or set optimizer.clip, and train again."
        )


def fit(game: Game, settings: TrainingSettings, run: Run, config: dict[str, Any], quiet: bool = False) -> str:
    """Train the game's players in a run folder, going on from its newest checkpoint if it has one; returns why it ended: done, early or interrupted."""
    return Loop(game, settings, run, Progress(quiet), config).fit()
