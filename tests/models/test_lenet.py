"""LeNet-5 has the published number of parameters, begins well, and refuses pictures that its windows do not fit into."""

import math

import pytest
import torch
import torch.nn.functional as F

from workings.errors import BadInput
from workings.models.lenet import LeNet
from workings.models.lenet_settings import LENETS, LeNetSettings, lenet_settings
from workings.models.picture_presets import fitted
from workings.settings import from_dict, to_dict


def test_it_has_as_many_parameters_as_its_layers_say():
    model = LeNet(lenet_settings("lenet-5", classes=10))
    assert [sum(p.numel() for p in part.parameters()) for part in (*model.convolutions, model.hidden_layer, model.classifier)] == [
        156,
        2416,
        48_120,
        10_164,
        850,
    ]


@pytest.mark.parametrize("initialization", ["he", "xavier", "lecun", "orthogonal"])
def test_the_first_loss_is_that_of_knowing_nothing(initialization):
    torch.manual_seed(0)
    model = LeNet(lenet_settings("lenet-5", classes=10, initialization=initialization))
    assert F.cross_entropy(model(torch.randn(20, 1, 32, 32)), torch.arange(20) % 10).item() == pytest.approx(math.log(10), rel=0.1)


@pytest.mark.parametrize(("size", "last"), [((32, 32), (1, 1)), ((35, 47), (1, 4)), ((64, 41), (9, 3))])
def test_the_last_map_has_the_size_that_the_settings_say(size, last):
    settings = LeNetSettings(image_size=size, channels=3, widths=(2, 3, 5), hidden=7, classes=2)
    assert settings.last_map() == last
    record = {}
    assert LeNet(settings)(torch.randn(2, 3, *size), record=record).shape == (2, 2)
    assert record["hidden.2"].shape == (2, 5, *last)


def test_a_picture_too_small_for_the_windows_is_refused_with_the_least_size():
    for side in (31, 28):
        with pytest.raises(BadInput, match=r"too small for 3 convolutions .* at least 32 x 32, as with data.size=32"):
            LeNetSettings(image_size=(40, side))
    with pytest.raises(BadInput, match="at least 14 x 14"):
        LeNetSettings(image_size=(13,), widths=(2, 3))
    assert LeNetSettings(image_size=(14,), widths=(2, 3)).last_map() == (1, 1)
    with pytest.raises(BadInput, match=r"as with data.size=32"):
        fitted({"preset": "lenet-5"}, (1, 28, 28), ("a", "b"))


@pytest.mark.parametrize("name", LENETS)
def test_settings_survive_being_written_down(name):
    settings = lenet_settings(name, classes=2, class_names=("a", "b"))
    assert from_dict(LeNetSettings, to_dict(settings)) == settings
    with pytest.raises(BadInput, match="Did you mean 'lenet-5'"):
        lenet_settings("lenet5")


@pytest.mark.parametrize("change", [dict(widths=()), dict(widths=(4, 0)), dict(hidden=0), dict(channels=0)])
def test_contradictions_are_refused(change):
    with pytest.raises(BadInput):
        LeNetSettings(**change)
