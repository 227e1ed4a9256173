"""What the blackboard does not say of the transformer: how it begins, what is dropped, and what low precision must not touch."""

import math

import pytest
import torch

from workings.errors import BadInput
from workings.layers.dropping import StochasticDepth
from workings.layers.packing import packing_of
from workings.layers.randomness import seed_draws
from workings.models import stack
from workings.models.settings import TransformerSettings, model_settings
from workings.models.transformer import Transformer

TOKENS = torch.randint(211, (3, 17), generator=torch.Generator().manual_seed(1))


def a_model(**choices) -> Transformer:
    torch.manual_seed(0)
    return Transformer(TransformerSettings(**(dict(vocabulary=211, context=17, width=64, layers=2, heads=4) | choices)))


@pytest.mark.parametrize(("initialization", "size"), [("normal", 0.02), ("fan-in", 64**-0.5)])
@pytest.mark.parametrize(("residuals", "sums"), [("none", 1), ("one", 2), ("two", 4)])
def test_matrices_begin_as_initialization_says_and_what_joins_the_residuals_smaller(initialization, size, residuals, sums):
    block = a_model(initialization=initialization, residuals=residuals, biases="all").blocks[1]
    assert block.attention.query.weight.std().item() == pytest.approx(size, rel=0.05)
    assert block.attention.out.weight.std().item() == pytest.approx(size / math.sqrt(sums), rel=0.05)
    assert not block.attention.query.bias.any() and not block.feed_forward.down.bias.any()


def test_every_layer_draws_weights_of_its_own_and_initialize_draws_them_anew():
    model = a_model()
    before = [block.attention.query.weight.clone() for block in model.blocks]
    assert not torch.equal(*before)
    model.initialize()
    assert not torch.equal(before[0], model.blocks[0].attention.query.weight)


@pytest.mark.parametrize("choices", [dict(dropout=0.3), dict(stochastic_depth=0.6)], ids=str)
@pytest.mark.parametrize("preset", ["lecture-plus", "gpt", "llama"])
def test_what_is_dropped_is_dropped_in_training_only_and_follows_the_key(preset, choices):
    sizes = dict(vocabulary=211, context=17, width=64, layers=2, heads=4)
    model, still = (Transformer(model_settings(preset, **sizes, **extra)) for extra in (choices, {}))
    still.load_state_dict(model.state_dict())
    assert torch.equal(model.eval()(TOKENS), still.eval()(TOKENS))
    answers = []
    for key in (1, 1, 2):
        seed_draws(key)
        answers.append(model.train()(TOKENS))
    assert torch.equal(answers[0], answers[1])
    assert not torch.allclose(answers[0], answers[2]) and not torch.allclose(answers[0], still(TOKENS))


def test_stochastic_depth_rises_on_a_line_from_nothing():
    blocks = a_model(layers=4, stochastic_depth=0.3).blocks
    assert [next(part.probability for part in block.modules() if isinstance(part, StochasticDepth)) for block in blocks] == pytest.approx([0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("position", ["rotary", "sinusoidal"])
def test_a_bfloat16_model_tells_position_256_from_257(position):
    """bfloat16 counts 256, 256, 258: positions are whole numbers and float64 until they are sines."""
    model = a_model(position=position, context=300).bfloat16()
    steps = torch.tensor([[256, 257]])
    if position == "rotary":
        cos, sin = model.rotary_table(steps, model.embedding.weight)
        assert cos.dtype == sin.dtype == torch.float32
        angle = steps.double()[0, :, None] * 10_000 ** (-torch.arange(0, 16, 2, dtype=torch.float64) / 16)
        torch.testing.assert_close(sin[0, 0].double(), angle.sin(), rtol=0, atol=1e-6)
    else:
        x = model.add_sinusoidal(torch.zeros(1, 2, 64, dtype=torch.bfloat16), steps)
        torch.testing.assert_close(x[0, :, 0].double(), torch.tensor([256.0, 257.0]).double().sin(), rtol=0, atol=4e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_cache_has_the_precision_of_the_model(dtype):
    cache = a_model().to(dtype).new_cache(2, 5)
    assert {tensor.dtype for tensor in (*cache.keys, *cache.values)} == {dtype}


def test_learned_positions_end_at_the_context_and_others_do_not():
    longer = torch.randint(211, (1, 18))
    with pytest.raises(BadInput, match="longer than the 17 positions"):
        a_model(position="learned")(longer)
    for position in ("rotary", "sinusoidal", "lecture", "none"):
        assert a_model(position=position)(longer).shape == (1, 18, 211)


def test_a_memory_and_cross_attention_need_each_other():
    for model, given in ((a_model(), dict(memory=torch.zeros(3, 2, 64))), (a_model(cross_attention=True), {})):
        with pytest.raises(BadInput, match="give both or neither"):
            model(TOKENS, **given)


def test_tied_weights_are_there_once():
    assert [name for name in a_model().state_dict() if "embedding" in name or "head" in name] == ["embedding.weight"]
    assert "head.weight" in a_model(tied=False).state_dict()


def test_a_layer_without_residuals_is_not_skipped():
    with pytest.raises(BadInput, match=r"model\.stochastic_depth is 0\.1, but .* model\.residuals='none'"):
        TransformerSettings(residuals="none", stochastic_depth=0.1)


def test_a_model_without_tokens_is_refused():
    with pytest.raises(BadInput, match=r"model\.vocabulary is 0"):
        Transformer(TransformerSettings())


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize(
    "choices",
    [
        dict(causal=True, position="rotary", phi="gated", norm="rms", heads=4, key_value_heads=2),
        dict(causal=True, position="rotary", window=3),
        dict(causal=False, position="learned", placement="post", biases="all"),
        dict(causal=True, position="lecture", value="shared", attend="h", normalize="h", placement="lecture", residuals="one", biases="lecture"),
    ],
    ids=["llama", "window", "bert", "lecture"],
)
def test_one_token_asked_of_the_last_layer_gives_what_it_says_among_all(choices, padded):
    """Values and every gradient, for tokens anywhere in their texts."""
    model = a_model(**choices).double()
    visible = torch.arange(17) < torch.tensor([[17], [9], [12]]) if padded else None
    place = torch.tensor([16, 4, 0])
    answers = [model.hidden(TOKENS, visible=visible)[torch.arange(3), place], model.hidden(TOKENS, visible=visible, asked=place)[:, 0]]
    weight = torch.randn_like(answers[0])
    gradients = [torch.autograd.grad((y * weight).sum(), list(model.parameters()), allow_unused=True) for y in answers]
    torch.testing.assert_close(*answers, rtol=1e-9, atol=1e-12)
    for one, other in zip(*gradients, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-12)


PACKED = [
    dict(causal=True, position="rotary", phi="gated", norm="rms", heads=4, key_value_heads=2, query_key_norm=True, tau="learned"),
    dict(causal=True, position="sinusoidal", window=3, placement="pre"),
    dict(causal=False, position="learned", placement="post", biases="all", embedding_norm=True, norm="layer", phi="gelu"),
    dict(causal=True, position="lecture", value="shared", attend="h", normalize="h", placement="lecture", residuals="one", biases="lecture"),
]


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("choices", PACKED, ids=["llama", "window", "bert", "lecture"])
def test_training_without_padding_gives_the_vectors_and_gradients_of_training_with_it(choices, dtype, asked, left, monkeypatch):
    """With dropout, whose mask is that of a row's place; in float32 with kernels. The plain path has none of all this."""
    model = a_model(**choices, dropout=0.2).to(dtype).train()
    visible = torch.arange(17) < torch.tensor([[17], [3], [9]])
    visible = visible.flip(1) if left else visible
    place = torch.tensor([16, 15, 14]) if left else torch.tensor([16, 1, 0])
    found, seen = [], []
    monkeypatch.setattr(stack, "packing_of", lambda visible: seen.append(packing_of(visible)) or seen[-1])
    for kernels, wanted in (("1", True), ("0", False)):
        monkeypatch.setenv("WORKINGS_FAST", kernels)
        seed_draws(1, 2, first_row=5)
        y = model.hidden(TOKENS, visible=visible, asked=place if asked else None)
        assert (seen[-1] is not None) == wanted
        y = y[:, 0] if asked else y[visible]
        found.append((y, *torch.autograd.grad(y.square().sum(), list(model.parameters()), allow_unused=True)))
    size = max(float(plain.detach().abs().max()) for plain in found[1] if plain is not None)  # some gradients are sums to 0, as that of the keys' bias
    near = dict(rtol=1e-9, atol=1e-12 * size) if dtype == torch.float64 else dict(rtol=1e-4, atol=1e-5 * size)
    for mine, plain in zip(*found, strict=True):
        assert (mine is None) == (plain is None)
        if mine is not None:
            torch.testing.assert_close(mine, plain, **near)


def test_what_is_looked_at_or_dropped_whole_or_not_learned_is_left_with_its_padding(monkeypatch):
    asked = []
    monkeypatch.setattr(stack, "packing_of", lambda visible: asked.append(visible))
    visible = torch.arange(17) < torch.tensor([[17], [3], [9]])
    model = a_model(dropout=0.2)
    model.train().hidden(TOKENS, visible=visible)
    assert len(asked) == 1
    model.hidden(TOKENS, visible=visible, record={})
    model.eval().hidden(TOKENS, visible=visible)
    a_model(stochastic_depth=0.2).train().hidden(TOKENS, visible=visible)
    assert len(asked) == 1
