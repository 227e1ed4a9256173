"""GPT-2 read here is GPT-2: logits, hidden states, gradients, cached writing; written again it is the same file."""

import json

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from tests.weights.oracles import change_config, close, close_gradients, close_hidden, greedy, import_from, oracle, padded, round_trip
from workings.errors import BadInput
from workings.models.settings import model_settings
from workings.weights.families import gpt2
from workings.weights.importing import read_foreign

transformers = pytest.importorskip("transformers")

CONFIG = dict(vocab_size=37, n_positions=24, n_embd=12, n_layer=2, n_head=3, bos_token_id=0, eos_token_id=0)


def gpt2_oracle(seed: int = 0, base: bool = False, **changes):
    config = transformers.GPT2Config(**(CONFIG | changes), attn_implementation="eager")
    return oracle((transformers.GPT2Model if base else transformers.GPT2LMHeadModel)(config), seed)


@pytest.fixture
def folder(tmp_path):
    """A folder that transformers saved."""
    gpt2_oracle().save_pretrained(tmp_path)
    return tmp_path


configs = st.fixed_dictionaries(
    {
        "n_head": st.integers(1, 4),
        "n_layer": st.integers(1, 3),
        "n_inner": st.sampled_from([None, 5, 48]),
        "activation_function": st.sampled_from(["gelu_new", "gelu", "relu", "silu", "gelu_pytorch_tanh"]),
        "layer_norm_epsilon": st.sampled_from([1e-5, 1e-12, 1e-2]),
        "scale_attn_weights": st.booleans(),
        "reorder_and_upcast_attn": st.booleans(),
        "tie_word_embeddings": st.booleans(),
    }
)


@settings(max_examples=12, deadline=None)
@given(config=configs, head_width=st.integers(1, 12), seed=st.integers(0, 2**20), padding=st.sampled_from(["none", "left", "right"]))
def test_logits_hidden_states_and_gradients_are_those_of_the_original(config, head_width, seed, padding, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    assume(config["n_head"] * head_width >= 4)  # the norm of one number is 0 / 0 but for its epsilon
    theirs = gpt2_oracle(seed, **config, n_embd=config["n_head"] * head_width)
    found = import_from(theirs, folder)
    tokens, visible, steps = padded(37, 24, padding, seed)
    record = {}
    logits = found.model(tokens, visible=visible, record=record)
    wanted = theirs(tokens, attention_mask=None if visible is None else visible.long(), position_ids=steps, output_hidden_states=True)
    close(logits, wanted.logits, visible)
    close_hidden(record, wanted.hidden_states, visible)
    close_gradients(found, theirs, logits, wanted.logits, visible)
    round_trip(found, folder, ["n_inner", "activation_function", "reorder_and_upcast_attn"])  # written in the way of ours that means the same


def test_greedy_writing_with_the_cache_is_token_for_token_that_of_the_original(tmp_path):
    theirs = gpt2_oracle(seed=3, n_embd=24, n_layer=3)
    prompt = [5, 1, 30, 9]
    wanted = theirs.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=20, pad_token_id=0, eos_token_id=None)
    assert greedy(import_from(theirs, tmp_path).model, prompt, 20) == wanted[0, 4:].tolist()


def test_the_prefix_may_be_there_or_not_in_files_of_either_architecture(folder):
    tensors = load_file(folder / "model.safetensors")
    tokens = torch.arange(9)[None]
    wanted = read_foreign(folder).model(tokens)
    bare = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    for architecture in ("GPT2LMHeadModel", "GPT2Model"):
        change_config(folder, architectures=[architecture])
        for kept in (tensors, bare):
            save_file(kept, folder / "model.safetensors")
            assert torch.equal(read_foreign(folder).model(tokens), wanted)


def test_a_base_model_as_transformers_saves_it_writes_with_its_tied_embedding(tmp_path):
    theirs = gpt2_oracle(seed=5, base=True)
    tokens = torch.arange(12)[None]
    close(import_from(theirs, tmp_path).model.hidden(tokens), theirs(tokens).last_hidden_state)
    change_config(tmp_path / "theirs", tie_word_embeddings=False)
    with pytest.raises(BadInput, match="which has no head to write with"):
        read_foreign(tmp_path / "theirs")


def test_old_files_with_stored_masks_and_a_copied_head_are_read(folder):
    tensors = load_file(folder / "model.safetensors")
    wanted = read_foreign(folder).model(torch.arange(9)[None])
    old = {f"h.{layer}.attn.{name}": torch.ones(1, 1, 24, 24) for layer in (0, 1) for name in ("bias", "masked_bias")}
    save_file(tensors | old | {"lm_head.weight": tensors["transformer.wte.weight"].clone()}, folder / "model.safetensors")
    assert torch.equal(read_foreign(folder).model(torch.arange(9)[None]), wanted)
    save_file(tensors | {"lm_head.weight": tensors["transformer.wte.weight"] + 1}, folder / "model.safetensors")
    with pytest.raises(BadInput, match="not the copy that it should be: lm_head.weight of transformer.wte.weight"):
        read_foreign(folder)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = True"),
        ({"add_cross_attention": True}, "add_cross_attention = True"),
        ({"activation_function": "gelu_fast"}, "activation_function = 'gelu_fast', which is not supported here; what is: 'gelu_new'"),
        ({"pruned_heads": {"0": [1]}}, "pruned_heads"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"alibi": True}, "alibi = True, which is not known here and may change the result"),
        ({"n_embd": "twelve"}, "n_embd = 'twelve', which should be a whole number"),
        ({"n_head": 5}, "does not divide by model.heads 5"),
        ({"n_layer": None}, "has no 'n_layer'"),
    ],
)
def test_a_field_that_would_change_the_result_is_refused_by_name(fields, said, folder):
    change_config(folder, **fields)
    with pytest.raises(BadInput) as error:
        read_foreign(folder)
    assert said in str(error.value)


def test_the_config_of_the_first_gpt2_is_read():
    config = json.loads(
        """{"activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1, "bos_token_id": 50256, "embd_pdrop": 0.1,
        "eos_token_id": 50256, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12,
        "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1, "summary_activation": null, "summary_first_dropout": 0.1, "summary_proj_to_labels": true,
        "summary_type": "cls_index", "summary_use_proj": true, "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}},
        "vocab_size": 50257}"""
    )
    task, settings = gpt2.read_config(config)
    assert task == "language" and settings == model_settings("gpt", vocabulary=50257, context=1024, width=768, layers=12, heads=12)


@pytest.mark.parametrize(
    ("switch", "value"),
    [("position", "rotary"), ("norm", "rms"), ("biases", "none"), ("tau", "learned"), ("key_value_heads", 1), ("head_width", 8), ("phi", "gated")],
)
def test_a_switch_that_gpt2_has_no_place_for_is_refused_by_name_and_value(switch, value):
    settings = model_settings("gpt", vocabulary=9, width=12, heads=3, layers=1, **{switch: value})
    with pytest.raises(BadInput, match=f"model.{switch} is {value!r}, for which GPT2LMHeadModel has no place"):
        gpt2.home(settings)
