"""The vision transformer begins well, learns, and refuses what it cannot take."""

import math

import pytest
import torch
import torch.nn.functional as F

from workings.errors import BadInput
from workings.layers.dropping import Dropping
from workings.models.vision_settings import VISION_TRANSFORMERS, VisionSettings, body, vision_settings
from workings.models.vision_transformer import VisionTransformer
from workings.settings import from_dict, to_dict

SMALL = dict(image_size=(8,), patch_size=(4,), body=body(width=16, heads=2, layers=2))


@pytest.mark.parametrize("distillation", ["none", "token", "classifier"])
def test_the_first_loss_is_that_of_knowing_nothing(distillation):
    torch.manual_seed(0)
    model = VisionTransformer(VisionSettings(**SMALL, classes=10, distillation=distillation))
    assert F.cross_entropy(model(torch.randn(16, 3, 8, 8)), torch.arange(16) % 10).item() == pytest.approx(math.log(10), rel=0.1)


def test_a_small_one_learns_eight_pictures_by_heart():
    torch.manual_seed(0)
    model = VisionTransformer(VisionSettings(**SMALL, classes=2))
    pictures, classes = torch.randn(8, 3, 8, 8), torch.arange(8) % 2
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(40):
        optimizer.zero_grad()
        F.cross_entropy(model(pictures), classes).backward()
        optimizer.step()
    assert F.cross_entropy(model(pictures), classes).item() < 0.05


def test_moving_a_patch_changes_the_answer_because_places_are_learned():
    torch.manual_seed(0)
    model = VisionTransformer(VisionSettings(**SMALL, classes=3)).eval()
    pictures = torch.randn(1, 3, 8, 8)
    assert not torch.allclose(model(pictures), model(pictures.roll(4, -1)))
    torch.nn.init.zeros_(model.body.positions.weight)
    torch.testing.assert_close(model(pictures), model(pictures.roll(4, -1)), rtol=1e-4, atol=1e-6)


def test_every_dropping_layer_has_a_place_of_its_own():
    model = VisionTransformer(VisionSettings(image_size=(8,), patch_size=(4,), body=body(width=16, heads=2, layers=2, dropout=0.1, stochastic_depth=0.1)))
    places = [module.place for module in model.modules() if isinstance(module, Dropping)]
    assert len(set(places)) == len(places) > 5


@pytest.mark.parametrize("name", VISION_TRANSFORMERS)
def test_settings_survive_being_written_down(name):
    settings = vision_settings(name, classes=2, class_names=("a", "b"))
    assert from_dict(VisionSettings, to_dict(settings)) == settings


@pytest.mark.parametrize(
    "change",
    [
        dict(image_size=(9,)),
        dict(image_size=(1, 2, 3)),
        dict(patch_size=()),
        dict(channels=0),
        dict(classes=2, class_names=("a",)),
        dict(distillation="classifier"),
        dict(body=body(causal=True)),
        dict(body=body(vocabulary=3)),
        dict(body=body(cross_attention=True)),
        dict(pooler=-1),
    ],
)
def test_contradictions_are_refused(change):
    with pytest.raises(BadInput):
        VisionSettings(**(SMALL | change))


def test_a_name_that_is_not_known_is_refused():
    with pytest.raises(BadInput, match="Did you mean 'vit-tiny-16'"):
        vision_settings("vit-tiny")


def test_it_can_be_exported_for_any_number_of_pictures():
    model = VisionTransformer(VisionSettings(**SMALL, classes=3, distillation="classifier")).eval()
    batch = torch.export.Dim("batch", min=1, max=4096)
    exported = torch.export.export(model, (torch.randn(2, 3, 8, 8),), dynamic_shapes=({0: batch},)).module()
    pictures = torch.randn(5, 3, 8, 8)
    torch.testing.assert_close(exported(pictures), model(pictures))
