"""Attention: one meaning of a mask, and rows that may see nothing."""

import pytest
import torch

from workings.layers.attention import attend, attention_weights, visibility
from workings.layers.dropping import Dropout
from workings.layers.randomness import seed_draws

CPU = torch.device("cpu")


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("new", [1, 2, 5])
@pytest.mark.parametrize("padded", [True, False])
def test_a_query_sees_the_visible_columns_up_to_its_own(causal, new, padded):
    visible = torch.tensor([[False, True, True, True, True], [True, True, True, False, True]]) if padded else None
    mask, triangle = visibility(causal, visible, new, 5, CPU)
    assert mask is None or not triangle
    seen = torch.ones(2, 1, new, 5, dtype=torch.bool) if mask is None else mask.expand(2, 1, new, 5)
    seen = seen & torch.ones(new, 5, dtype=torch.bool).tril() if triangle else seen
    for row in range(2):
        for query in range(new):
            own = 5 - new + query
            expected = [(visible is None or bool(visible[row, s])) and (s <= own or not causal) for s in range(5)]
            assert seen[row, 0, query].tolist() == expected


@pytest.mark.parametrize("p", [0.0, 0.2], ids=["fused", "written out with dropout"])
def test_a_query_that_may_see_nothing_gets_zero_and_finite_gradients(p):
    query, key, value = (torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    mask = torch.tensor([[True, True, True], [False, False, False], [True, False, True]])
    seed_draws(1)
    y = attend(query, key, value, mask, False, 0.5, Dropout(p).train())
    assert not y[:, :, 1].any() and y[:, :, (0, 2)].any()
    gradients = torch.autograd.grad(y.square().sum(), (query, key, value))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert not gradients[0][:, :, 1].any() and not gradients[1].isnan().any()


def test_weights_are_a_float32_softmax_under_bfloat16():
    query, key = torch.randn(1, 1, 3, 8).bfloat16(), torch.randn(1, 1, 700, 8).bfloat16()
    weights = attention_weights(query, key, None, False, 0.3)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 1, 3))
