"""The moving average: its closed form, its warmed decay, and that using it changes nothing; and the mean of the last checkpoints."""

import json
import os
import signal

import pytest
import safetensors.torch
import torch
from torch import nn

from tests.tasks.pairs import translators
from tests.training.games import assert_same_bits, in_child, language, points, rows, signal_at, train
from workings.training.averaging import Average, mean
from workings.training.checkpoints import Checkpoints, read
from workings.training.journal import read_metrics
from workings.weights.folder import load_folder


def follow(decay: float, values: list[float]) -> tuple[nn.Linear, Average]:
    """A module whose one weight takes these values in turn, averaged after each but the first."""
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(values[0])
    average = Average(module, decay)
    for value in values[1:]:
        module.weight.data.fill_(value)
        average.update()
    return module, average


def test_the_average_is_the_weighted_sum_in_closed_form():
    """w'_n = sum_k (1 - d_k) prod_{j > k} d_j w_k + prod_j d_j w_0, with d_n = min(d, (1 + n) / (10 + n))."""
    values = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0]
    for decay in (0.1, 0.25, 0.999):
        decays = [min(decay, (1 + n) / (10 + n)) for n in range(1, len(values))]
        expected = 0.0
        for k, value in enumerate(values):
            weight = 1.0 if k == 0 else 1 - decays[k - 1]
            for d in decays[k:]:
                weight *= d
            expected += weight * value
        _, average = follow(decay, values)
        assert float(average.weights["weight"]) == pytest.approx(expected, rel=1e-6)


def test_the_decay_warms_up_so_that_a_short_run_is_not_all_beginning():
    _, average = follow(0.9999, [100.0] + [0.0] * 30)
    assert abs(float(average.weights["weight"])) < 0.01


def test_a_constant_is_its_own_average():
    _, average = follow(0.99, [2.5] * 50)
    assert float(average.weights["weight"]) == pytest.approx(2.5, abs=1e-6)


def test_the_block_shows_the_average_and_gives_the_weights_back_bit_for_bit():
    module, average = follow(0.9, [0.1, 0.2, 0.7])
    before, mean = module.weight.detach().clone(), average.weights["weight"].clone()
    with average.applied():
        assert torch.equal(module.weight, mean) and not torch.equal(mean, before)
    assert torch.equal(module.weight, before) and torch.equal(average.weights["weight"], mean)


def test_an_error_inside_the_block_gives_them_back_too():
    module, average = follow(0.9, [0.1, 0.2])
    before = module.weight.detach().clone()
    with pytest.raises(ZeroDivisionError), average.applied():
        1 / 0  # noqa: B018
    assert torch.equal(module.weight, before)


def test_buffers_and_counters_are_the_models_own():
    module = nn.BatchNorm1d(3)
    average = Average(module, 0.9)
    module(torch.randn(8, 3))
    average.update()
    assert average.weights.keys() == {"weight", "bias"}
    with average.applied():
        assert int(module.num_batches_tracked) == 1


def checkpoints_of(folder):
    return [read(path)[0] for path in Checkpoints(folder / "checkpoints", 1).files()]


def validations(folder):
    return [row for row in read_metrics(folder / "metrics.jsonl") if row["event"] == "validation"]


def saved(folder):
    return safetensors.torch.load_file(folder / "model" / "model.safetensors")


def worse_than_its_average(game) -> None:
    """Every score is worse than the one before, save that of the last mean, which is scored twice at its step."""
    inner, seen = game.evaluate, []

    def evaluate():
        scores = inner()
        seen.append(1)
        return scores | {"loss": scores["loss"] - 1} if len(seen) > 3 else scores

    game.evaluate = evaluate


PLAN = dict(steps=20, evaluate_every=7, checkpoint_every=4, average_last=3)


def test_the_mean_is_the_mean_and_reads_one_after_another():
    sets = [{"a": torch.randn(3, 4), "b": torch.randn(2).double()} for _ in range(5)]
    before = [tensors["b"].clone() for tensors in sets]
    found, n = mean(iter(sets))
    assert n == 5
    for name in ("a", "b"):
        assert torch.allclose(found[name], torch.stack([tensors[name].double() for tensors in sets]).mean(0), atol=1e-15)
    assert all(torch.equal(tensors["b"], b) for tensors, b in zip(sets, before, strict=True))
    alone, n = mean([sets[0]])
    assert n == 1 and torch.equal(alone["a"].float(), sets[0]["a"])


def test_at_the_end_the_mean_of_the_last_checkpoints_is_scored_and_kept_when_it_is_better(tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "run", worse_than_its_average, **PLAN)
    last = checkpoints_of(tmp_path / "run")
    assert len(last) == 3  # as many as are averaged are kept, though keep says 2
    row = validations(tmp_path / "run")[-1]
    assert (row["averaged"], row["step"], row["best"]) == (3, 20, True)
    for name, tensor in saved(tmp_path / "run").items():
        by_hand = sum(tensors[f"model/weights/{name}"].double() for tensors in last) / 3
        assert torch.allclose(tensor.double(), by_hand, atol=1e-7) and not torch.equal(tensor, last[-1][f"model/weights/{name}"]), name
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert config["scores"]["averaged"] == 3 and config["scores"]["loss"] == row["loss"]


def test_the_score_of_a_mean_is_that_of_a_model_with_these_weights(tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "run", **PLAN)
    game, _, _ = make({})
    model = game.players["model"]
    last = checkpoints_of(tmp_path / "run")
    model.load_state_dict({name: sum(tensors[f"model/weights/{name}"] for tensors in last) / 3 for name in model.state_dict()})
    model.eval()
    with torch.no_grad():
        assert game.evaluate()["loss"] == pytest.approx(validations(tmp_path / "run")[-1]["loss"], abs=1e-6)


def test_the_mean_of_one_checkpoint_is_itself(tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "run", steps=8, evaluate_every=4, average_last=1)
    before, after = validations(tmp_path / "run")[-2:]
    assert after["averaged"] == 1 and after["loss"] == before["loss"] and not after["best"]
    state = checkpoints_of(tmp_path / "run")[-1]
    assert all(torch.equal(tensor, state[f"model/weights/{name}"]) for name, tensor in saved(tmp_path / "run").items())


def test_a_worse_mean_is_recorded_but_not_kept(tmp_path):
    train(language(tmp_path), tmp_path / "plain", **PLAN | {"average_last": 0})

    def spoil(game):
        inner, seen = game.evaluate, []

        def evaluate():
            seen.append(1)
            return {"loss": 100.0} if len(seen) > 3 else inner()

        game.evaluate = evaluate

    train(language(tmp_path), tmp_path / "run", spoil, **PLAN)
    row = validations(tmp_path / "run")[-1]
    assert (row["loss"], row["averaged"], row["best"]) == (100.0, 3, False)
    assert (tmp_path / "run" / "model" / "model.safetensors").read_bytes() == (tmp_path / "plain" / "model" / "model.safetensors").read_bytes()
    assert not [row for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if row["event"] == "sample" and "averaged" in row]


@pytest.mark.parametrize("stop", [5, 9, 12, 19])
def test_where_a_run_was_stopped_does_not_change_which_checkpoints_are_averaged(stop, tmp_path):
    make = language(tmp_path, optimizer={"average": 0.9})
    train(make, tmp_path / "whole", **PLAN)
    assert train(make, tmp_path / "halves", signal_at(stop), **PLAN) == "interrupted"
    assert not [row for row in validations(tmp_path / "halves") if "averaged" in row]
    train(make, tmp_path / "halves", **PLAN)
    assert_same_bits(tmp_path / "whole", tmp_path / "halves")
    names = [[path.name for path in Checkpoints(tmp_path / run / "checkpoints", 1).files()] for run in ("whole", "halves")]
    assert names[0] == names[1]


def test_a_run_that_is_done_is_not_averaged_twice_and_its_kept_mean_is_not_lost_when_it_goes_on(tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "run", worse_than_its_average, **PLAN)
    model, record = (tmp_path / "run" / "model" / "model.safetensors").read_bytes(), rows(tmp_path / "run")
    assert train(make, tmp_path / "run", **PLAN) == "done"
    assert rows(tmp_path / "run") == record
    train(make, tmp_path / "run", **PLAN | {"steps": 21})  # its scores are worse than the mean's, which was made better than it is
    assert validations(tmp_path / "run")[-1]["step"] == 21 and not validations(tmp_path / "run")[-1]["best"]
    assert (tmp_path / "run" / "model" / "model.safetensors").read_bytes() == model


def test_a_mean_without_a_damaged_checkpoint_is_made_once_and_another_when_a_good_copy_is_put_back(tmp_path, capsys):
    make = language(tmp_path)
    train(make, tmp_path / "run", **PLAN | {"average_last": 0, "keep": 3})
    first = Checkpoints(tmp_path / "run" / "checkpoints", 3).files()[0]
    good = first.read_bytes()
    first.write_bytes(good[:-7] + b"damaged")
    for _ in range(2):
        assert train(make, tmp_path / "run", **PLAN) == "done"
        assert f"{first} is damaged" in capsys.readouterr().err
        assert [row["averaged"] for row in validations(tmp_path / "run") if "averaged" in row] == [2]
    first.write_bytes(good)
    for _ in range(2):
        train(make, tmp_path / "run", **PLAN)
        assert [row["averaged"] for row in validations(tmp_path / "run") if "averaged" in row] == [2, 3]


def test_a_kill_while_the_mean_is_scored_or_kept_changes_nothing(tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "whole", worse_than_its_average, **PLAN)

    def better(game):  # as in the whole run, whose fourth score it is
        inner = game.evaluate
        game.evaluate = lambda: (lambda scores: scores | {"loss": scores["loss"] - 1})(inner())

    def dies(where):
        def change(game):
            worse_than_its_average(game)
            inner, calls = getattr(game, where), []

            def call(*given):
                calls.append(1)
                result = inner(*given)
                if len(calls) == 4:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result

            setattr(game, where, call)

        return change

    for where in ("evaluate", "save"):
        assert os.WIFSIGNALED(in_child(lambda where=where: train(make, tmp_path / where, dies(where), **PLAN)))
        train(make, tmp_path / where, better, **PLAN)
        assert_same_bits(tmp_path / "whole", tmp_path / where)


def test_a_damaged_checkpoint_is_named_and_left_out_of_the_mean(tmp_path, capsys):
    make = language(tmp_path)

    def damage(game):
        inner, seen = game.evaluate, []

        def evaluate():
            seen.append(1)
            if len(seen) == 3:
                path = Checkpoints(tmp_path / "run" / "checkpoints", 1).files()[-1]
                path.write_bytes(path.read_bytes()[:-9])
            return inner()

        game.evaluate = evaluate

    train(make, tmp_path / "run", damage, **PLAN)
    assert validations(tmp_path / "run")[-1]["averaged"] == 2
    assert "step-00000016.safetensors is damaged" in capsys.readouterr().err


def test_the_players_have_their_own_weights_again_and_buffers_are_the_last_ones(tmp_path):
    games = []
    train(points, tmp_path / "run", lambda game: (games.append(game), worse_than_its_average(game)), **PLAN)
    (game,), last = games, checkpoints_of(tmp_path / "run")
    for name, player in game.players.items():
        assert all(torch.equal(tensor, last[-1][f"{name}/weights/{key}"]) for key, tensor in player.state_dict().items())
    means, _ = mean([{key: tensor for key, tensor in tensors.items() if "/weights/" in key} for tensors in last])
    for name, tensor in saved(tmp_path / "run").items():
        player, key = name.split(".", 1)
        whole = f"{player}/weights/{key}"
        buffer = key in dict(game.players[player].named_buffers())
        assert torch.allclose(tensor.double(), last[-1][whole].double() if buffer else means[whole], atol=1e-6), name


def test_the_mean_of_tied_weights_is_tied(tmp_path):
    """A matrix that the encoder and the decoder share is saved once, and averaged once."""
    make = translators(tmp_path)
    train(make, tmp_path / "run", worse_than_its_average, **PLAN)
    last, found = checkpoints_of(tmp_path / "run"), load_folder(tmp_path / "run").model
    assert found.encoder.embedding.weight is found.decoder.embedding.weight
    by_hand = sum(tensors["model/weights/encoder.embedding.weight"].double() for tensors in last) / 3
    assert torch.allclose(found.encoder.embedding.weight.double(), by_hand, atol=1e-7)
