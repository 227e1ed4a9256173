"""Attention written out in blocks equals the equation, in values and gradients, with and without dropout."""

import pytest
import torch

from workings.layers.attention import attend
from workings.layers.dropping import Dropout
from workings.layers.fast import attention as fast
from workings.layers.fast.compiler import library
from workings.layers.fast.dropout import keep_mask
from workings.layers.masks import EVERYTHING, Mask, visibility
from workings.layers.randomness import seed_draws

KEY, FIRST = 0x1234_5678_9ABC_DEF1, 7
TOLERANCE = {torch.float32: 3e-6, torch.bfloat16: 2e-2}
"""Relative to the largest value: 25 roundings of float32; 5 of bfloat16, since scores and weights are rounded too."""


def equation(q, k, v, causal, scale, p, visible=None):
    """Statement 1.1c-d in float64, dropping with the same mask; a row that sees nothing gives 0. visible: [B, S]."""
    scores = scale * q @ k.mT
    seen = torch.ones(scores.shape, dtype=torch.bool)
    seen = seen & visible[:, None, None] if visible is not None else seen
    seen = seen.tril() if causal else seen
    weights = scores.masked_fill(~seen, -torch.inf).softmax(-1).masked_fill(~seen, 0.0)
    rows, columns = weights.shape[:-1].numel(), weights.shape[-1]
    return (weights * keep_mask(rows, columns, p, KEY, FIRST).view(weights.shape) / (1 - p)) @ v


@pytest.mark.skipif(library() is None, reason="no C compiler")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.0, 0.3])
@pytest.mark.parametrize(("rows", "columns", "causal"), [(64, 64, True), (67, 67, True), (300, 300, True), (71, 33, False), (31, 131, False)])
def test_written_out_equals_the_equation(rows, columns, causal, p, dtype):
    torch.manual_seed(0)
    q = torch.randn(2, 3, rows, 16, dtype=dtype, requires_grad=True)
    k, v = (torch.randn(2, 3, columns, 16, dtype=dtype, requires_grad=True) for _ in range(2))
    exact = [x.detach().double().requires_grad_() for x in (q, k, v)]
    y, expected = fast.written_out(q, k, v, Mask(causal=causal), 0.3, p, KEY, FIRST), equation(*exact, causal, 0.3, p)
    assert_equal(y, expected, (q, k, v), exact, dtype)


def assert_equal(y, expected, inputs, exact, dtype):
    """Values and gradients, which are given back."""
    dy = torch.randn_like(y)
    got = y, *torch.autograd.grad(y, inputs, dy)
    wanted = expected, *torch.autograd.grad(expected, exact, dy.double())
    for mine, right in zip(got, wanted, strict=True):
        assert (mine.double() - right).abs().max() <= TOLERANCE[dtype] * right.abs().max()
    return got[1:]


def some_padding(columns):
    """Five sequences: padding after, before, nothing but padding, no padding, a single token at the end. [5, S]."""
    column = torch.arange(columns)
    return torch.stack((column < columns - 9, column >= 40 % columns, column < 0, column >= 0, column == columns - 1))


@pytest.mark.skipif(library() is None, reason="no C compiler")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.0, 0.3])
@pytest.mark.parametrize(("rows", "columns", "causal"), [(67, 67, True), (300, 300, True), (67, 67, False), (71, 33, False), (31, 131, False)])
def test_padding_is_hidden_as_in_the_equation(rows, columns, causal, p, dtype):
    torch.manual_seed(0)
    visible = some_padding(columns)
    q = torch.randn(5, 3, rows, 16, dtype=dtype, requires_grad=True)
    k, v = (torch.randn(5, 3, columns, 16, dtype=dtype, requires_grad=True) for _ in range(2))
    exact = [x.detach().double().requires_grad_() for x in (q, k, v)]
    mask = visibility(causal, visible, columns, columns, torch.device("cpu"))
    y = fast.written_out(q, k, v, mask, 0.3, p, KEY, FIRST)
    assert not y[2].any()
    _, dk, dv = assert_equal(y, equation(*exact, causal, 0.3, p, visible), (q, k, v), exact, dtype)
    assert not dk.transpose(1, 2)[~visible].any() and not dv.transpose(1, 2)[~visible].any()


def test_large_scores_do_not_overflow():
    q = torch.full((1, 1, 128, 64), 100.0, requires_grad=True)
    y = fast.written_out(q, q, q, Mask(causal=True), 1.0) if library() else q
    assert torch.allclose(y, q)


def test_a_hidden_token_has_no_influence():
    q, k, v = (torch.randn(1, 2, 150, 64, requires_grad=True) for _ in range(3))
    y = attend(q, k, v, Mask(causal=True), 0.1, Dropout(0.0))
    for x in torch.autograd.grad(y[:, :, :100].sum(), (k, v)):
        assert not x[:, :, 100:].any() and x[:, :, :100].any()


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_dropout_in_attention_is_the_same_with_and_without_kernels(causal, padded, monkeypatch):
    """The key of a place decides the mask, not the path that is taken."""
    dropout = Dropout(0.3).train()
    q, k, v = (torch.randn(5, 3, 65, 24, requires_grad=True) for _ in range(3))
    visible = some_padding(65) if padded else None
    answers = []
    for kernels in ("1", "0"):
        monkeypatch.setenv("WORKINGS_FAST", kernels)
        seed_draws(3, 5, first_row=4)
        mask = visibility(causal, visible, 65, 65, q.device)
        assert fast.takes(q, k, v, mask, 0.3) == (kernels == "1" and library() is not None)
        y = attend(q, k, v, mask, 0.2, dropout)
        answers.append((y, *torch.autograd.grad(y.square().sum(), (q, k, v))))
    for mine, plain in zip(*answers, strict=True):
        assert torch.allclose(mine, plain, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kernels", ["1", "0"])
def test_what_stands_in_padding_changes_nothing_and_neither_does_how_much(kernels, monkeypatch):
    monkeypatch.setenv("WORKINGS_FAST", kernels)
    torch.manual_seed(1)
    q, k, v = (torch.randn(2, 3, 70, 24, requires_grad=True) for _ in range(3))
    visible = torch.arange(70) < torch.tensor([[50], [41]])

    def answer(k, v):
        return attend(q, k, v, visibility(False, visible, 70, 70, q.device), 0.2, Dropout(0.0))

    y = answer(k, v)
    hidden = ~visible[:, None, :, None]
    garbage = answer(torch.where(hidden, 1e4, k), torch.where(hidden, -1e4, v))
    assert torch.equal(y, garbage)
    alone = attend(*(x[1:, :, :41] for x in (q, k, v)), EVERYTHING, 0.2, Dropout(0.0))
    torch.testing.assert_close(y[1:, :, :41], alone)


def test_masks_other_devices_and_evaluation_keep_to_pytorch(monkeypatch):
    q = torch.randn(2, 2, 64, 64, requires_grad=True)
    assert fast.takes(q, q, q, EVERYTHING, 0.0) == (library() is not None)
    assert not fast.takes(q, q, q, Mask(torch.ones(64, 64, dtype=torch.bool)), 0.0)
    assert not fast.takes(*[q.double()] * 3, EVERYTHING, 0.0)
    assert not fast.takes(*[q.to("meta")] * 3, EVERYTHING, 0.0)
    with torch.no_grad():
        assert not fast.takes(q, q, q, EVERYTHING, 0.0)
        rough = q.bfloat16()
        assert fast.takes(rough, rough, rough, EVERYTHING, 0.0) == (library() is not None)
        assert not fast.takes(rough, rough, rough, Mask(causal=True), 0.0) and not fast.takes(rough[:, :, :1], rough, rough, EVERYTHING, 0.0)
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert not fast.takes(q, q, q, EVERYTHING, 0.2)
