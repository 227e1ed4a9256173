"""The residual network begins well, learns, and refuses what it cannot take."""

import math

import pytest
import torch
import torch.nn.functional as F

from workings.errors import BadInput
from workings.layers.randomness import seed_draws
from workings.models.resnet import ResidualLayer, ResNet
from workings.models.resnet_settings import RESNETS, ResNetSettings, resnet_settings
from workings.settings import from_dict, to_dict


@pytest.mark.parametrize("name", ["cifar-resnet-56", "resnet-18", "resnet-50"])
def test_the_first_loss_is_that_of_knowing_nothing(name):
    torch.manual_seed(0)
    model = ResNet(resnet_settings(name, classes=10))
    loss = F.cross_entropy(model(torch.randn(16, 3, 32, 32)), torch.arange(16) % 10)
    assert loss.item() == pytest.approx(math.log(10), rel=0.1)


def test_a_convolution_keeps_the_variance_of_the_gradient_through_relu():
    torch.manual_seed(0)
    layer = ResNet(ResNetSettings(stem="3x3", widths=(64, 64), depths=(1, 1), stem_width=64)).stages[0][0].parts[1].convolution
    assert layer.weight.var().item() == pytest.approx(2 / (64 * 9), rel=0.05)


def test_with_the_last_norms_at_zero_every_layer_begins_as_its_way_around():
    model = ResNet(resnet_settings("cifar-resnet-20", last_norm="zero"))
    x = torch.randn(2, 16, 8, 8).relu()
    assert all(torch.equal(layer(x), x) for layer in model.stages[0])
    assert sum(isinstance(module, ResidualLayer) for module in model.modules()) == 9


def test_layers_are_left_out_more_often_the_higher_they_are_and_then_only_the_way_around_is_left():
    model = ResNet(resnet_settings("cifar-resnet-20", stochastic_depth=0.4))
    layers = [module for module in model.modules() if isinstance(module, ResidualLayer)]
    assert [layer.depth.probability for layer in layers] == pytest.approx([0.05 * number for number in range(9)])
    assert len({layer.depth.place for layer in layers}) == 9
    last, x = layers[-1], torch.randn(400, 64, 2, 2)
    seed_draws(0, 1)
    y, around = last(x), last.shortcut(x).relu()
    left_out = (y == around).flatten(1).all(1)
    said = last.parts[1](last.parts[0](x).relu())[~left_out]
    torch.testing.assert_close(y[~left_out], (said / (1 - 0.4) + last.shortcut(x)[~left_out]).relu())
    assert left_out.double().mean().item() == pytest.approx(0.4, abs=5 * math.sqrt(0.4 * 0.6 / 400))
    model.eval()
    assert torch.equal(model(x[:2, :3]), model(x[:2, :3])) and not (last(x) == around).flatten(1).all(1).any()


@pytest.mark.parametrize("last_norm", ["one", "zero"])
def test_a_small_one_learns_eight_pictures_by_heart(last_norm):
    torch.manual_seed(0)
    model = ResNet(ResNetSettings(stem="3x3", stem_width=8, widths=(8, 16), depths=(1, 1), classes=2, last_norm=last_norm))
    pictures, classes = torch.randn(8, 3, 8, 8), torch.arange(8) % 2
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(40):
        optimizer.zero_grad()
        F.cross_entropy(model(pictures), classes).backward()
        optimizer.step()
    assert F.cross_entropy(model(pictures), classes).item() < 0.05


@pytest.mark.parametrize(("name", "side", "ends"), [("resnet-50", 64, (2, 2)), ("resnet-18", 97, (4, 4)), ("cifar-resnet-20", 32, (8, 8))])
def test_the_map_is_a_thirty_second_or_a_quarter_of_the_picture(name, side, ends):
    model, record = ResNet(resnet_settings(name)).eval(), {}
    y = model.hidden(torch.randn(1, 3, side, side), record=record)
    assert y.shape == (1, model.settings.widths[-1], *ends) and model.pooled(y).shape == (1, model.settings.widths[-1])
    assert list(record) == ["embedding", *(f"hidden.{stage}" for stage in range(len(model.settings.widths)))]


def test_the_padded_shortcut_has_no_parameters_and_the_projection_has():
    counts = [sum(p.numel() for p in ResNet(resnet_settings("cifar-resnet-20", shortcut=kind)).parameters()) for kind in ("padding", "projection")]
    assert counts[1] - counts[0] == (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)


@pytest.mark.parametrize("name", RESNETS)
def test_settings_survive_being_written_down(name):
    settings = resnet_settings(name, classes=2, class_names=("a", "b"))
    assert from_dict(ResNetSettings, to_dict(settings)) == settings


@pytest.mark.parametrize(
    "change",
    [
        dict(depths=(1,)),
        dict(widths=()),
        dict(channels=0),
        dict(layer="bottleneck", widths=(6, 8, 8, 8)),
        dict(classes=2, class_names=("a",)),
        dict(classes=-1),
        dict(shortcut="padding", widths=(64, 32, 32, 32)),
    ],
)
def test_contradictions_are_refused(change):
    with pytest.raises(BadInput):
        ResNetSettings(**change)


def test_pictures_of_another_kind_are_refused_with_the_shape_that_is_wanted():
    with pytest.raises(BadInput, match=r"this model takes \[pictures, 3, height, width\]"):
        ResNet(resnet_settings("cifar-resnet-20"))(torch.randn(2, 1, 32, 32))
    with pytest.raises(BadInput, match="Did you mean 'resnet-18'"):
        resnet_settings("resnet18")


def test_it_can_be_exported_for_any_number_of_pictures_of_any_size():
    model = ResNet(ResNetSettings(stem_width=8, widths=(8, 16), depths=(1, 1), classes=3)).eval()
    free = torch.export.Dim.AUTO
    exported = torch.export.export(model, (torch.randn(2, 3, 40, 48),), dynamic_shapes=({0: free, 2: free, 3: free},)).module()
    pictures = torch.randn(5, 3, 33, 70)
    torch.testing.assert_close(exported(pictures), model(pictures))
