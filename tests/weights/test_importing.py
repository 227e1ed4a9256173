"""A foreign folder becomes a model: of every verb's at once, or as a model folder of ours; what cannot be read is refused in one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import workings
from tests.weights.oracles import change_config, oracle
from workings.data.tokenizers import train_tokenizer
from workings.errors import BadInput
from workings.weights.adopt import refuse_to_replace
from workings.weights.blank import blank
from workings.weights.families import FAMILIES, MODEL_TYPES, architecture_of, family_of
from workings.weights.folder import load_folder, task_of
from workings.weights.importing import front_matter, read_foreign
from workings.weights.summary import memory, parts_of, switches, table

transformers = pytest.importorskip("transformers")
TEXT = "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife. " * 3


@pytest.fixture
def folder(tmp_path) -> Path:
    """A small GPT-2 with a tokenizer and a card, as transformers saves it."""
    tokenizer = train_tokenizer("bpe", [TEXT], 280)
    config = transformers.GPT2Config(vocab_size=tokenizer.size, n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=256, eos_token_id=256)
    oracle(transformers.GPT2LMHeadModel(config), 4).save_pretrained(tmp_path / "theirs")
    tokenizer.save(tmp_path / "theirs")
    (tmp_path / "theirs" / "README.md").write_text("---\nlicense: apache-2.0\ntags:\n- x\n---\n# A card\n")
    return tmp_path / "theirs"


def test_every_way_to_a_foreign_model_writes_the_same(folder, tmp_path):
    wanted = workings.load(folder).write("It is", tokens=12, seed=3)
    imported = workings.import_model(folder, to=tmp_path / "ours")
    assert workings.from_pretrained(folder).write("It is", tokens=12, seed=3) == wanted
    assert workings.load(imported.folder).write("It is", tokens=12, seed=3) == wanted
    assert workings.evaluate(folder, data=str(tmp_path / "theirs" / "README.md"))["loss"] > 0


@pytest.mark.parametrize("kind", ["GPT2", "Llama", "Mistral", "Qwen2", "Qwen3", "Bert", "Roberta", "Marian", "ViT", "DeiT", "ResNet"])
def test_a_config_with_every_field_that_its_class_has_is_read(kind):
    config = json.loads(json.dumps(getattr(transformers, f"{kind}Config")().to_dict())) | {"architectures": None, "_num_labels": 2, "output_past": True}
    _, settings = family_of(architecture_of(config)).read_config(config)
    assert settings is not None


def test_an_imported_folder_is_one_of_ours_with_its_origin_and_a_card(folder, tmp_path):
    imported = workings.import_model(folder, to=tmp_path / "ours")
    config = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert config["origin"] == {"source": "theirs", "architecture": "GPT2LMHeadModel", "license": "apache-2.0"}
    assert config["task"] == "language" and config["tokenizer"] == "json"
    card = (tmp_path / "ours" / "README.md").read_text()
    assert front_matter(tmp_path / "ours" / "README.md")["license"] == "apache-2.0"
    assert "GPT2LMHeadModel, read from `theirs`" in card and str(tmp_path) not in card
    said = "\n".join(imported.lines())
    assert "blocks.*.attention.query" in said and "x 2" in said and "position=learned" in said
    before, after = (load_folder(place).model.state_dict() for place in (folder, tmp_path / "ours"))
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_the_type_is_as_stored_unless_told_and_float16_becomes_float32(folder, tmp_path):
    tensors = load_file(folder / "model.safetensors")
    for stored, read in ((torch.float32, torch.float32), (torch.bfloat16, torch.bfloat16), (torch.float16, torch.float32)):
        save_file({name: tensor.to(stored) for name, tensor in tensors.items()}, folder / "model.safetensors")
        assert {tensor.dtype for tensor in read_foreign(folder).model.state_dict().values()} == {read}
    assert next(workings.from_pretrained(folder, dtype="bfloat16").model.parameters()).dtype == torch.bfloat16
    imported = workings.import_model(folder, to=tmp_path / "half", dtype="bfloat16")
    assert {tensor.dtype for tensor in load_file(imported.folder / "model.safetensors").values()} == {torch.bfloat16}
    with pytest.raises(BadInput, match="There is no dtype 'float8'"):
        workings.from_pretrained(folder, dtype="float8")


def test_a_folder_that_exists_is_replaced_only_when_told_and_only_if_it_holds_a_model(folder, tmp_path):
    workings.import_model(folder, to=tmp_path / "ours")
    with pytest.raises(BadInput, match=r"ours exists; give another folder with --to, or --overwrite"):
        workings.import_model(folder, to=tmp_path / "ours")
    workings.import_model(folder, to=tmp_path / "ours", overwrite=True)
    with pytest.raises(BadInput, match="is where the model comes from"):
        workings.import_model(folder, to=folder, overwrite=True)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    with pytest.raises(BadInput, match="holds something else than a model"):
        refuse_to_replace(tmp_path / "letters", True, "--to")


def test_the_default_place_is_named_after_the_model(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert workings.import_model("theirs").folder == Path("models/theirs")


def test_an_unknown_architecture_is_refused_by_name(folder):
    change_config(folder, architectures=["GPT2LMHeedModel"])
    with pytest.raises(BadInput, match=r"The architecture 'GPT2LMHeedModel' is not known here\. Did you mean 'GPT2LMHeadModel'"):
        workings.load(folder)
    with pytest.raises(BadInput, match="names no architecture"):
        architecture_of({"vocab_size": 3})
    assert architecture_of({"model_type": "qwen3"}) == "Qwen3ForCausalLM" and architecture_of({"model_type": "gpt2", "architectures": None})


@pytest.mark.parametrize("name", sorted(set(FAMILIES.values())))
def test_a_family_reads_what_the_list_says_that_it_reads(name):
    mine = {architecture for architecture, family in FAMILIES.items() if family == name}
    assert set(family_of(min(mine)).ARCHITECTURES) == mine
    assert set(MODEL_TYPES.values()) <= set(FAMILIES)


@pytest.mark.parametrize(("text", "said"), [("{", "is not valid JSON"), ("[]", "holds no JSON object"), ("{}", "has no format number")])
def test_a_broken_config_is_refused(text, said, folder):
    (folder / "config.json").write_text(text)
    with pytest.raises(BadInput, match=said):
        workings.load(folder)


def test_a_model_for_another_task_does_not_write(folder, tmp_path):
    config = transformers.BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    oracle(transformers.BertModel(config)).save_pretrained(tmp_path / "bert")
    assert task_of(tmp_path / "bert") == "embedding" and task_of(folder) == "language"
    with pytest.raises(BadInput, match="holds a model for the task 'embedding', which does not write"):
        workings.verbs.write(tmp_path / "bert", "Once")


def test_a_model_without_a_tokenizer_is_read_but_does_not_write(folder):
    (folder / "tokenizer.json").unlink()
    assert read_foreign(folder).tokenizer is None
    with pytest.raises(BadInput, match="holds a model that writes, but no tokenizer"):
        workings.load(folder)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("---\nlicense: mit\nlanguage:\n- en\n---\n# x\nlicense: other\n", {"license": "mit", "language": ""}),
        ('---\nlicense: "cc-by-4.0"\n---\n', {"license": "cc-by-4.0"}),
        ("# x\n---\nlicense: mit\n---\n", {}),
        ("---\nlicense: mit\n", {}),
        ("", {}),
    ],
)
def test_the_license_is_read_from_the_head_of_a_card(text, fields, tmp_path):
    (tmp_path / "README.md").write_text(text)
    assert front_matter(tmp_path / "README.md") == fields
    assert front_matter(tmp_path / "none.md") == {}


def test_the_table_counts_every_parameter_once(folder):
    model = read_foreign(folder).model
    parts = parts_of(model)
    assert sum(part.parameters for part in parts) == sum(parameter.numel() for parameter in model.parameters())
    query = next(part for part in parts if part.name == "blocks.*.attention.query")
    assert (query.shape, query.count, query.parameters) == ("16 x 16", 2, 2 * (16 * 16 + 16)) and query.bytes == 4 * query.parameters
    assert parts[0].name == "embedding" and table(model)[-1].startswith("all")
    assert switches(model.settings)["position"] == "learned" and "causal" not in switches(model.settings)
    assert [memory(size) for size in (0, 999, 1000, 123_456, 999_600)] == ["0 B", "999 B", "1 kB", "123 kB", "1 MB"]


def test_a_blank_model_has_shapes_and_no_numbers(folder):
    settings = read_foreign(folder).settings
    state = torch.get_rng_state()
    model = blank(settings)
    assert all(parameter.is_meta for parameter in model.parameters()) and torch.equal(state, torch.get_rng_state())


LOAD = """
import sys, torch
from pathlib import Path
import workings.models.transformer
from workings.weights.importing import read_foreign
def status(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]) * 1024
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
model = read_foreign(sys.argv[1]).model
assert "sympy" not in sys.modules
with torch.inference_mode():
    model(torch.arange(8)[None])
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures peak memory as Linux tells it")
def test_loading_takes_little_more_memory_than_the_file_has(tmp_path, root):
    config = transformers.GPT2Config(vocab_size=20_000, n_embd=512, n_layer=8, n_head=8)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    size = (tmp_path / "model.safetensors").stat().st_size
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    ran = subprocess.run([sys.executable, "-c", LOAD, str(tmp_path)], capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 1.3 * size, f"{int(ran.stdout) / size:.2f} times the file"


def test_a_model_in_several_files_is_the_same_model(folder, tmp_path):
    wanted = read_foreign(folder).model.state_dict()
    model = transformers.GPT2LMHeadModel.from_pretrained(folder)
    model.save_pretrained(tmp_path / "parts", max_shard_size="10KB")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 2
    found = read_foreign(tmp_path / "parts").model.state_dict()
    assert found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_folder_of_ours_can_be_imported_too_and_keeps_its_origin(folder, tmp_path):
    first = workings.import_model(folder, to=tmp_path / "first")
    second = workings.import_model(first.folder, to=tmp_path / "second", dtype="bfloat16")
    configs = [json.loads((place / "config.json").read_text()) for place in (first.folder, second.folder)]
    assert configs[0] == configs[1] and second.architecture == "GPT2LMHeadModel"


def test_tied_weights_are_saved_once_and_are_one_again_when_loaded(tmp_path):
    config = dict(vocab_size=31, decoder_vocab_size=31, d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2)
    config |= dict(encoder_ffn_dim=8, decoder_ffn_dim=8, max_position_embeddings=16, pad_token_id=30, eos_token_id=0, decoder_start_token_id=30)
    oracle(transformers.MarianMTModel(transformers.MarianConfig(**config))).save_pretrained(tmp_path / "theirs")
    imported = workings.import_model(tmp_path / "theirs", to=tmp_path / "ours")
    names = load_file(imported.folder / "model.safetensors").keys()
    assert "encoder.embedding.weight" in names and "decoder.embedding.weight" not in names
    model = load_folder(imported.folder).model
    assert model.decoder.embedding.weight is model.encoder.embedding.weight
    assert torch.equal(model.encoder.embedding.weight, read_foreign(tmp_path / "theirs").model.encoder.embedding.weight)
