"""The settings of the language task, and the recipes."""

import tomllib

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from workings.errors import BadInput
from workings.models.settings import PRESETS, model_settings
from workings.tasks.jobs import settings_module
from workings.tasks.language_settings import LanguageData, LanguageSettings, read_settings, resolved
from workings.tasks.recipes import read_recipe, recipe_names
from workings.training.settings import OptimizerSettings, TrainingSettings

part = st.floats(0, 0.99)
settings = st.builds(
    LanguageSettings,
    data=st.builds(
        LanguageData,
        source=st.text(st.characters(exclude_categories=["Cs"])),
        tokenizer=st.sampled_from(["character", "byte", "bpe"]),
        validation=st.floats(0.01, 0.9),
    ),
    model=st.builds(model_settings, st.sampled_from(sorted(PRESETS)), dropout=part, layers=st.integers(1, 9), context=st.integers(1, 99)),
    optimizer=st.builds(OptimizerSettings, rate=st.floats(0, 1), warmup=part, average=part, name=st.sampled_from(["adamw", "muon"])),
    training=st.builds(
        TrainingSettings, seed=st.integers(0, 2**40), minutes=st.floats(0, 1e3), tensorboard=st.booleans(), device=st.sampled_from(["auto", "cpu"])
    ),
    prompt=st.text(st.characters(exclude_categories=["Cs"])),
)


@given(settings)
def test_the_resolved_settings_are_read_back_as_they_were(s):
    assert read_settings(resolved(s)) == s
    assert read_settings(tomllib.loads(tomli_w.dumps(resolved(s)))) == s


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_preset_fills_in_its_switches_and_can_be_changed(preset):
    read = read_settings({"model": {"preset": preset, "width": 32}}).model
    assert read == model_settings(preset, width=32)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"modle": {}}, "There is no setting 'modle'. Did you mean 'model'?"),
        ({"steps": 3}, "Perhaps training.steps is meant."),
        ({"model": {"layrs": 3}}, "There is no setting 'model.layrs'. Did you mean 'model.layers'?"),
        ({"model": {"preset": "lama"}}, "There is no model 'lama'. Did you mean 'llama'?"),
        ({"model": {"architecture": "transformers"}}, "Did you mean 'transformer'?"),
        ({"model": {"preset": "gpt", "cell": "gru"}}, "There is no setting 'model.cell'"),
        ({"model": 3}, "model is 3; it must be a table of settings."),
        ({"training": 3}, "training is 3; it must be a table of settings."),
        ({"task": "translation"}, "for the task 'translation', not for language"),
        ({"data": {"validation": 0.0}}, "data.validation is 0.0"),
        ({"data": {"tokenizer": "word"}}, "data.tokenizer is 'word'"),
        ({"model": {"heads": 3, "width": 64}}, "model.width 64 does not divide by model.heads 3"),
    ],
)
def test_what_is_wrong_is_refused_in_a_sentence(table, said):
    with pytest.raises(BadInput) as error:
        read_settings(table)
    assert said in str(error.value)


@pytest.mark.parametrize("name", recipe_names())
def test_every_packaged_recipe_resolves(name):
    table = read_recipe(name)
    settings = settings_module(table.get("task", "language"))
    read = settings.read_settings(table)
    assert settings.read_settings(settings.resolved(read)) == read


@pytest.mark.parametrize("name", recipe_names())
def test_the_header_of_every_recipe_has_command_seed_time_and_machine(name):
    from importlib import resources

    lines = (resources.files("workings.recipes") / f"{name}.toml").read_text().splitlines()
    said = "\n".join(line for line in lines if line.startswith("#")).lower()
    for words in (("workings ", "./run "), ("seed",), ("minute", "second"), ("core",)):
        assert any(word in said for word in words), f"the header of {name}.toml does not say {' or '.join(words)}"


def test_an_unknown_recipe_is_refused_with_a_suggestion():
    with pytest.raises(BadInput, match="There is no recipe 'demos'. Did you mean 'demo'"):
        read_recipe("demos")


def test_a_recipe_of_ones_own_is_a_path(tmp_path):
    (tmp_path / "mine.toml").write_text("[training]\nsteps = 3\n")
    assert read_recipe(str(tmp_path / "mine.toml")) == {"training": {"steps": 3}}
    with pytest.raises(BadInput, match="There is no recipe file"):
        read_recipe(str(tmp_path / "other.toml"))
    (tmp_path / "bad.toml").write_bytes(b"steps = = 3\xff")
    with pytest.raises(BadInput, match="is not valid TOML"):
        read_recipe(str(tmp_path / "bad.toml"))
