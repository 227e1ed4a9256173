"""The fully connected network begins well, learns, and refuses what it cannot take."""

import math

import pytest
import torch
import torch.nn.functional as F

from workings.errors import BadInput
from workings.models.mlp import MLP
from workings.models.mlp_settings import MLPS, MLPSettings, mlp_settings
from workings.settings import field_docs, from_dict, to_dict


@pytest.mark.parametrize("initialization", ["he", "xavier", "lecun", "orthogonal"])
@pytest.mark.parametrize("norm", ["layer", "none"])
def test_the_first_loss_is_that_of_knowing_nothing(norm, initialization):
    torch.manual_seed(0)
    model = MLP(MLPSettings(classes=10, norm=norm, initialization=initialization))
    assert F.cross_entropy(model(torch.randn(20, 1, 28, 28)), torch.arange(20) % 10).item() == pytest.approx(math.log(10), rel=0.1)


def test_a_small_one_learns_eight_pictures_by_heart():
    torch.manual_seed(0)
    model = MLP(MLPSettings(image_size=(4,), widths=(16,), classes=2))
    pictures, classes = torch.randn(8, 1, 4, 4), torch.arange(8) % 2
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(pictures), classes).backward()
        optimizer.step()
    assert F.cross_entropy(model(pictures), classes).item() < 0.05


def test_it_knows_nothing_of_neighbors():
    """The same permutation of the pixels of all pictures, and of the first matrix's columns, changes nothing."""
    model, order = MLP(MLPSettings(image_size=(4,), widths=(8,), classes=3)), torch.randperm(16)
    pictures = torch.randn(5, 1, 4, 4)
    before = model(pictures)
    with torch.no_grad():
        model.layers[0].weight.copy_(model.layers[0].weight[:, order])
    torch.testing.assert_close(model(pictures.flatten(1)[:, order].view(5, 1, 4, 4)), before)


@pytest.mark.parametrize("name", MLPS)
def test_settings_survive_being_written_down(name):
    settings = mlp_settings(name, classes=2, class_names=("a", "b"))
    assert from_dict(MLPSettings, to_dict(settings)) == settings


def test_inherited_fields_keep_their_help():
    assert {"image_size", "classes", "widths", "dropout"} <= set(field_docs(MLPSettings))


@pytest.mark.parametrize(
    "change",
    [dict(widths=(0,)), dict(image_size=(1, 2, 3)), dict(channels=0), dict(classes=2, class_names=("a",)), dict(dropout=1.0)],
)
def test_contradictions_are_refused(change):
    with pytest.raises(BadInput):
        MLPSettings(**change)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(BadInput, match=r"takes \[pictures, 1, 28, 28\]"):
        MLP(MLPSettings())(torch.zeros(2, 1, 32, 32))
    with pytest.raises(BadInput, match="Did you mean 'mlp-small'"):
        mlp_settings("mlp-smal")
