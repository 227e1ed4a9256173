"""The test set is scored once, when a run is over, with its best weights, and chooses nothing."""

import pytest

from tests.training.games import points, train
from workings.training.journal import Journal, read_metrics
from workings.training.run import Run
from workings.training.testing import score_once


@pytest.fixture
def run(tmp_path) -> Run:
    train(points, tmp_path)
    return Run(tmp_path)


def recorded(run: Run) -> list[dict]:
    return [row for row in read_metrics(run.metrics) if row["event"] == "test"]


def test_the_best_weights_are_scored_and_the_scores_recorded_with_their_step(run, capsys):
    game, asked = points({})[0], []
    game.test = lambda folder: asked.append(folder) or {"loss": 0.25, "accuracy": 0.5}
    score_once(game, run)
    best = [row["step"] for row in read_metrics(run.metrics) if row["event"] == "validation" and row["best"]][-1]
    assert asked == [run.model] and recorded(run) == [{"event": "test", "step": best, "loss": 0.25, "accuracy": 0.5}]
    assert "test loss 0.250  accuracy 0.500" in capsys.readouterr().err
    score_once(game, run, quiet=True)
    assert capsys.readouterr().err == ""


def test_a_task_without_test_data_records_nothing(run):
    score_once(points({})[0], run)
    assert recorded(run) == []


def test_a_run_that_goes_on_forgets_the_test_of_the_weights_it_had(run):
    journal = Journal(run.metrics)
    journal.write("test", 3, loss=1.0)
    journal.write("resume", 20)
    assert recorded(run) == []
    journal.write("test", 25, loss=0.5)
    assert [row["step"] for row in recorded(run)] == [25]
