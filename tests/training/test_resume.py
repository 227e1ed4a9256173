"""Stopping costs nothing: a run that was stopped, or killed, anywhere ends with the bits of one that never was."""

import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.training.games import assert_same_bits, in_child, language, points, rows, signal_at, tensors, train, write_text
from workings.errors import BadInput
from workings.settings import merge
from workings.training import checkpoints
from workings.training.journal import read_metrics

DROPPING = {"dropout": 0.2, "stochastic_depth": 0.3}
LANGUAGES = {
    "adamw": dict(model=DROPPING, optimizer={"average": 0.9}, training={"pieces": 2}),
    "muon": dict(model=DROPPING, optimizer={"name": "muon", "average": 0.99, "schedule": "inverse-sqrt"}, training={"pieces": 3}),
    "sgd": dict(model=DROPPING, optimizer={"name": "sgd", "rate": 0.1, "momentum": 0.9}),
    "bfloat16": dict(model=DROPPING | {"preset": "llama"}, training={"precision": "bfloat16"}),
    "lstm": dict(model={"preset": "lstm", "width": 16, "layers": 2, "context": 12, "dropout": 0.2}),
}


@pytest.fixture(params=[*LANGUAGES, "points"])
def make(request, tmp_path):
    if request.param == "points":
        return lambda changes: points(merge({"training": {"pieces": 2}}, changes))
    return recurrent(tmp_path) if request.param == "lstm" else language(tmp_path, **LANGUAGES[request.param])


def recurrent(folder):
    from tests.training.games import SMALL, Brief
    from workings.tasks.language_settings import read_settings, resolved

    def make(changes):
        settings = read_settings(merge({"data": {"source": str(write_text(folder))}, "training": SMALL["training"], **LANGUAGES["lstm"]}, changes))
        return Brief(settings), settings.training, resolved(settings)

    return make


def test_twenty_steps_are_ten_and_ten_bit_for_bit(make, tmp_path):
    assert train(make, tmp_path / "whole") == "done"
    assert train(make, tmp_path / "halves", signal_at(10)) == "interrupted"
    assert read_metrics(tmp_path / "halves" / "metrics.jsonl")[-1]["step"] == 10
    assert train(make, tmp_path / "halves") == "done"
    assert_same_bits(tmp_path / "whole", tmp_path / "halves")


def test_stopping_at_every_step_changes_nothing(tmp_path):
    make = language(tmp_path, **LANGUAGES["adamw"])
    train(make, tmp_path / "whole", steps=8)
    for step in range(1, 9):
        train(make, tmp_path / "pieces", signal_at(step), steps=8)
    train(make, tmp_path / "pieces", steps=8)
    assert_same_bits(tmp_path / "whole", tmp_path / "pieces")


def kill_in_piece(game, number: int) -> None:
    """Die in the number-th call of the loss."""
    inner, left = game.loss, [number]

    def loss(*given):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(*given)

    game.loss = loss


def kill_in_call(name: str, number: int, before: bool = True) -> None:
    """Die in the number-th call of os.NAME, before or after it does its work; a file is then half written."""
    inner, left = getattr(os, name), [number]

    def call(*given):
        if not before:
            inner(*given)
        left[0] -= 1
        if not left[0]:
            if name == "fsync" and stat.S_ISREG(os.fstat(given[0]).st_mode):
                os.truncate(given[0], os.fstat(given[0]).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(*given) if before else None

    setattr(os, name, call)


def killed(status: int) -> bool:
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("kind", ["adamw", "points"])
def test_a_kill_at_any_piece_of_any_step_changes_nothing(kind, tmp_path):
    make = language(tmp_path, **LANGUAGES["adamw"]) if kind == "adamw" else points
    train(make, tmp_path / "whole")
    draw = random.Random()
    for number in draw.sample(range(1, 41), 4):
        folder = tmp_path / f"killed-{number}"
        assert killed(in_child(lambda: train(make, folder, lambda game: kill_in_piece(game, number)))), number
        assert train(make, folder) == "done"
        assert_same_bits(tmp_path / "whole", folder)


@pytest.mark.parametrize(("call", "before"), [("fsync", True), ("replace", True), ("replace", False)])
def test_a_kill_while_something_is_written_changes_nothing(call, before, tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "whole")
    for number in random.Random().sample(range(1, 10), 3):
        folder = tmp_path / f"killed-{number}"
        assert killed(in_child(lambda: (kill_in_call(call, number, before), train(make, folder)))), number
        assert train(make, folder) == "done"
        assert_same_bits(tmp_path / "whole", folder)
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_run_killed_again_and_again_at_random_moments_ends_with_the_same_bits(tmp_path):
    make = language(tmp_path, **LANGUAGES["muon"])
    train(make, tmp_path / "whole", steps=60)
    for _ in range(6):
        child = os.fork()
        if child == 0:
            try:
                train(make, tmp_path / "killed", steps=60)
            finally:
                os._exit(0)
        time.sleep(random.uniform(0.05, 0.3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert train(make, tmp_path / "killed", steps=60) == "done"
    assert_same_bits(tmp_path / "whole", tmp_path / "killed")


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    make = language(tmp_path)
    assert killed(in_child(lambda: train(make, tmp_path / "run", lambda game: kill_in_piece(game, 4))))
    train(make, tmp_path / "run")
    train(make, tmp_path / "whole")
    assert_same_bits(tmp_path / "whole", tmp_path / "run")
    assert [row["event"] for row in read_metrics(tmp_path / "run" / "metrics.jsonl")].count("start") == 1


def test_a_finished_run_can_be_resumed_and_nothing_happens(make, tmp_path):
    train(make, tmp_path / "run")
    before = tensors(tmp_path / "run")
    assert train(make, tmp_path / "run") == "done"
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors(tmp_path / "run").items())


def test_a_longer_plan_goes_on_from_where_the_shorter_ended(tmp_path):
    make = language(tmp_path, optimizer={"schedule": "constant", "warmup": 0.0})
    train(make, tmp_path / "long", steps=20)
    train(make, tmp_path / "short", steps=12)
    assert train(make, tmp_path / "short", steps=20) == "done"
    long, short = tensors(tmp_path / "long"), tensors(tmp_path / "short")
    assert all(torch.equal(long[name], short[name]) for name in long if "weights" in name)


def test_changed_settings_are_refused_with_the_difference(tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "run", signal_at(5))
    with pytest.raises(BadInput, match=r"training\.batch: 6 -> 8"):
        train(make, tmp_path / "run", batch=8)
    with pytest.raises(BadInput, match=r"model\.layers: 2 -> 3"):
        train(language(tmp_path, model={"layers": 3}), tmp_path / "run")


def test_settings_that_only_say_how_long_may_change_and_are_kept(tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "run", signal_at(5))
    assert train(make, tmp_path / "run", signal_at(9), steps=12, evaluate_every=3, checkpoint_every=2, keep=1, patience=9, log_every=1) == "interrupted"
    from workings.training.run import Run

    assert Run(tmp_path / "run").settings()["training"]["steps"] == 12


def test_changed_data_is_refused(tmp_path):
    train(language(tmp_path), tmp_path / "run", signal_at(5))
    text = (tmp_path / "text.txt").read_text()
    (tmp_path / "text.txt").write_text(text[::-1])
    with pytest.raises(BadInput, match="data .* is not what it was trained with"):
        train(language(tmp_path), tmp_path / "run")


def command(*words: str, **options) -> subprocess.Popen:
    source = Path(checkpoints.__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "workings", *words], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)


def arguments(folder: Path, out: str, steps: int) -> list[str]:
    sizes = "model.width=16 model.layers=2 model.heads=2 model.context=12 model.dropout=0.1 training.batch=6 training.checkpoint_every=10 training.log_every=5"
    sets = [word for size in f"{sizes} training.evaluate_every={steps // 4} optimizer.average=0.9 training.pieces=2".split() for word in ("--set", size)]
    return ["train", "language", "--data", str(write_text(folder)), "--steps", str(steps), "--out", str(folder / out), "--quiet", *sets]


def wait_for_step(folder: Path, step: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (folder / "metrics.jsonl").exists() and any(row["step"] >= step for row in read_metrics(folder / "metrics.jsonl")):
            return
        time.sleep(0.01)
    raise AssertionError("the run did not come that far")


@pytest.mark.slow
def test_kill_9_and_workings_resume_give_the_bytes_of_an_uninterrupted_run(tmp_path):
    whole = command(*arguments(tmp_path, "whole", 120))
    run = command(*arguments(tmp_path, "killed", 120))
    wait_for_step(tmp_path / "killed", random.randint(5, 100))
    run.kill()
    assert run.wait() == -signal.SIGKILL
    again = command("resume", str(tmp_path / "killed"), "--quiet")
    assert (whole.wait(), again.wait()) == (0, 0), again.stderr.read()
    assert_same_bits(tmp_path / "whole", tmp_path / "killed")
    assert (tmp_path / "killed" / "report.html").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_saves_exits_with_130_and_says_how_to_go_on(number, tmp_path):
    run = command(*arguments(tmp_path, "run", 100_000))
    wait_for_step(tmp_path / "run", 12)
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert said.strip().splitlines()[-1] == f"workings: saved; go on with: workings resume {tmp_path / 'run'}"
    end = read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]
    assert end["event"] == "end" and end["reason"] == "interrupted"
    assert (tmp_path / "run" / "checkpoints" / f"step-{end['step']:08d}-stopped.safetensors").exists()


def test_rows_after_a_resume_are_those_of_the_whole_run(tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "whole")
    train(make, tmp_path / "run", signal_at(10))
    train(make, tmp_path / "run")
    assert [row["step"] for row in rows(tmp_path / "run") if row["event"] == "train"] == [3, 6, 9, 12, 15, 18, 20]
