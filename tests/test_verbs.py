"""The verbs as Python functions, from a text to a model that writes."""

import json

import pytest
import torch

import workings
from tests.training.games import write_text
from workings import verbs
from workings.errors import BadInput

SMALL = ["model.width=16", "model.layers=1", "model.heads=2", "model.context=12", "training.batch=4", "training.evaluate_every=4"]


@pytest.fixture
def quick(monkeypatch):
    """Without measuring the machine and without the report."""
    monkeypatch.setattr("workings.training.machine.measured_peak", lambda *given, **options: 100.0)
    monkeypatch.setattr(verbs, "report", lambda *runs, **options: None)


@pytest.fixture
def run(tmp_path, quick):
    return verbs.train("language", data=str(write_text(tmp_path)), out=tmp_path / "run", steps=8, set=SMALL, quiet=True)


def test_a_text_becomes_a_model_that_writes_and_can_be_scored(run):
    assert run.write("a", tokens=5, seed=1) == workings.load(run).write("a", tokens=5, seed=1)
    assert len(run.write("a", tokens=5)) == 6
    scores = run.evaluate()
    saved = json.loads((run.model / "config.json").read_text())["scores"]
    assert scores["loss"] == pytest.approx(saved["loss"], rel=0.02)  # float32 here, perhaps bfloat16 there
    assert scores["tokens"] == saved["tokens"]


def test_the_run_folder_holds_what_it_should(run):
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {"config.toml", "environment.json", "metrics.jsonl", "checkpoints", "model"}
    facts = json.loads(run.environment.read_text())
    assert {"workings", "torch", "python", "platform", "cpu", "cores", "threads", "precision", "device", "peak_gflops", "command", "seed"} <= facts.keys()
    assert run.settings()["model"]["width"] == 16


def test_later_choices_win_over_earlier_ones(tmp_path, quick):
    (tmp_path / "mine.toml").write_text("[training]\nsteps = 2\nbatch = 5\nseed = 9\n[model]\npreset = 'gpt'\n")
    arguments = dict(data=str(write_text(tmp_path)), recipe=str(tmp_path / "mine.toml"), seed=3, quiet=True)
    made = verbs.train("language", out=tmp_path / "run", set=[*SMALL[:4], "training.batch=6"], **arguments).settings()
    assert (made["training"]["steps"], made["training"]["seed"], made["training"]["batch"], made["model"]["position"]) == (2, 3, 6, "learned")


def test_resume_goes_on_to_more_steps_or_for_more_minutes(run):
    assert verbs.resume(run, steps=12, quiet=True).settings()["training"]["steps"] == 12
    spent = run.spent()
    verbs.resume(run, minutes=0.02, quiet=True)
    assert run.settings()["training"]["minutes"] == pytest.approx(0.02 + spent / 60)
    from workings.training.journal import read_metrics

    assert read_metrics(run.metrics)[-1]["step"] > 12


def test_resume_to_a_step_that_is_behind_it_says_so(run):
    with pytest.raises(BadInput, match="is at step 8 already, beyond 5"):
        verbs.resume(run, steps=5, quiet=True)


def test_resume_refuses_what_would_change_the_steps_before_and_leaves_the_config_as_it_was(run):
    before = run.config.read_bytes()
    with pytest.raises(BadInput, match=r"optimizer\.rate: 0\.003 -> 0\.1"):
        verbs.resume(run, set=["optimizer.rate=0.1"], quiet=True)
    assert run.config.read_bytes() == before


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (dict(task="langauge"), "There is no task 'langauge'. Did you mean 'language'"),
        (dict(recipe="dmeo"), "There is no recipe 'dmeo'. Did you mean 'demo'"),
        (dict(model="gtp"), "There is no model 'gtp'. Did you mean 'gpt'"),
        (dict(tokenizer="byt"), "data.tokenizer is 'byt'. Did you mean 'byte'"),
        (dict(steps=0), "training.steps is 0"),
        (dict(device="cuda:99"), "device"),
        (dict(precision="float16", device="cpu"), "hundred times slower"),
        (dict(set=["model.heads=5", "model.width=16"]), "does not divide"),
        (dict(data="no/such/file.txt"), "no/such/file.txt"),
    ],
)
def test_what_is_wrong_is_refused_before_an_old_run_is_touched(choices, said, run, tmp_path):
    before = sorted(path.name for path in run.folder.iterdir())
    arguments = dict(task="language", data=str(tmp_path / "text.txt"), out=run.folder, overwrite=True, quiet=True) | choices
    if choices.get("device") == "cuda:99" and torch.cuda.device_count() > 99:
        pytest.skip("a machine of more than 99 devices")
    with pytest.raises(BadInput) as error:
        verbs.train(**arguments)
    assert said in str(error.value)
    assert sorted(path.name for path in run.folder.iterdir()) == before


def test_an_interruption_says_how_to_go_on(tmp_path, quick, monkeypatch):
    monkeypatch.setattr("workings.training.fit.fit", lambda *given: "interrupted")
    with pytest.raises(KeyboardInterrupt, match=f"saved; go on with: workings resume {tmp_path / 'run'}"):
        verbs.train("language", data=str(write_text(tmp_path)), out=tmp_path / "run", steps=2, set=SMALL, quiet=True)


def test_a_model_of_another_job_does_not_write(run):
    config = json.loads((run.model / "config.json").read_text())
    (run.model / "config.json").write_text(json.dumps(config | {"task": "pictures"}))
    with pytest.raises(BadInput, match="'pictures', which does not write"):
        workings.verbs.write(run, "Once")
