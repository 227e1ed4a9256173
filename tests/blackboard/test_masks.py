"""Who may see whom: padding, causality by gradient, and memories, for a covering choice of switches."""

import pytest
import torch

from workings.blackboard.transformer import transformer

STYLES = {
    "lecture": dict(
        position="lecture", value="shared", normalize="attention", tau="1/sqrt(D)", placement="lecture", residuals="one", phi="relu", biases="lecture"
    ),
    "h": dict(position="sinusoidal", value_activation="phi", normalize="h", attend="h", tau="learned", placement="lecture", residuals="two", phi="silu"),
    "gpt": dict(position="learned", phi="gelu-tanh"),
    "llama": dict(position="rotary", phi="gated", biases="none", norm="rms", tied=False, heads=4, key_value_heads=2),
    "post": dict(position="none", placement="post", biases="qkv"),
}
VISIBLE = torch.tensor([[1, 1, 1, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 1, 1], [1, 1, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], dtype=torch.bool)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("style", STYLES)
def test_a_padded_batch_gives_each_row_what_the_blackboard_gives_it_alone(make_case, style, causal):
    case = make_case(**STYLES[style], causal=causal)
    tokens = torch.randint(13, VISIBLE.shape)
    logits = case.model(tokens, visible=VISIBLE)
    assert logits.isfinite().all()
    for row, seen in enumerate(VISIBLE[:-1]):
        alone = torch.stack(transformer(tokens[row][seen].tolist(), case.parameters, case.settings))
        torch.testing.assert_close(logits[row][seen], alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("style", STYLES)
def test_garbage_in_the_padding_changes_neither_values_nor_gradients(make_case, style, causal):
    case = make_case(**STYLES[style], causal=causal)
    tokens = torch.randint(13, VISIBLE.shape)
    garbage = torch.where(VISIBLE, tokens, (tokens + 1) % 13)
    results = []
    for these in (tokens, garbage):
        logits = case.model(these, visible=VISIBLE)[VISIBLE]
        results.append((logits, *torch.autograd.grad(logits.square().sum(), list(case.parameters.values()))))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def moves(case, length: int) -> list[list[bool]]:
    """Whether the embedding of token s moves the result at token t: row t, column s."""
    inputs = []
    handle = case.model.embedding.register_forward_hook(lambda module, arguments, output: inputs.append(output) or output)
    y = case.model.hidden(torch.randint(13, (1, length)))
    handle.remove()
    direction = torch.randn(y.shape[-1], dtype=torch.float64)
    gradients = [torch.autograd.grad(y[0, t] @ direction, inputs[0], retain_graph=True)[0][0] for t in range(length)]
    return [(gradient.abs().sum(dim=1) > 0).tolist() for gradient in gradients]


@pytest.mark.parametrize("style", STYLES)
def test_a_causal_prediction_moves_with_every_past_token_and_with_no_future_one(make_case, style):
    case = make_case(**STYLES[style], causal=True)
    assert moves(case, 5) == [[s <= t for s in range(5)] for t in range(5)]


@pytest.mark.parametrize("style", STYLES)
def test_without_causality_every_token_moves_every_result(make_case, style):
    assert moves(make_case(**STYLES[style], causal=False), 5) == [[True] * 5] * 5


@pytest.mark.parametrize("style", STYLES)
def test_a_padded_memory_counts_only_what_is_visible_and_an_empty_one_adds_nothing_but_a_bias(make_case, style):
    case = make_case(**STYLES[style], cross_attention=True)
    tokens = torch.randint(13, (3, 4))
    memory = torch.randn(3, 5, 7, dtype=torch.float64)
    visible = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=torch.bool)
    logits = case.model(tokens, memory=memory, memory_visible=visible)
    for row in range(3):
        alone = torch.stack(transformer(tokens[row].tolist(), case.parameters, case.settings, list(memory[row][visible[row]])))
        torch.testing.assert_close(logits[row], alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("style", STYLES)
def test_recorded_attention_is_a_distribution_over_what_may_be_seen(make_case, style):
    case, record = make_case(**STYLES[style]), {}
    case.model(torch.randint(13, VISIBLE.shape), visible=VISIBLE, record=record)
    for layer in range(case.settings.layers):
        a = record[f"attention.{layer}"]
        may = VISIBLE[:, None, None, :] & torch.ones(5, 5, dtype=torch.bool).tril()
        assert (a[(~may).expand_as(a)] == 0).all()
        torch.testing.assert_close(a.sum(-1), may.any(-1).expand_as(a[..., 0]).to(a), rtol=0, atol=1e-12)
        assert record[f"hidden.{layer}"].shape == (*VISIBLE.shape, case.settings.width)
