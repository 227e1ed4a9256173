"""What is written for transformers is loaded there with equal logits and equal ids; what has no place there is refused by the name of the switch."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import workings
from tests.weights.oracles import close
from workings.cli.main import main
from workings.data.tokenizers import train_tokenizer
from workings.errors import BadInput
from workings.models.build import build
from workings.models.settings import model_settings
from workings.weights.folder import load_folder, save_folder
from workings.weights.tokenizer_files import write_tokenizer

transformers = pytest.importorskip("transformers")
transformers.utils.logging.disable_progress_bar()
TEXT = 'It is a truth universally acknowledged, that a "single" man\n\nmust be in want of 2 wives. "Naïve"  café 😀 日本 ' * 4
SIZES = dict(context=24, width=24, layers=2, heads=4)


def run(folder: Path, preset: str, tokenizer: str = "character", seed: int = 0, **switches) -> Path:
    """A run whose model has random numbers, none of them 0 or 1."""
    text = train_tokenizer(tokenizer, [TEXT], 300)
    made = model_settings(preset, **(SIZES | switches), vocabulary=text.size)
    torch.manual_seed(seed)
    model = build(made)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    save_folder(folder / "run" / "model", "language", made, model.state_dict(), text, '---\nlibrary_name: "workings"\n---\n# Mine\n')
    return folder / "run"


def same_there(ours: Path, exported: Path) -> None:
    """transformers gives the same ids, text and logits."""
    saved = load_folder(ours)
    model = transformers.AutoModelForCausalLM.from_pretrained(exported).eval()
    own_cut = model.config.model_type == "qwen2"  # for which AutoTokenizer puts Qwen's own way of cutting in place of what the file says
    tokenizer = (transformers.PreTrainedTokenizerFast if own_cut else transformers.AutoTokenizer).from_pretrained(exported)
    for text in (TEXT, "a", "it is  a\nwife", "\n\n"):
        ids = tokenizer(text)["input_ids"]
        assert ids == saved.tokenizer.encode(text).tolist() and tokenizer.decode(ids) == text
    tokens = saved.tokenizer.encode(TEXT)[None, :24]
    with torch.no_grad():
        close(saved.model(tokens), model(tokens).logits)


@pytest.mark.parametrize("tokenizer", ["character", "byte", "bpe"])
@pytest.mark.parametrize("preset", ["gpt", "llama"])
def test_a_run_is_loaded_there_with_equal_logits_and_ids(preset, tokenizer, tmp_path):
    ours = run(tmp_path, preset, tokenizer)
    out = workings.export(ours, to="hf", out=tmp_path / "out")
    same_there(ours, out)
    assert 'library_name: "transformers"' in (out / "README.md").read_text()
    end = load_folder(ours).tokenizer.end
    config = json.loads((out / "config.json").read_text())
    assert config["eos_token_id"] == config["bos_token_id"] == end
    assert transformers.AutoTokenizer.from_pretrained(out).eos_token_id == end


@settings(max_examples=8, deadline=None)
@given(
    switches=st.sampled_from(
        [
            ("gpt", dict(phi="relu", tied=False, tau="1")),
            ("gpt", dict(phi="silu", ff_width=17, norm_epsilon=1e-3)),
            ("llama", dict(biases="attention", key_value_heads=2)),
            ("llama", dict(biases="all", head_width=4, tied=True)),
            ("llama", dict(biases="qkv", rope_theta=500.0)),
            ("llama", dict(window=5, key_value_heads=1)),
            ("llama", dict(query_key_norm=True, window=3)),
            ("llama", dict(rope_scaling="llama3", rope_factor=4.0, rope_original_context=8)),
            ("llama", dict(rope_scaling="linear", rope_factor=3.0, biases="qkv", window=4)),
        ]
    ),
    seed=st.integers(0, 1000),
)
def test_every_switch_that_has_a_home_goes_there(switches, seed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    preset, changes = switches
    ours = run(folder, preset, seed=seed, **changes)
    same_there(ours, workings.export(ours, to="hf", out=folder / "out"))
    again = load_folder(folder / "out")
    assert again.model.settings == load_folder(ours).model.settings
    before = load_folder(ours).model.state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in again.model.state_dict().items())


@pytest.mark.parametrize(
    ("preset", "changes", "said"),
    [
        ("lecture", {}, "model.position is 'lecture', for which GPT2LMHeadModel has no place"),
        ("gpt", {"biases": "none"}, "model.biases is 'none'"),
        ("gpt", {"norm": "rms"}, "model.position is 'learned', for which LlamaForCausalLM has no place; it would have to be 'rotary'"),
        ("llama", {"value": "shared"}, "model.value is 'shared'"),
        ("gru", {}, "The model is a recurrent one, for which transformers has no class"),
    ],
)
def test_a_run_without_a_home_is_refused_by_its_switch_and_leaves_nothing(preset, changes, said, tmp_path):
    sizes = SIZES if preset != "gru" else dict(context=24, width=24, layers=2)
    made = model_settings(preset, **(sizes | changes), vocabulary=5)
    save_folder(tmp_path / "run" / "model", "language", made, build(made).state_dict(), None, "")
    with pytest.raises(BadInput) as error:
        workings.export(tmp_path / "run", to="hf", out=tmp_path / "out")
    assert said in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_is_generated_there_is_what_is_written_here(tmp_path):
    ours = run(tmp_path, "gpt", "byte", seed=5)
    out = workings.export(ours, to="hf", out=tmp_path / "out")
    model, tokenizer = transformers.AutoModelForCausalLM.from_pretrained(out), transformers.AutoTokenizer.from_pretrained(out)
    ids = model.generate(**tokenizer("It is", return_tensors="pt"), do_sample=False, max_new_tokens=12)
    assert tokenizer.decode(ids[0], skip_special_tokens=True) == workings.load(ours).write("It is", tokens=12, temperature=0)


def test_letters_that_spell_the_end_token_are_the_only_ones_that_differ_there(tmp_path):
    for kind in ("byte", "bpe"):
        tokenizer = train_tokenizer(kind, [TEXT], 300)
        (tmp_path / kind).mkdir()
        write_tokenizer(tmp_path / kind, tokenizer)
        theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / kind)
        assert theirs("a<|endoftext|>")["input_ids"] == [*tokenizer.encode("a").tolist(), tokenizer.end]
        assert tokenizer.end not in tokenizer.encode("a<|endoftext|>").tolist()


def test_the_forms_and_folders_are_checked(tmp_path, monkeypatch):
    ours = run(tmp_path, "gpt")
    with pytest.raises(BadInput, match="There is no form 'pickle' to export to"):
        workings.export(ours, to="pickle")
    monkeypatch.chdir(tmp_path)
    assert workings.export("run", to="hf") == Path("exports/run-hf")
    with pytest.raises(BadInput, match="exports/run-hf exists; give another folder with --out, or --overwrite"):
        workings.export("run", to="hf")
    assert workings.export("run", to="hf", overwrite=True)
    with pytest.raises(BadInput, match="holds the model itself"):
        workings.export("run", to="hf", out="run/model", overwrite=True)


def test_the_commands_import_export_and_write(tmp_path, capsys, monkeypatch):
    ours = run(tmp_path, "llama", "byte")
    monkeypatch.chdir(tmp_path)
    main(["export", str(ours), "--to", "hf", "--out", "there"])
    assert capsys.readouterr().out == "there\n"
    main(["import", "there", "--dtype", "bfloat16"])
    said = capsys.readouterr().out
    assert "there: LlamaForCausalLM, for the task language, with its tokenizer (json); weights in bfloat16" in said
    assert 'write models/there "Once upon a time"' in said
    assert any(line.split()[:5] == ["blocks.*.feed_forward.gate", "64", "x", "24", "x"] for line in said.splitlines())
    main(["write", "there", "It is", "--tokens", "5"])
    assert capsys.readouterr().out.startswith("It is")


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["import", "nobody/nothing"], "the cache has no model of that name, and HF_HUB_OFFLINE is set"),
        (["import", "no/such/folder"], "There is no folder no/such/folder"),
        (["export", "nowhere", "--to", "hf"], "There is no model in nowhere: it does not exist"),
        (["push", "nowhere", "me/mine"], "There is no model in nowhere"),
        (["import", "bad"], "config.json is not valid JSON"),
        (["export", "empty", "--to", "hf"], "no config.json, nor a model/ with one; give the folder of a run or of a model"),
        (["export", "empty/notes.txt", "--to", "hf"], "it is a file, and none of a known model; give the folder of a run, or of a model"),
        (["export", "early", "--to", "hf"], "this run keeps one from its first evaluation on, and has had none; go on with workings resume early"),
    ],
)
def test_mistakes_end_in_one_sentence_and_exit_code_2(tokens, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "config.json").write_text("{")
    for folder, name in (("empty", "notes.txt"), ("early", "config.toml")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("")
    with pytest.raises(SystemExit) as stop:
        main(tokens)
    lines = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2 and len(lines) == 1 and said in lines[0]
