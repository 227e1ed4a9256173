"""Matrices in 8 bits on disk are those that writing with 8 bits multiplies by."""

import pytest
import torch

import workings
from tests.weights.oracles import oracle
from workings.data.tokenizers import train_tokenizer
from workings.layers.fast.int8 import quantize_rows
from workings.weights.eight_bits import SCALE, shrink, widen
from workings.weights.folder import load_folder

transformers = pytest.importorskip("transformers")
TEXT = "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife. " * 3


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def folder(request, tmp_path_factory):
    """A small model with a tokenizer, as transformers saves it."""
    tokenizer, folder = train_tokenizer("bpe", [TEXT], 280), tmp_path_factory.mktemp("theirs")
    kinds = {
        "gpt2": lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=tokenizer.size, n_positions=64, n_embd=64, n_layer=2, n_head=2)),
        "llama": lambda: transformers.LlamaForCausalLM(
            transformers.LlamaConfig(vocab_size=tokenizer.size, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4)
        ),
    }
    oracle(kinds[request.param](), 4).save_pretrained(folder)
    tokenizer.save(folder)
    return folder


def test_no_element_is_off_by_more_than_half_a_step_and_a_second_time_changes_nothing():
    weights = {"a.weight": torch.randn(5, 7), "a.bias": torch.randn(5), "positions.weight": torch.randn(3, 7), "zero.weight": torch.zeros(2, 7)}
    stored = shrink(weights)
    assert stored["a.weight"].dtype == torch.int8 and "positions.weight" + SCALE not in stored
    wide = widen(stored)
    assert ((wide["a.weight"] - weights["a.weight"]).abs() <= stored["a.weight" + SCALE].float()[:, None] * 0.501).all()
    assert all(torch.equal(wide[name], weights[name]) for name in ("a.bias", "positions.weight", "zero.weight"))
    again = shrink(wide)
    assert again.keys() == stored.keys() and all(torch.equal(again[name], stored[name]) for name in stored)
    assert widen(weights) is weights


def test_a_folder_in_8_bits_is_a_quarter_of_the_size_and_its_matrices_are_those_that_steps_in_8_bits_multiply_by(folder, tmp_path):
    whole, small = (workings.import_model(folder, to=tmp_path / kind, dtype=kind).folder for kind in ("float32", "int8"))
    sizes = [(place / "model.safetensors").stat().st_size for place in (whole, small)]
    assert sizes[1] < 0.35 * sizes[0]  # of so small a model; its positions, norms and names are not in 8 bits
    assert workings.load(small).write("It is a", tokens=5).startswith("It is a")
    exact, rounded = (load_folder(place).model.state_dict() for place in (whole, small))
    assert exact.keys() == rounded.keys()
    for name in exact:
        assert (exact[name] - rounded[name]).abs().max() <= exact[name].abs().max() / 127
        if exact[name].ndim == 2:
            assert all(torch.equal(one, other) for one, other in zip(quantize_rows(exact[name]), quantize_rows(rounded[name]), strict=True))
