"""Many processes are one: replicated or sharded, the losses are those of a single process, and checkpoints fit any number of them."""

import os
import socket
import time
from pathlib import Path

import pytest
import torch

from tests.tasks.pairs import translators
from tests.tasks.pictures import classifiers, write_arrays
from tests.training.games import Ragged, assert_same_bits, language, rows, signal_at, tensors, train
from workings.errors import BadInput
from workings.training.distribution import Ranks
from workings.training.journal import read_metrics

DROPPING = {"dropout": 0.2, "stochastic_depth": 0.3}


def together(action, world: int = 2, seconds: float = 60) -> None:
    """Run `action()` in that many processes that know of each other, as torchrun starts them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    children = []
    for rank in range(world):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
                action()
                code = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    deadline, ended = time.monotonic() + seconds, {}
    while len(ended) < world and time.monotonic() < deadline:
        for child in children:
            if child not in ended:
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    ended[child] = status
        time.sleep(0.01)
    for child in children:
        if child not in ended:
            os.kill(child, 9)
            os.waitpid(child, 0)
    assert list(ended.values()) == [0] * world, ended


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in rows(folder) if "loss" in row]


def assert_close(one: Path, other: Path) -> None:
    assert losses(one) == pytest.approx(losses(other), abs=2e-6)
    a, b = tensors(one), tensors(other)
    assert a.keys() == b.keys()
    for name in a:
        assert torch.allclose(a[name].double(), b[name].double(), atol=3e-5), name


@pytest.fixture
def make(tmp_path):
    # A large epsilon: with Adam's usual one, a gradient that is only rounding moves a weight as far as any other.
    return language(tmp_path, kind=Ragged, model=DROPPING, optimizer={"average": 0.9, "epsilon": 1e-3})


@pytest.mark.parametrize("how", ["replicated", "sharded"])
def test_a_step_of_fewer_rows_than_parts_is_that_of_one_process(how, tmp_path):
    make = translators(tmp_path, model={"dropout": 0.2}, data={"batch_tokens": 24}, optimizer={"name": "adamw", "epsilon": 1e-3})
    task = make({})[0]
    assert min(task.rows(step, 0, 8) for step in range(6)) == 1
    train(make, tmp_path / "one", steps=6, log_every=1)
    together(lambda: train(make, tmp_path / how, steps=6, log_every=1, pieces=2, distribution=how))
    assert_close(tmp_path / "one", tmp_path / how)


@pytest.mark.parametrize("how", ["replicated", "sharded"])
def test_two_processes_have_the_losses_of_one(how, make, tmp_path):
    plan = dict(steps=6, log_every=1, evaluate_every=3)
    train(make, tmp_path / "one", **plan)
    together(lambda: train(make, tmp_path / how, distribution=how, **plan))
    assert_close(tmp_path / "one", tmp_path / how)


@pytest.mark.parametrize("how", ["replicated", "sharded"])
def test_pictures_that_are_mixed_over_the_whole_batch_are_learned_in_two_processes_as_in_one(how, tmp_path):
    body = {"width": 8, "layers": 2, "heads": 2, "ff_width": 16} | DROPPING
    make = classifiers(tmp_path, model={"preset": "vit", "body": body}, augmentation={"preset": "strong"}, optimizer={"name": "adamw", "epsilon": 1e-3})
    plan = dict(steps=4, log_every=1, evaluate_every=4)
    train(make, tmp_path / "one", **plan)
    together(lambda: train(make, tmp_path / how, distribution=how, **plan))
    assert_close(tmp_path / "one", tmp_path / how)


@pytest.mark.parametrize("how", ["replicated", "sharded"])
@pytest.mark.parametrize("preset", ["cnn-small", "whitened-small"])
def test_a_network_with_batch_norms_stops_in_two_processes_without_a_bit_of_difference(preset, how, tmp_path):
    """Each process norms its own share; the statistics that are kept are those of the first."""
    write_arrays(tmp_path, side=16)
    make = classifiers(tmp_path, model={"preset": preset}, optimizer={"average": 0.9, "filters": "muon"})
    plan = dict(steps=6, evaluate_every=2, distribution=how)
    together(lambda: train(make, tmp_path / "whole", **plan))
    together(lambda: train(make, tmp_path / "parts", signal_at(3), **plan))
    together(lambda: train(make, tmp_path / "parts", **plan))
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("how", ["replicated", "sharded"])
def test_muon_in_two_processes_is_muon_in_one(how, tmp_path):
    make = language(tmp_path, kind=Ragged, model={"phi": "gated"}, optimizer={"name": "muon", "epsilon": 1e-3})
    plan = dict(steps=4, log_every=1, evaluate_every=4)
    train(make, tmp_path / "one", **plan)
    together(lambda: train(make, tmp_path / how, distribution=how, **plan))
    assert losses(tmp_path / how) == pytest.approx(losses(tmp_path / "one"), abs=2e-5)


@pytest.mark.parametrize("how", ["replicated", "sharded"])
def test_the_mean_of_the_last_checkpoints_in_two_processes_is_that_in_one(how, make, tmp_path):
    plan = dict(steps=6, log_every=1, evaluate_every=3, checkpoint_every=2, average_last=3)
    train(make, tmp_path / "one", **plan)
    together(lambda: train(make, tmp_path / how, distribution=how, **plan))
    assert_close(tmp_path / "one", tmp_path / how)
    one, two = ([row for row in rows(tmp_path / name) if row.get("averaged")] for name in ("one", how))
    assert one[0]["averaged"] == two[0]["averaged"] == 3 and one[0]["loss"] == pytest.approx(two[0]["loss"], abs=2e-6)
    before = len(read_metrics(tmp_path / how / "metrics.jsonl"))
    together(lambda: train(make, tmp_path / how, distribution=how, **plan))
    assert [row["event"] for row in read_metrics(tmp_path / how / "metrics.jsonl")[before - 1 :]] == ["resume", "end"]  # not again


@pytest.mark.parametrize("how", ["replicated", "sharded"])
def test_two_processes_resume_to_the_same_bits(how, make, tmp_path):
    plan = dict(steps=10, distribution=how)
    together(lambda: train(make, tmp_path / "whole", **plan))
    together(lambda: train(make, tmp_path / "halves", signal_at(5), **plan))
    assert read_metrics(tmp_path / "halves" / "metrics.jsonl")[-1]["reason"] == "interrupted"
    together(lambda: train(make, tmp_path / "halves", **plan))
    assert_same_bits(tmp_path / "whole", tmp_path / "halves")


@pytest.mark.parametrize("how", ["replicated", "sharded"])
def test_two_processes_resume_batches_of_so_many_tokens_to_the_same_bits(how, tmp_path):
    make = translators(tmp_path, model={"dropout": 0.2}, data={"batch_tokens": 24}, optimizer={"average": 0.9})
    plan = dict(steps=8, distribution=how, average_last=2)
    assert len({make({})[0].rows(step, 0, 8) for step in range(8)}) > 1
    together(lambda: train(make, tmp_path / "whole", **plan))
    together(lambda: train(make, tmp_path / "halves", signal_at(5), **plan))
    assert read_metrics(tmp_path / "halves" / "metrics.jsonl")[-1]["reason"] == "interrupted"
    together(lambda: train(make, tmp_path / "halves", **plan))
    assert_same_bits(tmp_path / "whole", tmp_path / "halves")


@pytest.mark.parametrize("how", ["replicated", "sharded"])
def test_a_checkpoint_of_two_processes_goes_on_in_one_and_the_reverse(how, make, tmp_path):
    plan = dict(steps=8, log_every=1, distribution=how)
    train(make, tmp_path / "one", **plan)
    together(lambda: train(make, tmp_path / "two-one", signal_at(4), **plan))
    train(make, tmp_path / "two-one", **plan)
    train(make, tmp_path / "one-two", signal_at(4), **plan)
    together(lambda: train(make, tmp_path / "one-two", **plan))
    assert_close(tmp_path / "one", tmp_path / "two-one")
    assert_close(tmp_path / "one", tmp_path / "one-two")


def test_the_verb_trains_in_two_processes_in_one_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from tests.training.games import write_text
    from workings import verbs

    monkeypatch.setattr(verbs, "report", lambda folder: None)
    sets = ["model.width=16", "model.layers=1", "model.heads=2", "model.context=12", "training.batch=4"]
    path = str(write_text(tmp_path))
    together(lambda: verbs.train("language", data=path, steps=2, set=sets, quiet=True))
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "model" / "model.safetensors").exists() and (folder / "environment.json").exists()


def test_the_shares_of_all_ranks_are_the_whole_batch_in_order(monkeypatch):
    for world, pieces, batch in ((1, 1, 7), (2, 1, 8), (2, 3, 17), (3, 2, 6)):
        shares = []
        for rank in range(world):
            ranks = Ranks(torch.device("cpu"), "replicated")
            ranks.rank, ranks.world = rank, world
            shares += list(ranks.rows(batch, pieces))
        assert [first for first, _ in shares] == [sum(count for _, count in shares[:index]) for index in range(len(shares))]
        assert sum(count for _, count in shares) == batch and min(count for _, count in shares) >= 1


def test_more_processes_than_rows_are_refused():
    ranks = Ranks(torch.device("cpu"), "replicated")
    ranks.world = 4
    with pytest.raises(BadInput, match="batch 6 cannot be cut into 8 parts"):
        ranks.check(6, 2)


def test_both_classifiers_of_a_student_that_lies_on_two_processes_say_what_they_say_on_one():
    from workings.models.vision_settings import body, vision_settings
    from workings.models.vision_transformer import VisionTransformer

    def student() -> VisionTransformer:
        torch.manual_seed(0)
        sizes = dict(body=body(width=12, heads=2, layers=2), image_size=(8, 8), patch_size=(4, 4), classes=3)
        return VisionTransformer(vision_settings("deit-tiny-16", **sizes)).eval()

    def compare() -> None:
        pictures, model = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)), student()
        wanted = torch.cat(model.heads(pictures))
        found = torch.cat(Ranks(torch.device("cpu"), "sharded").place(model).heads(pictures))
        found.sum().backward()
        torch.testing.assert_close(found, wanted)

    together(compare)
