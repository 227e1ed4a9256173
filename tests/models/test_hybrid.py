"""The hybrid attends 49 tokens of 2048 as the lecture says (4.1b), begins as its ResNet, and learns."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F

from workings.errors import BadInput
from workings.models.hybrid import Hybrid
from workings.models.hybrid_settings import HYBRIDS, HybridSettings, hybrid_settings
from workings.models.resnet_settings import ResNetSettings, resnet_settings
from workings.models.vision_settings import body
from workings.settings import from_dict, to_dict

RESNET = ResNetSettings(stem="3x3", stem_width=4, widths=(8, 16), depths=(1, 1))
SMALL = dict(image_size=(8,), resnet=RESNET, body=body(width=16, heads=2, layers=2))


def test_a_resnet_50_gives_49_tokens_of_2048():
    settings = hybrid_settings("hybrid-50", classes=10)
    assert settings.grid == (7, 7) and settings.body.context == 49 and settings.body.width == 2048
    model, record = Hybrid(dataclasses.replace(settings, body=body(width=2048, layers=1, heads=16, ff_width=32))).eval(), {}
    with torch.inference_mode():
        assert model(torch.randn(1, 3, 224, 224), record=record).shape == (1, 10)
    assert record["map"].shape == (1, 2048, 7, 7) and record["embedding"].shape == (1, 49, 2048) and record["attention.0"].shape == (1, 16, 49, 49)


def test_the_small_form_has_64_tokens_of_64_and_fewer_than_400_thousand_parameters():
    model, record = Hybrid(hybrid_settings("hybrid-cifar", classes=10)), {}
    model(torch.randn(2, 3, 32, 32), record=record)
    assert record["embedding"].shape == (2, 64, 64)
    assert sum(parameter.numel() for parameter in model.parameters()) < 400_000


@pytest.mark.parametrize("last_maps", ["normal", "zero"])
def test_the_first_loss_is_that_of_knowing_nothing(last_maps):
    torch.manual_seed(0)
    model = Hybrid(HybridSettings(**SMALL, classes=10, last_maps=last_maps))
    assert F.cross_entropy(model(torch.randn(20, 3, 8, 8)), torch.arange(20) % 10).item() == pytest.approx(math.log(10), rel=0.1)


def test_with_last_maps_at_zero_what_is_attended_is_at_first_the_map_itself():
    model, record = Hybrid(HybridSettings(**SMALL)).eval(), {}
    model(torch.randn(2, 3, 8, 8), record=record)
    tokens = record["map"].flatten(2).transpose(1, 2) + model.body.positions.weight
    torch.testing.assert_close(record["embedding"], tokens)
    assert torch.equal(record["hidden.1"], record["embedding"])


def test_every_token_sees_every_other():
    torch.manual_seed(0)
    model, record = Hybrid(HybridSettings(**SMALL, last_maps="normal")).eval(), {}
    model(torch.randn(2, 3, 8, 8), record=record)
    assert record["attention.0"].shape == (2, 2, 16, 16) and record["attention.0"].min() > 0


@pytest.mark.parametrize("last_maps", ["normal", "zero"])
def test_a_small_one_learns_eight_pictures_by_heart(last_maps):
    torch.manual_seed(0)
    model = Hybrid(HybridSettings(**SMALL, classes=2, last_maps=last_maps))
    pictures, classes = torch.randn(8, 3, 8, 8), torch.arange(8) % 2
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(pictures), classes).backward()
        optimizer.step()
    assert F.cross_entropy(model(pictures), classes).item() < 0.05


@pytest.mark.parametrize("name", HYBRIDS)
def test_settings_survive_being_written_down(name):
    settings = hybrid_settings(name, classes=2, class_names=("a", "b"))
    assert from_dict(HybridSettings, to_dict(settings)) == settings


@pytest.mark.parametrize(
    "change",
    [
        dict(body=body(width=8, heads=2)),
        dict(body=body(width=16, heads=2, causal=True)),
        dict(resnet=resnet_settings("resnet-18", classes=3)),
        dict(channels=0),
    ],
)
def test_contradictions_are_refused(change):
    with pytest.raises(BadInput):
        HybridSettings(**(SMALL | change))


def test_a_name_that_is_not_known_is_refused():
    with pytest.raises(BadInput, match="Did you mean 'hybrid-cifar'"):
        hybrid_settings("hybrid-cifar10")
