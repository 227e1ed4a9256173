"""The transformer with GPT's settings is GPT-2: as the blackboard has it from its authors, and as the `transformers` library has it."""

import pytest
import torch

from workings.blackboard.gpt import gpt
from workings.models.settings import PRESETS


def gpt_names(parameters: dict[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """The same numbers under GPT-2's names: Q, K and V side by side, and every matrix transposed."""
    named = {"wte.weight": parameters["embedding.weight"], "wpe.weight": parameters["positions.weight"]}
    for layer in range(layers):
        for kind, part in ((kind, f"blocks.{layer}") for kind in ("weight", "bias")):
            qkv = torch.cat([parameters[f"{part}.attention.{name}.{kind}"] for name in ("query", "key", "value")])
            named |= {
                f"h.{layer}.ln_1.{kind}": parameters[f"{part}.attention_norm.{kind}"],
                f"h.{layer}.attn.c_attn.{kind}": qkv.T if kind == "weight" else qkv,
                f"h.{layer}.ln_2.{kind}": parameters[f"{part}.feed_forward_norm.{kind}"],
            }
            for theirs, ours in (("attn.c_proj", "attention.out"), ("mlp.c_fc", "feed_forward.up"), ("mlp.c_proj", "feed_forward.down")):
                tensor = parameters[f"{part}.{ours}.{kind}"]
                named[f"h.{layer}.{theirs}.{kind}"] = tensor.T if kind == "weight" else tensor
    return named | {f"ln_f.{kind}": parameters[f"final_norm.{kind}"] for kind in ("weight", "bias")}


@pytest.fixture
def case(make_case):
    return make_case(**(PRESETS["gpt"][1] | dict(width=12, heads=3, head_width=0, ff_width=48, layers=2)))


def test_values_and_gradients_equal_the_block_of_its_authors(case):
    inputs = list(case.parameters.values())
    fast = case.model(case.tokens[None])[0]
    slow = gpt(case.tokens.tolist(), gpt_names(case.parameters, 2), layers=2, heads=3)
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-9)
    direction = torch.randn(fast.shape, dtype=torch.float64)
    for ours, theirs in zip(torch.autograd.grad((fast * direction).sum(), inputs), torch.autograd.grad((slow * direction).sum(), inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_the_blackboard_gpt_equals_the_transformers_library(case):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(vocab_size=13, n_positions=17, n_embd=12, n_layer=2, n_head=3, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0)
    theirs = transformers.GPT2LMHeadModel(config).double().eval()
    named = gpt_names({name: parameter.detach() for name, parameter in case.parameters.items()}, 2)
    missing, unexpected = theirs.transformer.load_state_dict({name: tensor.contiguous() for name, tensor in named.items()}, strict=False)
    assert not unexpected
    assert not [name for name in missing if not name.endswith((".attn.bias", ".attn.masked_bias"))]
    expected = theirs(case.tokens[None]).logits[0]
    torch.testing.assert_close(gpt(case.tokens.tolist(), named, layers=2, heads=3), expected, rtol=1e-9, atol=1e-9)
