"""The loop: its clock, its clip, its ends."""

import math
import os
import signal
import threading
import types

import pytest
import torch

from tests.training.games import Brief, Ragged, language, points, rows, signal_at, tensors, train
from workings.errors import BadInput
from workings.training import fit as f
from workings.training.journal import read_metrics
from workings.training.player import Player
from workings.training.run import Run
from workings.training.settings import OptimizerSettings, TrainingSettings


def metrics(folder, event: str) -> list[dict]:
    return [row for row in read_metrics(folder / "metrics.jsonl") if row["event"] == event]


class Still(Brief):
    """A validation score that follows a list instead of the model."""

    scores = ()

    def evaluate(self):
        self.asked = getattr(self, "asked", -1) + 1
        return {"loss": self.scores[self.asked]}

    def preview(self, step):
        return {}


def test_early_stopping_stops_when_the_score_no_longer_falls_and_the_best_model_is_kept(tmp_path):
    class Turns(Still):
        scores = (3.0, 2.0, 2.5, 1.5, 1.6, 1.5, 1.4, 1.3)

    make = language(tmp_path, kind=Turns)
    assert train(make, tmp_path / "run", steps=16, evaluate_every=2, patience=2) == "early"
    assert [(row["step"], row["best"]) for row in metrics(tmp_path / "run", "validation")] == [
        (2, True),
        (4, True),
        (6, False),
        (8, True),
        (10, False),
        (12, False),
    ]
    import json

    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert config["scores"]["step"] == 8 and config["scores"]["loss"] == 1.5
    assert train(make, tmp_path / "run", steps=16, evaluate_every=2, patience=2) == "early"
    assert metrics(tmp_path / "run", "end")[-1]["step"] == 12


def test_the_best_model_is_the_averaged_one_of_its_step(tmp_path):
    import safetensors.torch

    make = language(tmp_path, optimizer={"average": 0.9})
    train(make, tmp_path / "run", steps=4, evaluate_every=4)
    saved, state = safetensors.torch.load_file(tmp_path / "run" / "model" / "model.safetensors"), tensors(tmp_path / "run")
    for name, tensor in saved.items():
        assert torch.equal(tensor, state[f"model/average/{name}"]) and not torch.equal(tensor, state[f"model/weights/{name}"])


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_stops_before_the_weights_change(kind, tmp_path):
    make = language(tmp_path, kind=Ragged)
    caught = {}

    def spoil(game):
        inner, model = game.loss, game.players["model"]

        def loss(player, batch, step):
            result = inner(player, batch, step)
            if step == 9:
                caught.update({name: tensor.clone() for name, tensor in model.state_dict().items()}, model=model)
                spoiled = model.embedding.weight.flatten()[0]
                if kind == "loss":
                    result.total = result.total * math.nan
                else:
                    result.total = result.total + (spoiled - spoiled.detach()).sqrt().clamp(min=0)  # 0, with an infinite slope
            return result

        game.loss = loss

    with pytest.raises(BadInput) as error:
        train(make, tmp_path / "run", spoil)
    said = str(error.value)
    assert f"The {'loss' if kind == 'loss' else 'norm of the gradient'} of model is" in said and "at step 10" in said
    assert "windows 54 to 59" in said and "which begins" in said
    assert "step-00000008.safetensors" in said and said.count("\n") == 0
    model = caught.pop("model")
    assert all(torch.equal(tensor, caught[name]) for name, tensor in model.state_dict().items())
    assert metrics(tmp_path / "run", "end")[0]["reason"] == "non-finite"


def test_the_gradient_is_the_mean_over_the_terms_clipped_to_the_norm_in_closed_form():
    module = torch.nn.Linear(2, 1, bias=False)
    ranks = types.SimpleNamespace(place=lambda module: module, sum_gradients=lambda parameters: None)
    for clip, expected in ((0.0, [6.0, 8.0]), (1.0, [0.6, 0.8]), (100.0, [6.0, 8.0])):
        player = Player(module, OptimizerSettings(name="adamw", rate=1e-3, clip=clip, schedule="constant", warmup=0.0), ranks)
        module.weight.grad = torch.tensor([[24.0, 32.0]])
        seen = []
        player.optimizers[0].step = lambda seen=seen: seen.append(module.weight.grad.clone())
        norm = player.gradient_norm(4)
        assert norm == pytest.approx(10.0)
        assert player.step(4, norm, 0.5) == pytest.approx(1e-3)
        assert seen[0].flatten().tolist() == pytest.approx(expected)
        assert module.weight.grad is None


class Clock:
    """Seconds that pass only when a game says so."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(f, "time", types.SimpleNamespace(perf_counter=lambda: self.now, strftime=lambda form: ""))

    def game(self, step: float, evaluation: float, slower: float = 0.0):
        """A change that lets a loss take `step` seconds, each time `slower` more, and an evaluation `evaluation`."""

        def change(game):
            inner, look, took = game.loss, game.evaluate, [step]

            def loss(*given):
                self.now += took[0]
                took[0] += slower
                return inner(*given)

            def evaluate():
                self.now += evaluation
                return look()

            game.loss, game.evaluate = loss, evaluate

        return change


@pytest.mark.parametrize(("step", "evaluation", "slower"), [(1.0, 0.5, 0.0), (1.0, 8.0, 0.0), (0.7, 0.1, 0.002), (2.0, 0.0, -0.002)])
def test_a_budget_of_minutes_is_planned_revised_and_kept(step, evaluation, slower, tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    make = language(tmp_path)
    assert train(make, tmp_path / "run", clock.game(step, evaluation, slower), minutes=4.0, evaluate_every=0, checkpoint_every=0) == "done"
    (end,) = metrics(tmp_path / "run", "end")
    assert 0.85 * 240 <= end["total_seconds"] <= 240 + step + evaluation + 1e-6
    assert metrics(tmp_path / "run", "plan") and metrics(tmp_path / "run", "validation")[-1]["step"] == end["step"]
    assert tensors(tmp_path / "run")


@pytest.mark.parametrize(
    ("work", "asked", "evaluated"), [(0.0, 0, range(2, 41, 2)), (2.1, 0, [9, 18, 27, 36, 40]), (30.0, 0, [40]), (2.1, 10, [10, 20, 30, 40])]
)
def test_evaluations_of_a_run_of_so_many_steps_take_a_fifth_of_it_by_the_games_count_and_no_clock_changes_them(work, asked, evaluated, tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    for name, seconds in (("slow", 50.0), ("fast", 0.1)):

        def change(game, seconds=seconds):
            clock.game(1.0, seconds)(game)
            game.steps_per_evaluation = work

        train(language(tmp_path), tmp_path / name, change, steps=40, evaluate_every=asked, checkpoint_every=0)
        assert [row["step"] for row in metrics(tmp_path / name, "validation")] == list(evaluated)


def test_the_work_of_an_evaluation_is_a_third_of_that_of_steps_over_the_same_data(tmp_path):
    game, settings, _ = language(tmp_path)({})
    steps = len(game.validation) / (settings.batch * game.settings.model.context)
    assert game.steps_per_evaluation == pytest.approx(steps / 3) and 0.5 < steps < 50


def test_the_schedule_ends_at_the_last_step_of_a_budget(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    make = language(tmp_path, optimizer={"schedule": "linear", "final": 0.0, "warmup": 0.0})
    train(make, tmp_path / "run", clock.game(1.0, 2.0), minutes=2.0, evaluate_every=0, log_every=1)
    rates = [row["learning_rate"] for row in metrics(tmp_path / "run", "train")]
    steps = metrics(tmp_path / "run", "end")[0]["step"]
    assert rates[-1] == pytest.approx(3e-3 / (steps + 1), rel=1e-6) and rates[0] > 0.9 * 3e-3  # the last step still moves the weights


def test_an_interrupted_budget_goes_on_with_its_plan_and_a_finished_one_stays_finished(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    make, slow = language(tmp_path), clock.game(1.0, 0.0)

    def stopped(game):
        slow(game)
        signal_at(30)(game)

    plan = dict(minutes=1.0, evaluate_every=0, checkpoint_every=0)
    assert train(make, tmp_path / "run", stopped, **plan) == "interrupted"
    assert train(make, tmp_path / "run", slow, **plan) == "done"
    (end,) = metrics(tmp_path / "run", "end")
    assert 54 <= end["step"] <= 61
    assert train(make, tmp_path / "run", slow, **plan) == "done"
    assert metrics(tmp_path / "run", "end")[0]["step"] == end["step"]


def test_a_rehearsal_leaves_every_tensor_as_it_was(tmp_path):
    game, settings, config = points({})
    loop = f.Loop(game, settings, Run(tmp_path), f.Progress(True, ""), config)
    before = {name: {key: tensor.clone() for key, tensor in player.state_dict().items()} for name, player in game.players.items()}
    assert loop.rehearse() > 0 and game.seen
    for name, player in game.players.items():
        assert all(torch.equal(tensor, before[name][key]) for key, tensor in player.state_dict().items())
        assert all(parameter.grad is None for parameter in player.parameters())


def test_more_minutes_are_planned_at_the_pace_so_far(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    make, slow = language(tmp_path), clock.game(1.0, 0.0)
    train(make, tmp_path / "run", slow, minutes=0.5, evaluate_every=0, checkpoint_every=0)
    assert Run(tmp_path / "run").spent() == pytest.approx(30, abs=2)
    train(make, tmp_path / "run", slow, minutes=1.0, evaluate_every=0, checkpoint_every=0)
    assert 54 <= metrics(tmp_path / "run", "end")[0]["step"] <= 61


def test_one_step_a_line_at_least_and_the_losses_between_two_lines_are_averaged(tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "each", log_every=1, steps=6)
    train(make, tmp_path / "three", log_every=3, steps=6)
    each, three = ([row["loss"] for row in metrics(tmp_path / name, "train")] for name in ("each", "three"))
    assert three == pytest.approx([sum(each[:3]) / 3, sum(each[3:]) / 3])


def test_the_loss_falls(tmp_path):
    train(language(tmp_path, optimizer={"rate": 1e-2}), tmp_path / "run", steps=60, evaluate_every=30)
    losses = [row["loss"] for row in rows(tmp_path / "run") if row["event"] == "train"]
    assert losses[-1] < losses[0] - 0.1


def test_a_run_is_the_same_function_of_its_seed_and_another_of_another(tmp_path):
    make = language(tmp_path)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(make, tmp_path / name, steps=3, seed=seed)
    a, b, c = (tensors(tmp_path / name)["model/weights/embedding.weight"] for name in "abc")
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_it_trains_in_a_thread_where_no_signal_can_be_heard(tmp_path):
    said = []
    thread = threading.Thread(target=lambda: said.append(train(points, tmp_path / "run", steps=2)))
    thread.start()
    thread.join()
    assert said == ["done"]


def signals(*moments: float, monkeypatch) -> bool:
    """Whether Ctrl-C at these moments stopped at once."""
    from workings.training import signals as module

    clock = [0.0]
    monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    before = signal.getsignal(signal.SIGINT)
    try:
        with module.Stop() as stop:
            for moment in moments:
                clock[0] = moment
                os.kill(os.getpid(), signal.SIGINT)
            assert stop.asked
        return False
    except KeyboardInterrupt:
        return True
    finally:
        assert signal.getsignal(signal.SIGINT) is before


def test_a_second_signal_stops_at_once_unless_it_is_the_echo_of_the_first(monkeypatch):
    assert not signals(10.0, monkeypatch=monkeypatch)
    assert not signals(10.0, 10.3, 10.9, monkeypatch=monkeypatch)
    assert signals(10.0, 11.5, monkeypatch=monkeypatch)
    assert signals(10.0, 10.5, 11.2, monkeypatch=monkeypatch)


def test_a_disk_that_is_full_when_the_model_is_saved_is_one_sentence_and_the_old_model_stays(tmp_path, monkeypatch):
    import safetensors.torch

    make = language(tmp_path)
    train(make, tmp_path / "run", steps=7)
    before = (tmp_path / "run" / "model" / "model.safetensors").read_bytes()

    def full(*given, **named):
        raise safetensors.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(BadInput, match="model could not be written .*No space left on device; the one saved before is untouched"):
        train(make, tmp_path / "run", steps=30)
    assert (tmp_path / "run" / "model" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch": 0}, "training.batch is 0; it must be at least 1"),
        ({"steps": -1}, "training.steps is -1"),
        ({"minutes": -2.0}, "training.minutes is -2.0"),
        ({"keep": 0}, "training.keep is 0"),
        ({"average_last": -1}, "training.average_last is -1"),
        ({"pieces": 9, "batch": 8}, "training.pieces is 9, more than training.batch, which is 8"),
        ({"seed": 2**63}, "training.seed is 9223372036854775808; it must be below"),
    ],
)
def test_sizes_that_cannot_be_are_refused_by_name(change, said):
    with pytest.raises(BadInput, match=said):
        TrainingSettings(**change)


@pytest.mark.parametrize(
    ("change", "said"), [({"rate": -1.0}, "optimizer.rate is -1.0"), ({"warmup": 1.5}, "a part of the whole"), ({"beta2": 1.0}, "must be below 1")]
)
def test_optimizer_settings_that_cannot_be_are_refused_by_name(change, said):
    with pytest.raises(BadInput, match=said):
        OptimizerSettings(**change)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(BadInput, match="no cuda device"):
        train(language(tmp_path), tmp_path / "run", device="cuda")
    assert not any((tmp_path / "run").iterdir())


def test_float16_on_a_cpu_is_refused(tmp_path):
    with pytest.raises(BadInput, match="hundred times slower"):
        train(language(tmp_path), tmp_path / "run", precision="float16")


def test_tensorboard_has_the_losses_and_the_samples(tmp_path):
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(language(tmp_path), tmp_path / "run", signal_at(10), tensorboard=True)
    train(language(tmp_path), tmp_path / "run", tensorboard=True)
    events = loading.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    scalars = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert [step for step, _ in scalars] == [3, 6, 9, 12, 15, 18, 20]
    assert [value for _, value in scalars] == pytest.approx([row["loss"] for row in metrics(tmp_path / "run", "train")], rel=1e-6)
    assert "sample/text_summary" in events.Tags()["tensors"]


def test_tensorboard_that_is_not_installed_is_one_sentence(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(BadInput, match=r"pip install 'workings\[tensorboard\]'"):
        train(language(tmp_path), tmp_path / "run", tensorboard=True)
