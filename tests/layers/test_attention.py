"""Attention: one meaning of a mask, and rows that may see nothing."""

import pytest
import torch

from workings.layers.attention import attend, attention_weights
from workings.layers.dropping import Dropout
from workings.layers.fast.compiler import library
from workings.layers.masks import EVERYTHING, Mask, spans, visibility
from workings.layers.randomness import seed_draws

CPU = torch.device("cpu")


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("new", [1, 2, 5])
@pytest.mark.parametrize("padded", [True, False])
def test_a_query_sees_the_visible_columns_up_to_its_own(causal, new, padded):
    visible = torch.tensor([[False, True, True, True, True], [True, True, True, False, True]]) if padded else None
    mask = visibility(causal, visible, new, 5, CPU)
    seen = torch.ones(2, 1, new, 5, dtype=torch.bool) if mask.seen is None else mask.seen.expand(2, 1, new, 5)
    triangle = torch.ones(new, 5, dtype=torch.bool).tril()
    assert mask.seen is None or not mask.causal or torch.equal(seen, seen & triangle)
    seen = seen & triangle if mask.causal else seen
    for row in range(2):
        for query in range(new):
            own = 5 - new + query
            expected = [(visible is None or bool(visible[row, s])) and (s <= own or not causal) for s in range(5)]
            assert seen[row, 0, query].tolist() == expected


@pytest.mark.parametrize("p", [0.0, 0.2], ids=["fused", "written out with dropout"])
def test_a_query_that_may_see_nothing_gets_zero_and_finite_gradients(p):
    query, key, value = (torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    mask = Mask(torch.tensor([[True, True, True], [False, False, False], [True, False, True]]))
    seed_draws(1)
    y = attend(query, key, value, mask, 0.5, Dropout(p).train())
    assert not y[:, :, 1].any() and y[:, :, (0, 2)].any()
    gradients = torch.autograd.grad(y.square().sum(), (query, key, value))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert not gradients[0][:, :, 1].any() and not gradients[1].isnan().any()


def test_weights_are_a_float32_softmax_under_bfloat16():
    query, key = torch.randn(1, 1, 3, 8).bfloat16(), torch.randn(1, 1, 700, 8).bfloat16()
    weights = attention_weights(query, key, EVERYTHING, 0.3)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 1, 3))


@pytest.mark.skipif(library() is None, reason="no C compiler")
def test_spans_say_the_same_as_the_mask_where_padding_is_at_the_ends():
    visible = torch.tensor([[False, True, True, True, True], [True, True, False, False, False], [False] * 5, [True] * 5])
    for causal in (True, False):
        mask = visibility(causal, visible, 5, 5, CPU)
        column = torch.arange(5)
        seen = (column >= mask.spans[:, :1]) & (column < mask.spans[:, 1:])
        triangle = torch.ones(5, 5, dtype=torch.bool).tril() if causal else torch.ones(5, 5, dtype=torch.bool)
        assert mask.causal == causal and torch.equal(mask.seen.expand(4, 1, 5, 5), seen[:, None, None] & triangle)


def test_spans_are_given_to_learners_alone_and_never_for_what_they_cannot_say(monkeypatch):
    visible = torch.tensor([[True, True, True, False, False], [True, True, True, True, True]])
    assert (spans(visible) is None) == (library() is None)
    assert spans(torch.tensor([[True, False, True]])) is None
    assert visibility(True, visible, 5, 5, CPU, window=2).spans is None
    assert visibility(True, visible, 3, 5, CPU).spans is None
    with torch.no_grad():
        assert spans(visible) is None
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert spans(visible) is None
