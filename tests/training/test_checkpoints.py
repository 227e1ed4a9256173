"""Checkpoints: whole or not at all, proven whole when read, and never the reason that something is lost."""

import errno
import os
import random
import resource
import subprocess
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.training.games import assert_same_bits, language, signal_at, train
from workings.errors import BadInput
from workings.training import checkpoints as c
from workings.training.checkpoints import Checkpoints, digest, read, write_whole

TENSORS = {
    "weights/a": torch.randn(3, 5),
    "count": torch.tensor(7),
    "empty": torch.zeros(0, 4),
    "mask": torch.tensor([True, False]),
    "half": torch.ones(2).bfloat16(),
}
FACTS = {"state": {"step": 3, "best": float("inf")}, "config": {"model": {"phi": "gelu", "name": "Zoë"}}}


@pytest.fixture
def kept(tmp_path) -> Checkpoints:
    kept = Checkpoints(tmp_path / "checkpoints", keep=3)
    for step in (1, 2, 3):
        kept.save(step, {**TENSORS, "step": torch.tensor(step)}, FACTS | {"at": step})
    return kept


def test_what_is_saved_is_what_is_read(kept):
    tensors, facts, damaged = kept.load()
    assert facts == FACTS | {"at": 3} and not damaged
    assert tensors.keys() == {*TENSORS, "step"}
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype and torch.equal(tensors[name], tensor)


def test_no_checkpoint_is_nothing(tmp_path):
    assert Checkpoints(tmp_path / "none", keep=1).load() is None


def test_the_last_few_are_kept(tmp_path):
    for keep in (1, 2, 5):
        kept = Checkpoints(tmp_path / str(keep), keep)
        for step in (2, 9, 10, 100, 12_345_678):
            kept.save(step, TENSORS, FACTS)
        assert [int(path.stem[5:]) for path in kept.files()] == [2, 9, 10, 100, 12_345_678][-keep:]


def test_one_that_is_there_only_because_a_run_was_stopped_pushes_none_out_and_goes_with_the_next(tmp_path):
    kept = Checkpoints(tmp_path, keep=2)
    for step, stopped in ((2, False), (4, False), (5, True), (6, False)):
        kept.save(step, TENSORS, FACTS | {"at": step}, stopped)
        assert kept.load()[1]["at"] == step
        if stopped:
            assert [path.stem for path in kept.files()] == ["step-00000002", "step-00000004", "step-00000005-stopped"]
    assert [path.stem for path in kept.files()] == ["step-00000004", "step-00000006"]


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data[: len(data) // 2], lambda data: data[:5], lambda data: b"", lambda data: b"\0" * len(data)]
)
def test_a_cut_or_empty_one_is_named_and_the_one_before_is_used(spoil, kept):
    last = kept.files()[-1]
    last.write_bytes(spoil(last.read_bytes()))
    _, facts, (sentence,) = kept.load()
    assert facts["at"] == 2 and str(last) in sentence and "damaged" in sentence


def test_a_flipped_bit_anywhere_is_seen(kept):
    last = kept.files()[-1]
    whole = last.read_bytes()
    expected = read(last)[0]
    for place in range(len(whole)):
        spoiled = bytearray(whole)
        spoiled[place] ^= 1 << random.randrange(8)
        last.write_bytes(bytes(spoiled))
        tensors, facts, damaged = kept.load()
        same = facts["at"] == 3 and all(torch.equal(tensor, expected[name]) for name, tensor in tensors.items())
        assert damaged or same, f"byte {place}"
        if place >= len(whole) - 100:  # within the numbers, where every bit counts
            assert damaged and facts["at"] == 2


def test_when_all_are_damaged_each_is_named(kept):
    for path in kept.files():
        path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(BadInput) as error:
        kept.load()
    assert all(str(path) in str(error.value) for path in kept.files())


def test_a_file_of_somebody_else_is_not_a_checkpoint(kept):
    safetensors.torch.save_file({"a": torch.zeros(2)}, kept.folder / "step-00000009.safetensors")
    _, facts, (sentence,) = kept.load()
    assert facts["at"] == 3 and "step-00000009" in sentence


def test_left_overs_of_a_kill_are_ignored_and_swept_away(kept):
    left = kept.folder / "step-00000004.safetensors.partial"
    left.write_bytes(b"half")
    assert kept.load()[1]["at"] == 3
    kept.save(5, TENSORS, FACTS)
    assert not left.exists()


def test_a_damaged_later_one_does_not_push_out_a_whole_earlier_one(tmp_path):
    kept = Checkpoints(tmp_path, keep=1)
    kept.save(30, TENSORS, FACTS)
    (tmp_path / "step-00000040.safetensors").write_bytes(b"damaged")
    kept.save(35, TENSORS, FACTS)
    assert [path.name for path in kept.files()] == ["step-00000035.safetensors"]
    assert kept.load() is not None


def test_the_digest_knows_names_shapes_types_values_and_facts():
    a = torch.arange(6.0)
    digests = {
        digest({"a": a}, "x"),
        digest({"b": a}, "x"),
        digest({"a": a.view(2, 3)}, "x"),
        digest({"a": a.view(torch.int32)}, "x"),
        digest({"a": a + 1}, "x"),
        digest({"a": a}, "y"),
        digest({"a": a[:3], "b": a[3:]}, "x"),
    }
    assert len(digests) == 7
    assert digest({"a": a.view(2, 3).T.contiguous().T}, "x") == digest({"a": a.view(2, 3)}, "x")


def full(*given):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_sentence_and_what_was_saved_stays(call, kept, monkeypatch):
    monkeypatch.setattr(c.os, call, full)
    with pytest.raises(BadInput, match="step-00000004.* could not be written: No space left on device; what was saved before is untouched"):
        kept.save(4, TENSORS, FACTS)
    monkeypatch.undo()
    assert kept.load()[1]["at"] == 3 and not list(kept.folder.glob("*.partial"))


def test_a_file_that_exists_stays_whole_when_writing_it_anew_fails(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    write_whole(path, b"first")
    monkeypatch.setattr(c.os, "fsync", full)
    with pytest.raises(BadInput):
        write_whole(path, b"second")
    assert path.read_bytes() == b"first"


def test_a_limit_on_the_size_of_files_is_one_sentence_too(kept):
    """The system itself refuses to write on, in the middle of the file."""
    import signal

    from tests.training.games import in_child

    def action():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(BadInput, match="File too large"):
            kept.save(4, {"big": torch.zeros(10_000)}, FACTS)

    assert in_child(action) == 0
    assert kept.load()[1]["at"] == 3 and not list(kept.folder.glob("*.partial"))


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("a small disk cannot be made here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_run_on_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(small_disk, tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "whole")
    train(make, small_disk / "run", signal_at(9))
    good = sorted((small_disk / "run" / "checkpoints").iterdir())
    filler = small_disk / "filler"
    with pytest.raises(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(BadInput, match="No space left on device"):
        train(make, small_disk / "run")
    assert sorted((small_disk / "run" / "checkpoints").iterdir()) == good
    filler.unlink()
    train(make, small_disk / "run")
    assert_same_bits(tmp_path / "whole", small_disk / "run")


def test_a_run_with_a_damaged_checkpoint_uses_the_one_before_says_so_and_ends_with_the_same_bits(tmp_path, capsys):
    make = language(tmp_path)
    train(make, tmp_path / "whole")
    train(make, tmp_path / "run", signal_at(10))
    last = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    last.write_bytes(last.read_bytes()[:-40])
    game, settings, config = make({})
    from workings.training.fit import fit
    from workings.training.run import Run

    fit(game, settings, Run(tmp_path / "run"), config)
    said = capsys.readouterr().err
    assert f"{last} is damaged" in said and "The one before it is used." in said and "going on from step 8" in said
    assert_same_bits(tmp_path / "whole", tmp_path / "run")


def test_a_missing_last_checkpoint_is_as_if_it_had_not_been_written(tmp_path):
    make = language(tmp_path)
    train(make, tmp_path / "whole")
    train(make, tmp_path / "run", signal_at(10))
    sorted(Path(tmp_path / "run" / "checkpoints").iterdir())[-1].unlink()
    train(make, tmp_path / "run")
    assert_same_bits(tmp_path / "whole", tmp_path / "run")
