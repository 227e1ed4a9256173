"""Bad input through the real verbs: one clear sentence, exit code 2, and nothing that was there is lost."""

import json
import shutil
from pathlib import Path

import pytest

from workings.cli.main import main

TINY = ["--quiet"]
TINY += [word for setting in ("width=8", "layers=1", "heads=2", "context=16") for word in ("--set", f"model.{setting}")]
TEXT = "It is a truth universally acknowledged, that a reader in possession of a good text must be in want of a model.\n" * 12


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run of six steps with a checkpoint at each third."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "text.txt").write_text(TEXT)
    words = ["--data", str(folder / "text.txt"), "--steps", "6", "--set", "training.checkpoint_every=3", "--set", "training.evaluate_every=3"]
    main(["train", "language", *words, *TINY, "--out", str(folder / "run")])
    return folder / "run"


@pytest.fixture
def run(trained, tmp_path, monkeypatch) -> Path:
    """A copy of that run, and a folder of its own to work in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def refused(capsys):
    """Runs a command that must be refused; returns its sentence."""

    def refuse(*tokens: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([*tokens])
        out, err = capsys.readouterr()
        assert end.value.code == 2
        last = err.splitlines()[-1]
        assert last.startswith("workings: ") and "Traceback" not in err
        assert not out
        return last

    return refuse


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("none.txt", None, ["none.txt", "no file"]),
        ("empty.txt", b"", ["empty.txt", "is empty"]),
        ("one.txt", b"a", ["one.txt", "context"]),
        ("short.txt", b"only a few", ["short.txt", "context"]),
        ("zero.txt", b"PK\x00\x01" * 99, ["zero.txt", "binary", "offset 2"]),
        ("latin.txt", b"caf\xe9 au lait", ["latin.txt", "0xE9", "offset 3", "--encoding"]),
    ],
)
def test_texts_that_cannot_be_learned(name, data, words, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if data is not None:
        Path(name).write_bytes(data)
    sentence = refused("train", "language", "--data", name, *TINY)
    assert all(word in sentence for word in words)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["--recipe", "demmo"], ["demmo", "demo"]),
        (["--model", "gtp"], ["gtp", "gpt"]),
        (["--tokenizer", "bpee"], ["bpee", "bpe"]),
        (["--set", "model.lyers=2"], ["lyers", "layers"]),
        (["--set", "modle.layers=2"], ["modle", "model"]),
        (["--set", "model.phi=rleu"], ["phi", "relu"]),
        (["--set", "model.layers"], ["key=value"]),
        (["--set", "model.layers=0"], ["model.layers", "at least 1"]),
        (["--set", "model.layers=two"], ["model.layers", "whole number"]),
        (["--set", "training.batch=-1"], ["training.batch", "at least 1"]),
        (["--steps", "0"], ["steps", "at least 1"]),
        (["--minutes", "-1"], ["minutes"]),
        (["--precision", "fp16"], ["fp16", "slower"]),
        (["--precision", "fp8"], ["fp8"]),
        (["--device", "gpu"], ["gpu", "cpu"]),
        (["--set", "model.value=shared", "--set", "model.key_value_heads=1"], ["key_value_heads", "shared"]),
        (["--set", "model.width=9"], ["model.width", "model.heads"]),
        (["--encoding", "klingon"], ["klingon"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_choices_that_cannot_be(tokens, words, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(TEXT)
    sentence = refused("train", "language", "--data", "text.txt", *TINY, *tokens)
    assert all(word in sentence for word in words), sentence
    assert not Path("runs").exists() or not any(Path("runs").iterdir())


def test_a_recipe_of_ones_own_with_a_wrong_key(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("[training]\nstep = 5\n")
    assert "'training.steps'" in refused("train", "language", "--recipe", "mine.toml")
    Path("mine.toml").write_text("[training\n")
    assert "mine.toml" in refused("train", "language", "--recipe", "mine.toml")


def test_an_unknown_column(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("review,stars\ngood,5\n")
    sentence = refused("train", "language", "--data", "t.csv", "--column", "reveiw")
    assert "'reveiw'" in sentence and "'review'" in sentence


def test_a_run_that_exists_is_left_as_it_is(run, refused):
    before = contents(run)
    sentence = refused("train", "language", "--data", "builtin:pride", "--out", "run", *TINY)
    assert "--out" in sentence and "--overwrite" in sentence
    assert contents(run) == before


def test_overwriting_takes_only_the_folders_of_runs(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text(TEXT)
    assert "not the folder of a run" in refused("train", "language", "--data", "mine/thesis.txt", "--out", "mine", "--overwrite", *TINY)
    assert Path("mine/thesis.txt").read_text() == TEXT


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(run, capsys):
    first, last = sorted((run / "checkpoints").iterdir())
    whole = last.read_bytes()
    last.write_bytes(whole[:-7])
    main(["resume", "run", "--steps", "8"])
    said = capsys.readouterr().err
    assert last.name in said and "damaged" in said
    assert first.name not in said


def test_an_altered_bit_is_noticed_and_without_a_whole_checkpoint_nothing_is_guessed(run, refused):
    for path in (run / "checkpoints").iterdir():
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    sentence = refused("resume", "run", "--steps", "8")
    assert "No checkpoint can be used" in sentence and "checksum" in sentence


def test_settings_that_changed_are_shown_on_resume(run, refused):
    assert "model.layers: 1 -> 2" in refused("resume", "run", "--set", "model.layers=2")


def test_a_full_disk_leaves_the_checkpoints_that_were_there(run, refused, monkeypatch):
    from workings.training import checkpoints

    before = contents(run / "checkpoints")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    assert "No space left on device" in refused("resume", "run", "--steps", "12", "--quiet")
    assert contents(run / "checkpoints") == before


def test_a_model_from_a_newer_version(run, refused):
    path = run / "model" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"format": config["format"] + 1}))
    assert "newer" in refused("write", "run/model", "It")


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["It 日"], ["日", "U+65E5", "position 3"]),
        (["It", "--tokens", "0"], ["--tokens", "at least 1"]),
        (["It", "--samples", "-2"], ["--samples", "at least 1"]),
        (["It", "--temperature", "-1"], ["--temperature"]),
        (["It", "--top-p", "0"], ["--top-p"]),
        (["It", "--quantize", "int4"], ["int4", "int8"]),
    ],
)
def test_writing_that_cannot_be(tokens, words, run, refused):
    sentence = refused("write", "run", *tokens)
    assert all(word in sentence for word in words)


@pytest.mark.parametrize("command", [["resume"], ["evaluate"], ["write"], ["report"]], ids=" ".join)
def test_a_run_that_does_not_exist(command, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "nowhere" in refused(*command, "nowhere")
    Path("mine").mkdir()
    assert "mine" in refused(*command, "mine")


@pytest.mark.parametrize("tokens", [["--context", "0"], ["--stride", "-1"], ["--stride", "99"], ["--data", "nowhere.txt"]], ids=" ".join)
def test_evaluation_that_cannot_be(tokens, run, refused):
    refused("evaluate", "run", *tokens)
