"""A model folder: loadable by itself, and refused in a sentence when it is not what it should be."""

import json
from pathlib import Path

import pytest
import torch

from workings.data.tokenizers import train_tokenizer
from workings.errors import BadInput
from workings.models.build import build
from workings.models.settings import model_settings
from workings.weights.folder import FORMAT, load_folder, save_folder


@pytest.fixture(params=["gpt", "llama", "lecture", "gru"])
def settings(request):
    return model_settings(request.param, vocabulary=5, context=6, width=8, layers=2, **({} if request.param == "gru" else {"heads": 2}))


@pytest.fixture
def folder(tmp_path) -> Path:
    settings = model_settings("gpt", vocabulary=5, context=6, width=8, layers=1, heads=2)
    save_folder(tmp_path / "model", "language", settings, build(settings).state_dict(), train_tokenizer("character", ["abcde"], 0), "# Card\n")
    return tmp_path / "model"


def change(folder: Path, **changes) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({key: value for key, value in (config | changes).items() if value is not None}))


def test_what_is_saved_is_what_is_loaded(settings, tmp_path):
    model, tokenizer = build(settings).eval(), train_tokenizer("character", ["abcde"], 0)
    save_folder(tmp_path / "model", "language", settings, model.state_dict(), tokenizer, "# Card\n", scores={"loss": 1.5})
    saved = load_folder(tmp_path / "model")
    tokens = torch.randint(5, (2, 6))
    assert torch.equal(saved.model(tokens), model(tokens)) and not saved.model.training
    assert saved.task == "language" and saved.model.settings == settings and saved.facts["scores"] == {"loss": 1.5}
    assert saved.tokenizer.encode("bad").tolist() == tokenizer.encode("bad").tolist()
    assert (tmp_path / "model" / "README.md").read_text() == "# Card\n"


def test_a_run_folder_gives_its_model(folder):
    assert load_folder(folder.parent).task == "language"


def test_saving_again_replaces_the_whole_folder_and_leaves_nothing_beside_it(folder):
    (folder / "old.txt").write_text("old")
    left = folder.parent / ".model-killed"
    left.mkdir()
    settings = model_settings("gru", vocabulary=5, context=6, width=8, layers=1)
    save_folder(folder, "language", settings, build(settings).state_dict(), None, "")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_newer_format_is_refused(folder):
    change(folder, format=FORMAT + 1, workings="9.9")
    with pytest.raises(BadInput, match=r"written by a newer version of workings \(9\.9"):
        load_folder(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architecture": "transfomer"}, "holds a 'transfomer', which is not known here. Did you mean 'transformer'"),
        ({"settings": {"vocabulary": 5, "widht": 8}}, "config.json: There is no setting 'settings.widht'. Did you mean 'settings.width'"),
        ({"settings": {"vocabulary": 5, "width": 9, "heads": 2}}, "model.width 9 does not divide"),
        ({"format": None}, "has no format number"),
        ({"format": "new"}, "has no format number"),
        ({"settings": None}, "has no 'settings'"),
        ({"tokenizer": "words"}, "There is no tokenizer 'words'"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_in_a_sentence(changes, said, folder):
    change(folder, **changes)
    with pytest.raises(BadInput) as error:
        load_folder(folder)
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_a_config_that_is_not_one_is_refused(text, folder):
    (folder / "config.json").write_text(text)
    with pytest.raises(BadInput, match=r"config\.json"):
        load_folder(folder)


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_cut_weights_are_refused(keep, folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadInput, match=r"model\.safetensors cannot be read as this model"):
        load_folder(folder)


def test_missing_weights_are_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadInput, match=r"model\.safetensors cannot be read"):
        load_folder(folder)


def test_weights_of_another_model_are_refused_by_name(folder):
    config = json.loads((folder / "config.json").read_text())
    change(folder, settings=config["settings"] | {"layers": 2})
    with pytest.raises(BadInput, match=r"cannot be read as this model: .*blocks\.1"):
        load_folder(folder)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        load_folder(tmp_path / "none")
    with pytest.raises(BadInput, match=r"has no config\.json"):
        load_folder(tmp_path)
