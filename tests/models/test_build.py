"""Every architecture is built by its settings alone, and a folder gives it back."""

import pytest
import torch

from workings.models.architectures import ARCHITECTURES, name_of
from workings.models.build import CLASSES, build
from workings.models.cnn_settings import CNNSettings
from workings.models.compact_settings import CompactSettings
from workings.models.hybrid_settings import HybridSettings
from workings.models.lenet_settings import LeNetSettings
from workings.models.mlp_settings import MLPSettings
from workings.models.resnet_settings import ResNetSettings
from workings.models.row_recurrent_settings import RowRecurrentSettings
from workings.models.vision_settings import body
from workings.models.whitened_settings import WhitenedSettings
from workings.weights.folder import load_folder, save_folder

PICTURE = dict(image_size=(8, 6), channels=3, classes=2, class_names=("a", "b"))
TINY = body(width=8, heads=2, layers=1)
MODELS = {
    "mlp": MLPSettings(**PICTURE, widths=(5,)),
    "cnn": CNNSettings(**PICTURE, widths=(4, 5), depths=(1, 1)),
    "lenet": LeNetSettings(**PICTURE, widths=(4,), hidden=5),
    "whitened-cnn": WhitenedSettings(**PICTURE, widths=(5, 4)),
    "row-recurrent": RowRecurrentSettings(**PICTURE, width=5),
    "compact-transformer": CompactSettings(**PICTURE, convolutions=(4,), body=TINY),
    "hybrid": HybridSettings(**PICTURE, resnet=ResNetSettings(stem="3x3", stem_width=4, widths=(8,), depths=(1,)), body=TINY),
}


def test_every_architecture_has_a_class_that_builds_it_but_for_the_one_that_is_made_of_others():
    assert set(CLASSES) == set(ARCHITECTURES) - {"ensemble"}


@pytest.mark.parametrize("name", MODELS)
def test_a_folder_gives_back_the_same_model(name, tmp_path):
    settings, pictures = MODELS[name], torch.randn(3, 3, 8, 6)
    model = build(settings).eval()
    save_folder(tmp_path / "model", "pictures", settings, model.state_dict(), None, "# A model\n")
    again = load_folder(tmp_path / "model").model
    assert name_of(settings) == name and again.settings == settings
    assert torch.equal(again(pictures), model(pictures))
