"""The command line: what it accepts, what it says, how it exits. The verbs themselves are replaced by ones that only record or fail."""

import errno
import json
import os
import re
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

from workings.cli.main import app, main
from workings.errors import BadInput

COMMANDS = [
    ["train", "language"],
    ["train", "sentences"],
    ["resume"],
    ["evaluate"],
    ["write"],
    ["translate"],
    ["embed"],
    ["classify"],
    ["draw"],
    ["import"],
    ["combine"],
    ["export"],
    ["push"],
    ["report"],
    ["study"],
    ["tour"],
    ["data"],
    ["doctor"],
    ["demo"],
]


@dataclass
class Text:
    prompt: str
    text: str
    logprobs: list | None = None


@dataclass
class Row:
    name: str
    value: str
    ok: bool
    advice: str


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Verbs that note their arguments in `.calls`, or raise `.error` when it is set."""
    fake = types.SimpleNamespace(calls=[], error=None)
    run = types.SimpleNamespace(folder=Path("runs/a"), task="language")
    answers = {
        "train": run,
        "resume": run,
        "demo": run,
        "evaluate": {"loss": 1.25, "tokens": 4096},
        "report": Path("runs/a/report.html"),
        "write": [Text("Once", " upon"), Text("Once", " more")],
        "data": [("pride", "language", "1 text"), ("austen", "language", "6 texts")],
        "doctor": [Row("cores", "2", True, ""), Row("disk", "0.1 GiB", False, "Free some space.")],
    }

    def recorder(name):
        def verb(*args, **options):
            fake.calls.append((name, args, options))
            if fake.error:
                raise fake.error
            return answers.get(name)

        return verb

    module = types.ModuleType("workings.verbs")
    for name in ("train", "resume", "evaluate", "write", "report", "data", "doctor", "demo"):
        setattr(module, name, recorder(name))
    monkeypatch.setitem(sys.modules, "workings.verbs", module)
    monkeypatch.setattr("workings.verbs", module, raising=False)
    monkeypatch.delenv("WORKINGS_DEBUG", raising=False)
    return fake


def refused(capsys: pytest.CaptureFixture, *tokens: str) -> str:
    """The one line that a refused command leaves on standard error."""
    with pytest.raises(SystemExit) as end:
        main(tokens)
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("workings: ") and err.count("\n") == 1, err
    assert "Traceback" not in err and "─" not in err
    return err


def shown(capsys: pytest.CaptureFixture, *tokens: str) -> str:
    """What a command prints."""
    main(tokens)
    return capsys.readouterr().out


def test_every_verb_is_a_command():
    listed = {name for name in app if not name.startswith("-")}
    assert listed == {command[0] for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_a_description_and_two_examples(command, capsys):
    text = shown(capsys, *command, "--help")
    usage, description, *_ = [line for line in text.splitlines() if line]
    assert usage.startswith("Usage: workings " + " ".join(command))
    assert description.endswith(".") and len(description.split()) >= 5
    examples = text.partition("Examples:\n")[2].splitlines()
    named = [line for line in examples if line.startswith(("  workings " + " ".join(command), "  ./run " + " ".join(command)))]
    assert len(named) >= 2


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_option_is_explained(command, capsys):
    text = shown(capsys, *command, "--help").partition("Examples:")[0]
    for block in re.split(r"\n  (?=\S)", text)[1:]:
        assert len(block.split()) >= 4, block


@pytest.mark.parametrize("command", [[], ["train"], *COMMANDS], ids=lambda command: " ".join(command) or "workings")
def test_help_needs_no_more_than_eighty_columns(command, capsys):
    assert max(map(len, shown(capsys, *command, "--help").splitlines())) <= 80


def test_help_of_a_command_is_all_that_there_is_to_say(capsys):
    main(["export", "--help"])
    assert "hf: a folder for transformers" in capsys.readouterr().out


def test_help_without_a_command_is_the_help(capsys):
    assert shown(capsys) == shown(capsys, "--help")


def test_help_of_train_lists_the_settings_that_set_takes(capsys):
    text = shown(capsys, "train", "language", "--help")
    for setting in ("model.layers=4", "model.phi=gelu", "optimizer.rate=0.003", "training.batch="):
        assert setting in text
    assert "L, the number of layers." in text


def test_version(capsys):
    import workings

    assert shown(capsys, "--version") == workings.__version__ + "\n"


def test_help_takes_less_than_three_tenths_of_a_second():
    def seconds() -> float:  # of the processor, so that what else runs does not count
        before = os.times()
        subprocess.run([sys.executable, "-m", "workings", "--help"], check=True, capture_output=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(5)) < 0.3


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["trian"], ["trian", "train"]),
        (["train", "langauge"], ["langauge", "language"]),
        (["train", "language", "--dta", "x"], ["--dta", "--data"]),
        (["train", "language", "--steps", "many"], ["--steps", "many"]),
        (["train", "language", "my.txt"], ["my.txt", "train language", "--help"]),
        (["train", "language", "--data"], ["--data"]),
        (["write"], ["RUN"]),
        (["write", "runs/a", "--temprature", "1"], ["--temprature", "--temperature"]),
    ],
)
def test_a_mistake_in_the_command_is_one_sentence(tokens, words, capsys, verbs):
    err = refused(capsys, *tokens)
    assert all(word in err for word in words)
    assert not verbs.calls


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BadInput("The text is empty."), "The text is empty."),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/a/model.safetensors"), "runs/a/model.safetensors: No space left on device."),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/root/x"), "/root/x: Permission denied."),
        (OSError("two\nlines"), "two lines"),
        (MemoryError(), "The memory is full; make the batch, the context, the pictures or the model smaller."),
        (RuntimeError("CUDA out of memory. Tried to"), "The memory is full; make the batch, the context, the pictures or the model smaller."),
    ],
)
def test_what_goes_wrong_inside_is_one_sentence(error, said, capsys, verbs):
    verbs.error = error
    assert refused(capsys, "demo") == f"workings: {said}\n"


def test_debug_shows_the_traceback(monkeypatch, verbs):
    monkeypatch.setenv("WORKINGS_DEBUG", "1")
    verbs.error = BadInput("The text is empty.")
    with pytest.raises(BadInput):
        main(["demo"])


def test_an_error_of_ours_is_not_hidden(verbs):
    verbs.error = RuntimeError("shapes do not fit")
    with pytest.raises(RuntimeError, match="shapes"):
        main(["demo"])


def test_an_interruption_exits_with_130_and_says_how_to_go_on(verbs, capsys):
    verbs.error = KeyboardInterrupt("saved; go on with: workings resume runs/a")
    with pytest.raises(SystemExit) as end:
        main(["demo"])
    assert end.value.code == 130
    assert capsys.readouterr().err == "workings: saved; go on with: workings resume runs/a\n"


def test_train_hands_everything_to_the_verb(verbs):
    main(["train", "language", "--data", "a.txt", "--set", "model.layers=2", "--set", "model.width=64", "--minutes", "0.5", "--seed", "3", "--overwrite"])
    ((name, args, options),) = verbs.calls
    assert (name, args) == ("train", ("language",))
    given = {key: value for key, value in options.items() if value is not None and value is not False}
    assert given == {"data": "a.txt", "set": ["model.layers=2", "model.width=64"], "minutes": 0.5, "seed": 3, "overwrite": True}


def test_write_takes_prompts_files_and_stops(verbs, tmp_path):
    (tmp_path / "p.txt").write_text("Third")
    main(["write", "runs/a", "First", "Second", "--file", str(tmp_path / "p.txt"), "--stop", "A", "--stop", "B", "--tokens", "7"])
    ((_, (run, prompts), options),) = verbs.calls
    assert run == "runs/a" and prompts == ["First", "Second", "Third"]
    assert options["stop"] == ("A", "B") and options["tokens"] == 7


def test_a_prompt_that_begins_with_a_dash_comes_after_two_dashes(verbs):
    main(["write", "runs/a", "--", "--x"])
    assert verbs.calls[0][1] == ("runs/a", ["--x"])


def test_write_without_a_prompt_begins_with_nothing(verbs):
    main(["write", "runs/a"])
    assert verbs.calls[0][1] == ("runs/a", [""])


def test_report_takes_several_runs_and_prints_where_it_is(verbs, capsys):
    main(["report", "a", "b", "c", "--out", "x.html"])
    assert verbs.calls == [("report", ("a", "b", "c"), {"out": "x.html"})]
    assert capsys.readouterr().out == "runs/a/report.html\n"


def test_json_is_one_object_a_line(verbs, capsys):
    assert json.loads(shown(capsys, "evaluate", "runs/a", "--json")) == {"loss": 1.25, "tokens": 4096}
    assert [json.loads(line)["text"] for line in shown(capsys, "write", "runs/a", "--json", "Once").splitlines()] == [" upon", " more"]
    assert [json.loads(line)["ok"] for line in shown(capsys, "doctor", "--json").splitlines()] == [True, False]
    assert [json.loads(line)["advice"] for line in shown(capsys, "doctor", "--json").splitlines()] == ["", "Free some space."]


def test_scores_are_named(verbs, capsys):
    lines = shown(capsys, "evaluate", "runs/a").splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [["1.2500", "nats per token"], ["4,096", "tokens predicted, each once"]]


def test_the_doctor_advises_only_on_what_is_wrong(verbs, capsys):
    text = shown(capsys, "doctor")
    assert re.search(r"^ok +cores +2$", text, re.MULTILINE)
    assert re.search(r"^!! +disk +0.1 GiB\n +Free some space.$", text, re.MULTILINE)


def test_several_texts_are_told_apart(verbs, capsys):
    assert shown(capsys, "write", "runs/a", "Once", "--samples", "2").splitlines() == ["--- 1 of 2", "Once upon", "--- 2 of 2", "Once more"]


def test_one_text_comes_piece_by_piece(verbs, capsys):
    main(["write", "runs/a", "Once"])
    stream = verbs.calls[0][2]["stream"]
    capsys.readouterr()
    for piece in (" u", "p", "on"):
        stream(0, piece)
    assert capsys.readouterr().out == "Once upon"


def test_a_prompt_file_that_is_not_utf8_is_refused(verbs, capsys, tmp_path):
    (tmp_path / "p.txt").write_bytes(b"caf\xe9")
    assert "0xe9 at offset 3" in refused(capsys, "write", "runs/a", "--file", str(tmp_path / "p.txt"))


@pytest.mark.parametrize("tokens", [["train", "language"], ["resume", "runs/a"], ["demo"]])
def test_the_end_says_what_to_do_next(tokens, verbs, capsys):
    text = shown(capsys, *tokens)
    assert "workings report runs/a --open" in text and "workings write runs/a" in text


def test_a_reader_that_goes_away_hears_nothing():
    code = "import sys\nfrom workings.cli.main import main\nmain(['train', 'language', '--help'])"
    pipe = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    pipe.stdout.close()
    assert pipe.stderr.read() == b""
    assert pipe.wait() in (0, 1)
