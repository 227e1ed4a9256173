"""The folder of a run: made once, replaced only when asked and only if it is one."""

import pytest

from workings.errors import BadInput
from workings.training.run import Run, new_run, open_run


def test_a_new_run_is_named_by_task_date_and_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = new_run("language", None, overwrite=False)
    assert run.folder.is_dir() and run.folder.parent.name == "runs"
    import re

    assert re.fullmatch(r"language-\d{8}-\d{6}", run.folder.name)


def test_an_empty_folder_can_be_used(tmp_path):
    assert new_run("language", tmp_path, overwrite=False).folder == tmp_path


def test_an_existing_run_is_refused_and_replaced_only_with_overwrite(tmp_path):
    run = new_run("language", tmp_path / "run", overwrite=False)
    run.write_settings({"task": "language"})
    run.metrics.write_text("old\n")
    with pytest.raises(BadInput, match="already holds a run; choose another --out, go on with `workings resume .*`, or add --overwrite"):
        new_run("language", tmp_path / "run", overwrite=False)
    assert run.metrics.exists()
    new_run("language", tmp_path / "run", overwrite=True)
    assert not any(run.folder.iterdir())


def test_a_folder_that_is_not_a_run_is_never_emptied(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(BadInput, match="exists and is not the folder of a run"):
            new_run("language", tmp_path, overwrite)
        with pytest.raises(BadInput, match="exists and is not the folder of a run"):
            new_run("language", tmp_path / "thesis.tex", overwrite)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_run_is_opened_or_it_is_said_why_not(tmp_path):
    with pytest.raises(BadInput, match="There is no folder"):
        open_run(tmp_path / "none")
    with pytest.raises(BadInput, match=r"it has no config\.toml"):
        open_run(tmp_path)
    Run(tmp_path).write_settings({"a": {"b": 1.5}})
    assert open_run(str(tmp_path)).settings() == {"a": {"b": 1.5}}


@pytest.mark.parametrize("data", [b"a = = 1", b"a = '\xff'"])
def test_a_damaged_config_is_one_sentence(data, tmp_path):
    (tmp_path / "config.toml").write_bytes(data)
    with pytest.raises(BadInput, match=r"config\.toml is not valid TOML"):
        open_run(tmp_path).settings()


def test_time_spent_is_nothing_before_the_first_checkpoint(tmp_path):
    assert Run(tmp_path).spent() == 0
