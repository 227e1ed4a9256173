"""The convolutional network is small, begins well, learns, and moves its answers with the picture (statement 6.1d)."""

import math

import pytest
import torch
import torch.nn.functional as F

from workings.errors import BadInput
from workings.models.cnn import CNN
from workings.models.cnn_settings import CNNS, CNNSettings, cnn_settings
from workings.models.mlp import MLP
from workings.models.mlp_settings import MLPSettings
from workings.settings import from_dict, to_dict


def size(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def in_the_middle(place: int = 0) -> torch.Tensor:
    """Pictures of 32 x 32 whose inner 8 x 8 pixels, moved right by `place`, are noise and the others 0."""
    torch.manual_seed(0)
    pictures = torch.zeros(4, 1, 32, 32)
    pictures[:, :, 12:20, 12 + place : 20 + place] = torch.randn(4, 1, 8, 8)
    return pictures


@pytest.mark.parametrize(("name", "parameters"), [("cnn-small", 5178), ("cnn", 89_506)])
def test_the_sizes_for_gray_28_x_28_are_what_is_said_and_below_a_hundred_thousand(name, parameters):
    assert size(CNN(cnn_settings(name, classes=10))) == parameters < 100_000


@pytest.mark.parametrize("initialization", ["he", "xavier", "lecun", "orthogonal"])
def test_the_first_loss_is_that_of_knowing_nothing(initialization):
    torch.manual_seed(0)
    model = CNN(cnn_settings("cnn", classes=10, initialization=initialization))
    assert F.cross_entropy(model(torch.randn(20, 1, 28, 28)), torch.arange(20) % 10).item() == pytest.approx(math.log(10), rel=0.1)


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_a_small_one_learns_eight_pictures_by_heart(norm):
    torch.manual_seed(0)
    model = CNN(CNNSettings(image_size=(8,), widths=(16, 16), depths=(1, 1), classes=2, norm=norm))
    pictures, classes = torch.randn(8, 1, 8, 8), torch.arange(8) % 2
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(model(pictures), classes).backward()
        optimizer.step()
    assert F.cross_entropy(model(pictures), classes).item() < 0.05


def test_a_shifted_picture_gives_a_shifted_map():
    """Equivariance: convolution and a shift can change places, as long as nothing meets the border."""
    model = CNN(CNNSettings(image_size=(32,), widths=(6,), depths=(3,))).eval()
    assert torch.allclose(model.hidden(in_the_middle(3)), model.hidden(in_the_middle()).roll(3, dims=3), atol=1e-6)


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_a_shift_by_what_the_pools_halve_changes_nothing_and_in_an_mlp_it_does(pool):
    """Invariance: the mean over a shifted map is the same mean."""
    torch.manual_seed(0)
    cnn = CNN(CNNSettings(image_size=(32,), widths=(6, 8), depths=(1, 1), classes=3, pool=pool)).eval()
    mlp = MLP(MLPSettings(image_size=(32,), widths=(16,), classes=3))
    torch.testing.assert_close(cnn(in_the_middle(2)), cnn(in_the_middle()), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(cnn(in_the_middle(1)), cnn(in_the_middle()), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(mlp(in_the_middle(2)), mlp(in_the_middle()), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("name", CNNS)
def test_settings_survive_being_written_down(name):
    settings = cnn_settings(name, classes=2, class_names=("a", "b"))
    assert from_dict(CNNSettings, to_dict(settings)) == settings


@pytest.mark.parametrize("change", [dict(widths=()), dict(depths=(1,)), dict(depths=(1, 1, 0)), dict(image_size=(3,)), dict(dropout=-0.1), dict(channels=0)])
def test_contradictions_are_refused(change):
    with pytest.raises(BadInput):
        CNNSettings(**change)


def test_a_name_that_is_not_known_is_refused():
    with pytest.raises(BadInput, match="Did you mean 'cnn-small'"):
        cnn_settings("cnn-smal")
