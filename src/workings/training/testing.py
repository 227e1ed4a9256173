"""The test: what a trained model is worth on data that has chosen nothing of it."""

import torch

from workings.training.game import Game
from workings.training.journal import Journal, read_metrics
from workings.training.progress import Progress, scores_in
from workings.training.run import Run


@torch.no_grad()
def score_once(game: Game, run: Run, quiet: bool = False) -> None:
    """Score the best weights of a run that is over, if the task has data for it, and record the scores with the step of those weights."""
    scores = game.test(run.model)
    if scores:
        step = next((row["step"] for row in reversed(read_metrics(run.metrics)) if row["event"] == "validation" and row.get("best")), 0)
        row = Journal(run.metrics).write("test", step, **scores)
        Progress(quiet).say(f"test {scores_in(row)}   (the best weights, those of step {step:,})")
