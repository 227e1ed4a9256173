"""Llama, Mistral, Qwen2, Qwen3 and SmolLM2 read here are what they are there: logits, hidden states, gradients, cached writing, round trips."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.weights.oracles import change_config, close, close_gradients, close_hidden, greedy, import_from, oracle, padded, round_trip
from workings.errors import BadInput
from workings.models.settings import model_settings
from workings.weights.families import llama
from workings.weights.importing import read_foreign

transformers = pytest.importorskip("transformers")

CONFIG = dict(vocab_size=41, max_position_embeddings=24, hidden_size=24, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4)
CONFIG |= dict(num_key_value_heads=2, bos_token_id=0, eos_token_id=0, pad_token_id=None)
KINDS = ("Llama", "Mistral", "Qwen2", "Qwen3")
LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8}


def llama_oracle(kind: str, seed: int = 0, **changes):
    config = getattr(transformers, f"{kind}Config")(**(CONFIG | changes), attn_implementation="eager")
    return oracle(getattr(transformers, f"{kind}ForCausalLM")(config), seed)


@st.composite
def configs(draw) -> tuple[str, dict]:
    """A kind and what its config may say."""
    kind = draw(st.sampled_from(KINDS))
    groups, each, head = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.sampled_from([2, 4, 8]))
    window = draw(st.sampled_from([None, 1, 3, 100]))
    config = dict(
        num_key_value_heads=groups,
        num_attention_heads=groups * each,
        hidden_size=groups * each * draw(st.sampled_from([2, 4, 5])),
        num_hidden_layers=draw(st.integers(1, 3)),
        intermediate_size=draw(st.integers(1, 40)),
        head_dim=head,
        rms_norm_eps=draw(st.sampled_from([1e-6, 1e-5, 1e-2])),
        tie_word_embeddings=draw(st.booleans()),
        rope_parameters=draw(st.sampled_from([{"rope_type": "default"}, {"rope_type": "linear", "factor": 2.5}, LLAMA3]))
        | {"rope_theta": draw(st.sampled_from([100.0, 10_000.0, 1e6]))},
    )
    if kind == "Llama":
        config |= draw(st.sampled_from([{}, {"attention_bias": True}, {"attention_bias": True, "mlp_bias": True}]))
    elif kind == "Mistral":
        config |= {"sliding_window": window}
    elif window is not None:
        config |= {"use_sliding_window": True, "sliding_window": window, "max_window_layers": 0}
    if kind == "Qwen3":
        config |= {"attention_bias": draw(st.booleans())}
    return kind, config


@settings(max_examples=24, deadline=None)
@given(drawn=configs(), seed=st.integers(0, 2**20), padding=st.sampled_from(["none", "left", "right"]))
def test_logits_hidden_states_and_gradients_are_those_of_the_original(drawn, seed, padding, tmp_path_factory):
    kind, config = drawn
    folder = tmp_path_factory.mktemp("llama")
    theirs = llama_oracle(kind, seed, **config)
    found = import_from(theirs, folder)
    tokens, visible, steps = padded(41, 24, padding, seed)
    record = {}
    logits = found.model(tokens, visible=visible, record=record)
    wanted = theirs(tokens, attention_mask=None if visible is None else visible.long(), position_ids=steps, output_hidden_states=True)
    close(logits, wanted.logits, visible)
    close_hidden(record, wanted.hidden_states, visible)
    close_gradients(found, theirs, logits, wanted.logits, visible)
    round_trip(found, folder, ["max_window_layers"])  # what it means is in layer_types


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_writing_with_the_cache_is_token_for_token_that_of_the_original(kind, tmp_path):
    window = {"Mistral": {"sliding_window": 5}, "Qwen3": {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 0}}
    theirs = llama_oracle(kind, seed=2, rope_parameters=LLAMA3 | {"rope_theta": 10_000.0}, **window.get(kind, {}))
    prompt = [5, 1, 30, 9]
    wanted = theirs.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=20, pad_token_id=0, eos_token_id=None)
    assert greedy(import_from(theirs, tmp_path).model, prompt, 20) == wanted[0, 4:].tolist()


def read(**config) -> dict:
    """What a config.json of these fields becomes, as the settings that differ from those of the llama preset of its sizes."""
    task, found = llama.read_config(config)
    assert task == "language"
    plain = model_settings("llama", vocabulary=found.vocabulary, width=found.width, heads=found.heads)
    return {name: value for name, value in vars(found).items() if value != getattr(plain, name)}


BASE = dict(architectures=["LlamaForCausalLM"], vocab_size=9, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4)


@pytest.mark.parametrize(
    ("fields", "becomes"),
    [
        ({}, {"rope_theta": 10_000.0}),
        ({"rope_theta": 500_000.0}, {"rope_theta": 500_000.0}),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0}}, {"rope_theta": 500_000.0}),
        ({"rope_theta": 500.0, "rope_scaling": None}, {"rope_theta": 500.0}),
        ({"rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 2.0}}, {"rope_theta": 500.0, "rope_scaling": "linear", "rope_factor": 2.0}),
        ({"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2}}, {"rope_theta": 500.0, "rope_scaling": "linear", "rope_factor": 2.0}),
        ({"rope_theta": 5e5, "rope_scaling": LLAMA3}, {"rope_theta": 5e5, "rope_scaling": "llama3", "rope_factor": 4.0, "rope_original_context": 8}),
        ({"rope_parameters": LLAMA3 | {"rope_theta": 5e5}}, {"rope_theta": 5e5, "rope_scaling": "llama3", "rope_factor": 4.0, "rope_original_context": 8}),
    ],
)
def test_rotary_fields_of_transformers_4_and_5_say_the_same(fields, becomes):
    kept = ("rope_theta", "rope_scaling", "rope_factor", "rope_original_context")
    _, found = llama.read_config(BASE | fields)
    plain = model_settings("llama")
    assert {name: getattr(found, name) for name in kept} == {name: getattr(plain, name) for name in kept} | becomes


def test_what_a_config_lacks_is_what_the_original_takes_it_for():
    mistral = BASE | {"architectures": ["MistralForCausalLM"], "num_attention_heads": 8}
    assert llama.read_config(mistral)[1].window == 4096 and llama.read_config(mistral)[1].key_value_heads == 8
    assert llama.read_config(mistral | {"sliding_window": None})[1].window == 0
    assert llama.read_config(BASE)[1].key_value_heads == 4 and llama.read_config(BASE)[1].context == 2048
    assert llama.read_config(BASE | {"num_key_value_heads": None})[1].key_value_heads == 4
    qwen = BASE | {"architectures": ["Qwen3ForCausalLM"], "num_key_value_heads": 2}
    assert llama.read_config(qwen)[1].head_width == 128 and llama.read_config(qwen)[1].window == 0


REAL = {
    "SmolLM2": """{"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 0, "eos_token_id": 0,
        "hidden_act": "silu", "hidden_size": 576, "initializer_range": 0.041666666666666664, "intermediate_size": 1536, "is_llama_config": true,
        "max_position_embeddings": 8192, "mlp_bias": false, "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30,
        "num_key_value_heads": 3, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_interleaved": false, "rope_scaling": null, "rope_theta": 100000,
        "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.40.1", "use_cache": true, "vocab_size": 49152}""",
    "Llama 3.2": """{"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000,
        "eos_token_id": [128001, 128008, 128009], "head_dim": 64, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
        "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama", "num_attention_heads": 32,
        "num_hidden_layers": 16, "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0,
        "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,
        "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.45.0.dev0", "use_cache": true, "vocab_size": 128256}""",
    "Mistral": """{"architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096,
        "initializer_range": 0.02, "intermediate_size": 14336, "max_position_embeddings": 32768, "model_type": "mistral", "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096,
        "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.34.0.dev0", "use_cache": true, "vocab_size": 32000}""",
    "Qwen2.5": """{"architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151643, "hidden_act": "silu",
        "hidden_size": 896, "initializer_range": 0.02, "intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 24,
        "model_type": "qwen2", "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.40.1",
        "use_cache": true, "use_mrope": false, "use_sliding_window": false, "vocab_size": 151936}""",
    "Qwen3": """{"architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645,
        "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024, "initializer_range": 0.02, "intermediate_size": 3072,
        "max_position_embeddings": 40960, "max_window_layers": 28, "model_type": "qwen3", "num_attention_heads": 16, "num_hidden_layers": 28,
        "num_key_value_heads": 8, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000000, "sliding_window": null,
        "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": true, "use_sliding_window": false,
        "vocab_size": 151936}""",
}
"""Files as they are on the hub, written by transformers 4."""


@pytest.mark.parametrize("name", REAL)
def test_configs_as_they_are_on_the_hub_are_read_and_have_a_home(name):
    config = json.loads(REAL[name])
    _, found = llama.read_config(config)
    (architecture,) = config["architectures"]
    assert llama.home(found) == architecture
    assert llama.read_config({"architectures": [architecture]} | llama.write_config(found, architecture))[1] == found
    assert found.tied == config["tie_word_embeddings"] and found.window == (4096 if name == "Mistral" else 0)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("Llama", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0}}, "scales its rotary positions by 'yarn'"),
        ("Llama", {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "scales its rotary positions by 'dynamic'"),
        ("Llama", {"rope_scaling": {"rope_type": "longrope", "factor": 2.0}}, "scales its rotary positions by 'longrope'"),
        ("Llama", {"rope_scaling": {"rope_type": "linear", "factor": 2.0, "beta_fast": 3}}, "beta_fast = 3"),
        ("Llama", {"partial_rotary_factor": 0.5}, "partial_rotary_factor = 0.5"),
        ("Llama", {"hidden_act": "gelu"}, "hidden_act = 'gelu', which is not supported here; what is: 'silu'"),
        ("Llama", {"mlp_bias": True}, "mlp_bias = True with attention_bias = False"),
        ("Llama", {"sliding_window": 4}, "sliding_window = 4"),
        ("Mistral", {"attention_bias": True}, "attention_bias = True"),
        ("Qwen2", {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1, "layer_types": None}, "max_window_layers = 1, which gives layers"),
        ("Qwen2", {"use_sliding_window": True, "layer_types": ["sliding_attention", "full_attention"]}, "layer_types = ['sliding_attention', 'full_att"),
        ("Qwen3", {"quantization_config": {"quant_method": "gptq"}}, "quantization_config"),
        ("Llama", {"rope_parameters": 3}, "rope_parameters = 3, which should be a table"),
        ("Llama", {"is_encoder_decoder": True}, "is_encoder_decoder = True"),
        ("Llama", {"num_experts": 8}, "num_experts = 8, which is not known here"),
    ],
)
def test_a_field_that_would_change_the_result_is_refused_by_name(kind, fields, said, tmp_path):
    llama_oracle(kind).save_pretrained(tmp_path)
    change_config(tmp_path, **fields)
    with pytest.raises(BadInput) as error:
        read_foreign(tmp_path)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"position": "learned"}, "model.position is 'learned', for which LlamaForCausalLM has no place; it would have to be 'rotary'"),
        ({"biases": "lecture"}, "model.biases is 'lecture', for which LlamaForCausalLM has no place; it would have to be 'none' or 'attention' or 'all'"),
        ({"tau": "1"}, "model.tau is '1'"),
        ({"placement": "post"}, "model.placement is 'post'"),
        ({"window": 4, "biases": "all"}, "model.biases is 'all', for which MistralForCausalLM has no place"),
        ({"query_key_norm": True, "biases": "qkv"}, "model.biases is 'qkv', for which Qwen3ForCausalLM has no place"),
        ({"heads": 3, "head_width": 4, "width": 10}, "model.heads is 3, for which LlamaForCausalLM has no place"),
    ],
)
def test_a_switch_without_a_home_is_refused_by_name_and_value(changes, said):
    with pytest.raises(BadInput) as error:
        llama.home(model_settings("llama", **(dict(vocabulary=9, width=12, heads=3, layers=1) | changes)))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("changes", "home"),
    [({}, "Llama"), ({"biases": "attention"}, "Llama"), ({"biases": "qkv"}, "Qwen2"), ({"window": 4}, "Mistral"), ({"query_key_norm": True}, "Qwen3")],
)
def test_the_switches_say_which_class_is_the_home(changes, home):
    assert llama.home(model_settings("llama", **(dict(vocabulary=9, width=12, heads=3, layers=1) | changes))) == f"{home}ForCausalLM"
