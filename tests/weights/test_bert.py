"""BERT and RoBERTa are read and written as transformers has them: outputs, hidden states, gradients, config and files."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from tests.weights import oracles
from workings.errors import BadInput
from workings.weights.families import bert
from workings.weights.importing import read_foreign

transformers = pytest.importorskip("transformers")

FEW = settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=40)


@st.composite
def configurations(draw, name: str) -> dict:
    """Sizes and choices of a small model."""
    heads = draw(st.sampled_from([1, 2, 3, 4]))
    roberta = name.startswith("Roberta")
    fixed = name == "RobertaForMaskedLM"  # whose head always has gelu
    return dict(
        vocab_size=draw(st.integers(11, 90)),
        hidden_size=heads * draw(st.sampled_from([2, 4, 5, 8, 16])),
        num_attention_heads=heads,
        num_hidden_layers=draw(st.integers(1, 3)),
        intermediate_size=draw(st.integers(5, 70)),
        max_position_embeddings=draw(st.integers(20, 40)),
        type_vocab_size=draw(st.integers(1, 3)),
        hidden_act="gelu" if fixed else draw(st.sampled_from(["gelu", "gelu_new", "relu", "silu"])),
        layer_norm_eps=draw(st.sampled_from([1e-12, 1e-5, 1e-3])),
        pad_token_id=draw(st.sampled_from([0, 1, 3])) if roberta else 0,
        **(dict(num_labels=draw(st.integers(1, 5))) if "Classification" in name else {}),
    )


def make(name: str, seed: int = 0, **config):
    """A random model of transformers."""
    kind = transformers.RobertaConfig if name.startswith("Roberta") else transformers.BertConfig
    return oracles.oracle(getattr(transformers, name)(kind(**config)), seed)


SMALL = dict(vocab_size=31, hidden_size=12, num_attention_heads=3, num_hidden_layers=2, intermediate_size=20, max_position_embeddings=24, type_vocab_size=2)


def batch(config: dict, seed: int, left: bool, roberta: bool) -> dict:
    """Three texts of different lengths: tokens, segments, what is visible, and the positions of the visible ones (counted, as here)."""
    draw = torch.Generator().manual_seed(seed)
    length = 9
    lengths = [length, 5, 2]
    tokens = torch.randint(5, config["vocab_size"], (3, length), generator=draw)
    segments = torch.randint(config["type_vocab_size"], (3, length), generator=draw)
    visible = torch.tensor([[t >= length - n if left else t < n for t in range(length)] for n in lengths])
    first = config["pad_token_id"] + 1 if roberta else 0
    return dict(tokens=tokens, segments=segments, visible=visible, positions=(visible.long().cumsum(1) - 1).clamp(min=0) + first)


def output_of(answer) -> torch.Tensor:
    """What their model says in the end."""
    return answer.logits if "logits" in answer else answer.last_hidden_state


def compare(name: str, config: dict, folder: Path, seed: int, left: bool) -> None:
    """Outputs, hidden states, gradients and files of one configuration."""
    theirs = make(name, seed, **config)
    found = oracles.import_from(theirs, folder)
    given = batch(config, seed, left, name.startswith("Roberta"))
    record: dict[str, torch.Tensor] = {}
    ours = found.model(given["tokens"], segments=given["segments"], visible=given["visible"], record=record)
    answer = theirs(
        given["tokens"], attention_mask=given["visible"].long(), token_type_ids=given["segments"], position_ids=given["positions"], output_hidden_states=True
    )
    by_token = "Classification" not in name
    wanted, visible = output_of(answer), given["visible"] if by_token else given["visible"][:, 0]  # padding on the left has no first token to pool
    oracles.close(ours, wanted, visible)
    oracles.close_hidden(record, answer.hidden_states, given["visible"])
    if name.endswith("Model"):
        first = given["visible"][:, 0]
        oracles.close(found.model.pooled(record["output"])[first], answer.pooler_output[first])
    oracles.close_gradients(found, theirs, ours, wanted, visible)
    oracles.round_trip(found, folder)


@pytest.mark.parametrize("name", bert.ARCHITECTURES)
def test_it_says_what_transformers_says(name: str, tmp_path_factory):
    @FEW
    @given(data=st.data(), seed=st.integers(0, 999), left=st.booleans())
    def check(data, seed, left):
        compare(name, data.draw(configurations(name)), tmp_path_factory.mktemp("model"), seed, left)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", bert.ARCHITECTURES)
def test_it_says_what_transformers_says_over_a_wide_range(name: str, tmp_path_factory):
    @MANY
    @given(data=st.data(), seed=st.integers(0, 999_999), left=st.booleans())
    def check(data, seed, left):
        compare(name, data.draw(configurations(name)), tmp_path_factory.mktemp("model"), seed, left)

    check()


@pytest.mark.parametrize("name", ["BertForSequenceClassification", "RobertaForSequenceClassification"])
def test_a_row_padded_on_the_left_is_pooled_from_its_first_token(name: str, tmp_path):
    found = oracles.import_from(make(name, **SMALL), tmp_path).model
    given = batch(SMALL | dict(pad_token_id=1), 3, True, False)
    said = found(given["tokens"], segments=given["segments"], visible=given["visible"])
    for row, seen in enumerate(given["visible"]):
        alone = found(given["tokens"][row : row + 1, seen], segments=given["segments"][row : row + 1, seen])[0]
        torch.testing.assert_close(said[row], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", bert.ARCHITECTURES)
def test_garbage_in_the_padding_changes_nothing_and_a_row_says_what_it_says_alone(name: str, tmp_path):
    found = oracles.import_from(make(name, **SMALL), tmp_path)
    given = batch(SMALL | dict(pad_token_id=1), 3, False, False)
    tokens, visible = given["tokens"], given["visible"]
    garbage = torch.where(visible, tokens, (tokens + 7) % 31)
    said = [found.model(these, segments=given["segments"], visible=visible) for these in (tokens, garbage)]
    if "Classification" in name:
        assert torch.equal(*said)
    else:
        assert torch.equal(said[0][visible], said[1][visible])
    for row, seen in enumerate(visible):
        alone = found.model(tokens[row : row + 1, seen], segments=given["segments"][row : row + 1, seen])[0]
        together = said[0][row] if "Classification" in name else said[0][row][seen]
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", bert.ARCHITECTURES)
def test_a_file_is_read_with_and_without_its_prefix_and_with_the_old_names_of_norms(name: str, tmp_path):
    found = oracles.import_from(make(name, **SMALL), tmp_path)
    file, prefix = tmp_path / "theirs" / "model.safetensors", "roberta." if name.startswith("Roberta") else "bert."
    tensors = load_file(file)
    other = {}
    for key, tensor in tensors.items():
        key = key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        plain = key.startswith(("cls.", "lm_head.", "classifier."))
        other[key.removeprefix(prefix) if key.startswith(prefix) else key if plain else prefix + key] = tensor
    other[f"{prefix}embeddings.position_ids"] = torch.arange(24)[None]
    assert set(other) != set(tensors)
    save_file(other, file)
    again = read_foreign(tmp_path / "theirs")
    for key, tensor in found.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[key]), key


def test_the_file_of_berts_own_training_is_read_as_the_head_for_hidden_tokens(tmp_path):
    """It has a pooler and a second head besides, and a copy of the tied matrix."""
    found = oracles.import_from(make("BertForMaskedLM", **SMALL), tmp_path)
    file = tmp_path / "theirs" / "model.safetensors"
    tensors = load_file(file)
    extra = {"bert.pooler.dense.weight": torch.ones(12, 12), "bert.pooler.dense.bias": torch.ones(12), "cls.seq_relationship.weight": torch.ones(2, 12)}
    extra |= {"cls.seq_relationship.bias": torch.ones(2), "cls.predictions.decoder.weight": tensors["bert.embeddings.word_embeddings.weight"].clone()}
    save_file(tensors | extra, file)
    again = read_foreign(tmp_path / "theirs")
    assert all(torch.equal(tensor, again.model.state_dict()[key]) for key, tensor in found.model.state_dict().items())


REFUSED = [
    ("position_embedding_type", "relative_key"),
    ("is_decoder", True),
    ("add_cross_attention", True),
    ("hidden_act", "mish"),
    ("pruned_heads", {"0": [1]}),
    ("tie_word_embeddings", False),
    ("embedding_size", 8),
    ("num_hidden_layers", 0),
    ("layer_norm_eps", "small"),
]


@pytest.mark.parametrize(("field", "value"), REFUSED, ids=[field for field, _ in REFUSED])
def test_what_would_change_the_result_is_refused_by_name(field, value, tmp_path):
    make("BertForMaskedLM", **SMALL).save_pretrained(tmp_path)
    oracles.change_config(tmp_path, **{field: value})
    with pytest.raises(BadInput, match=field):
        read_foreign(tmp_path)


@pytest.mark.parametrize("field", ["chunk_size_feed_forward", "classifier_dropout", "gradient_checkpointing", "directionality", "pooler_fc_size"])
def test_what_does_not_change_the_result_is_ignored(field, tmp_path):
    make("BertModel", **SMALL).save_pretrained(tmp_path)
    oracles.change_config(tmp_path, **{field: 3})
    assert read_foreign(tmp_path).task == "embedding"


def test_robertas_head_has_gelu_whatever_its_layers_have(tmp_path):
    make("RobertaForMaskedLM", **SMALL, hidden_act="relu").save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="hidden_act = 'relu'.*must be 'gelu'"):
        read_foreign(tmp_path)


def test_robertas_positions_begin_behind_the_row_of_its_padding(tmp_path):
    found = oracles.import_from(make("RobertaModel", **SMALL, pad_token_id=4), tmp_path)
    assert (found.settings.body.position_offset, found.settings.body.context) == (5, 19)
    oracles.change_config(tmp_path / "theirs", max_position_embeddings=5)
    with pytest.raises(BadInput, match="max_position_embeddings = 5"):
        read_foreign(tmp_path / "theirs")


def test_the_names_of_the_classes_are_kept(tmp_path):
    config = transformers.BertConfig(**SMALL, id2label={0: "blame", 1: "praise"}, label2id={"blame": 0, "praise": 1})
    found = oracles.import_from(oracles.oracle(transformers.BertForSequenceClassification(config)), tmp_path)
    assert found.settings.class_names == ("blame", "praise")
    oracles.round_trip(found, tmp_path)


def test_a_bare_encoder_without_a_pooler_is_read_without_one(tmp_path):
    theirs = oracles.oracle(transformers.BertModel(transformers.BertConfig(**SMALL), add_pooling_layer=False))
    found = oracles.import_from(theirs, tmp_path)
    assert not found.settings.pooler
    tokens = torch.tensor([[3, 4, 5]])
    oracles.close(found.model(tokens), theirs(tokens).last_hidden_state)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(norm="rms", biases="none"), "model.body.norm='rms'|model.body.biases='none'"),
        (dict(placement="pre"), "model.body.placement='pre'"),
        (dict(position="rotary"), "model.body.position='rotary'"),
        (dict(phi="gated"), "model.body.phi='gated'"),
        (dict(segments=0), "model.body.segments=0"),
        (dict(embedding_norm=False), "model.body.embedding_norm=False"),
        (dict(tau="1"), "model.body.tau='1'"),
        (dict(head_width=8), "model.body.head_width=8"),
    ],
)
def test_a_switch_without_a_place_in_bert_is_refused_by_name(change, said):
    import dataclasses

    _, found = bert.read_config({"architectures": ["BertModel"], **SMALL})
    assert bert.home(found) == "BertModel"
    with pytest.raises(BadInput, match=said):
        bert.home(dataclasses.replace(found, body=dataclasses.replace(found.body, **change)))


def test_missing_extra_and_misshapen_tensors_are_said_together(tmp_path):
    make("BertModel", **SMALL).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["encoder.layer.0.output.dense.bias"]
    tensors |= {"encoder.layer.9.output.dense.bias": torch.ones(12), "pooler.dense.bias": torch.ones(5)}
    tensors["embeddings.LayerNorm.bias"][3] = torch.nan
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(BadInput) as refusal:
        read_foreign(tmp_path)
    for part in ("missing: encoder.layer.0.output.dense.bias", "encoder.layer.9.output.dense.bias", "pooler.dense.bias [5]", "embeddings.LayerNorm.bias"):
        assert part in str(refusal.value)


def test_a_config_without_architectures_is_the_bare_encoder(tmp_path):
    make("BertModel", **SMALL).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["architectures"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_foreign(tmp_path).settings.head == "none"
