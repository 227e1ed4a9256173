"""`workings study` lists what there is, runs one or all, and refuses what there is not in one sentence."""

from types import SimpleNamespace

import pytest

from workings.cli.main import main
from workings.errors import BadInput
from workings.studies import catalog
from workings.studies.result import kept_result


def test_an_unknown_study_is_one_sentence(capsys):
    with pytest.raises(SystemExit) as end:
        main(["study", "tauu"])
    assert end.value.code == 2
    assert "There is no study 'tauu'" in capsys.readouterr().err


def test_quick_and_full_together_are_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["study", "all", "--quick", "--full"])
    assert end.value.code == 2
    assert "not with both" in capsys.readouterr().err


def test_without_a_name_all_are_listed_with_what_was_found(capsys):
    main(["study"])
    said = capsys.readouterr().out
    assert [line.split()[1] for line in said.splitlines() if not line.startswith(" ")] == catalog.NAMES
    tau = kept_result("tau")
    assert f"{tau.verdict.word} ({tau.scale}): {tau.verdict.sentence}" in " ".join(said.split())


@pytest.mark.parametrize(("flags", "scale"), [([], "quick"), (["--full", "--jobs", "3"], "full")])
def test_all_of_them_have_a_folder_each_and_one_without_a_verdict_does_not_stop_the_rest(flags, scale, tmp_path, monkeypatch, capsys):
    asked = {}

    def study(name, **given):
        asked[name] = given
        if name == "b":
            raise BadInput("b holds a study with other settings.")
        return SimpleNamespace(verdict=SimpleNamespace(word="supported", sentence=f"{name} rises."))

    monkeypatch.setattr(catalog, "NAMES", ["a", "b", "c"])
    monkeypatch.setattr("workings.verbs.study", study)
    with pytest.raises(SystemExit) as end:
        main(["study", "all", "--out", str(tmp_path), *flags])
    assert end.value.code == 2
    assert {name: given["out"] for name, given in asked.items()} == {name: tmp_path / f"study-{name}-{scale}" for name in "abc"}
    assert {given["full"] for given in asked.values()} == {scale == "full"} and {given["jobs"] for given in asked.values()} == {3 if flags else None}
    heard = capsys.readouterr()
    assert heard.out.splitlines() == ["a: supported. a rises.", "c: supported. c rises."]
    assert "b holds a study" in heard.err and "came to no verdict: b." in heard.err


def test_options_without_a_name_are_refused(capsys):
    for flags in (["--full"], ["--jobs", "0"]):
        with pytest.raises(SystemExit) as end:
            main(["study", *flags])
        assert end.value.code == 2
    assert "Which study?" in capsys.readouterr().err
