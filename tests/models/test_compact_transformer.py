"""The compact convolutional transformer has the paper's sizes, begins well, learns, and refuses what it cannot take."""

import math

import pytest
import torch
import torch.nn.functional as F

from workings.errors import BadInput
from workings.layers.dropping import Dropping
from workings.models.compact_settings import COMPACT, CompactSettings, compact_settings
from workings.models.compact_transformer import CompactTransformer
from workings.models.vision_settings import body
from workings.settings import from_dict, to_dict

SMALL = dict(image_size=(8,), body=body(width=16, heads=2, layers=2))


@pytest.mark.parametrize(("name", "millions"), [("cct-2-3x2", 0.28), ("cct-4-3x2", 0.48), ("cct-7-3x1", 3.76)])
def test_the_sizes_are_those_of_the_paper(name, millions):
    model = CompactTransformer(compact_settings(name, classes=10))
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(millions, rel=0.02)


def test_the_first_loss_is_that_of_knowing_nothing():
    torch.manual_seed(0)
    model = CompactTransformer(CompactSettings(**SMALL, classes=10))
    assert F.cross_entropy(model(torch.randn(20, 3, 8, 8)), torch.arange(20) % 10).item() == pytest.approx(math.log(10), rel=0.1)


@pytest.mark.parametrize(("side", "convolutions", "grid"), [((32, 32), (), (16, 16)), ((32, 32), (8,), (8, 8)), ((7, 10), (4, 4), (1, 2))])
def test_every_convolution_halves_the_grid_rounded_up(side, convolutions, grid):
    settings = CompactSettings(image_size=side, convolutions=convolutions, body=SMALL["body"])
    record = {}
    CompactTransformer(settings)(torch.randn(2, 3, *side), record=record)
    assert settings.grid == grid == record[f"convolution.{len(convolutions)}"].shape[2:] and settings.body.context == grid[0] * grid[1]


def test_it_begins_with_the_plain_mean_of_the_tokens():
    model = CompactTransformer(CompactSettings(**SMALL))
    y = torch.randn(3, 16, 16)
    torch.testing.assert_close(model.pooled(y), y.mean(1))


def test_a_small_one_learns_eight_pictures_by_heart():
    torch.manual_seed(0)
    model = CompactTransformer(CompactSettings(**SMALL, classes=2))
    pictures, classes = torch.randn(8, 3, 8, 8), torch.arange(8) % 2
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(pictures), classes).backward()
        optimizer.step()
    assert F.cross_entropy(model(pictures), classes).item() < 0.05


def test_every_dropping_layer_has_a_place_of_its_own():
    model = CompactTransformer(compact_settings("cct-2-3x2", classes=10))
    places = [module.place for module in model.modules() if isinstance(module, Dropping)]
    assert len(set(places)) == len(places) > 5


@pytest.mark.parametrize("name", COMPACT)
def test_settings_survive_being_written_down(name):
    settings = compact_settings(name, classes=2, class_names=("a", "b"))
    assert from_dict(CompactSettings, to_dict(settings)) == settings


@pytest.mark.parametrize(
    "change", [dict(body=body(causal=True)), dict(body=body(vocabulary=3)), dict(convolutions=(0,)), dict(image_size=()), dict(channels=0)]
)
def test_contradictions_are_refused(change):
    with pytest.raises(BadInput):
        CompactSettings(**change)


def test_a_name_that_is_not_known_is_refused():
    with pytest.raises(BadInput, match="Did you mean 'cct-7-3x1'"):
        compact_settings("cct-7-3x")
