"""Each initialization has the variance that its name promises, and keeps numbers of one size where it should."""

import pytest
import torch
from torch import nn

from workings.layers.initialization import INITIALIZATIONS, initialize, zero_residuals
from workings.models.stack import Stack
from workings.models.vision_settings import body


@pytest.mark.parametrize(("name", "variance"), [("he", 2 / 400), ("xavier", 2 / 600), ("lecun", 1 / 400)])
def test_the_variance_is_that_of_the_paper(name, variance):
    torch.manual_seed(0)
    weight = INITIALIZATIONS[name](torch.empty(200, 400))
    assert weight.var().item() == pytest.approx(variance, rel=0.03) and abs(weight.mean()) < 5e-4


def test_the_fans_of_a_convolution_count_its_window():
    torch.manual_seed(0)
    for name, variance in (("he", 2 / (20 * 9)), ("xavier", 2 / ((20 + 60) * 9)), ("lecun", 1 / (20 * 9))):
        assert INITIALIZATIONS[name](torch.empty(60, 20, 3, 3)).var().item() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("shape", [(30, 50), (50, 30), (16, 4, 3, 3)], ids=str)
def test_orthogonal_means_that_rows_or_columns_are(shape):
    weight = INITIALIZATIONS["orthogonal"](torch.empty(shape)).flatten(1)
    gram = weight @ weight.T if weight.shape[0] <= weight.shape[1] else weight.T @ weight
    torch.testing.assert_close(gram, 2 * torch.eye(len(gram)), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "low", "high"), [("he", 0.4, 2.5), ("orthogonal", 0.4, 2.5), ("lecun", 0, 1e-4), ("xavier", 0, 1e-4)])
def test_through_thirty_layers_of_relu_he_and_orthogonal_keep_the_size_and_the_others_lose_it(name, low, high):
    torch.manual_seed(0)
    model = nn.Sequential(*[layer for _ in range(30) for layer in (nn.Linear(256, 256), nn.ReLU())])
    initialize(model, name)
    y = model(torch.randn(64, 256))
    assert low < y.square().mean() < high and all(not layer.bias.any() for layer in model if isinstance(layer, nn.Linear))


def test_lecun_keeps_the_size_where_nothing_bends():
    torch.manual_seed(0)
    model = nn.Sequential(*[nn.Linear(256, 256) for _ in range(30)])
    initialize(model, "lecun")
    assert 0.4 < model(torch.randn(64, 256)).square().mean() < 2.5


def test_with_their_last_maps_at_zero_the_layers_of_a_transformer_are_the_identity_and_learn():
    stack = Stack(body(width=8, heads=2, layers=3, context=5, position="none"))
    stack.initialize()
    zero_residuals(stack)
    x = torch.randn(2, 5, 8)
    record = {}
    (stack.run(x, record=record) * torch.randn(2, 5, 8)).sum().backward()
    assert all(torch.equal(record[f"hidden.{layer}"], x) for layer in range(3))
    assert stack.blocks[0].feed_forward.down.weight.grad.abs().max() > 0
