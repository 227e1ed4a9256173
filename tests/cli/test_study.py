"""`workings study` lists what there is, and refuses what there is not in one sentence."""

import pytest

from workings.cli.main import main


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
