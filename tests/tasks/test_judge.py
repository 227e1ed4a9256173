"""A judge gives what the last linear map of any picture classifier reads, and what is said of each picture, whatever the pictures' size."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from workings.data.picture_settings import Preparation
from workings.data.pictures import pixels_of, prepared_pixels
from workings.errors import BadInput
from workings.models.build import build
from workings.models.cnn_settings import CNNSettings
from workings.models.compact_settings import CompactSettings
from workings.models.hybrid_settings import HybridSettings
from workings.models.lenet_settings import LeNetSettings
from workings.models.mlp_settings import MLPSettings
from workings.models.resnet_settings import ResNetSettings
from workings.models.row_recurrent_settings import RowRecurrentSettings
from workings.models.vision_settings import VisionSettings, body
from workings.models.whitened_settings import WhitenedSettings
from workings.settings import to_dict
from workings.tasks import judge as judges
from workings.tasks.combining import combine
from workings.tasks.judge import open_judge
from workings.weights.folder import load_folder, save_folder

NAMES = ("cat", "dog", "bird")
KIND = dict(channels=1, classes=3, class_names=NAMES)
PICTURE = KIND | dict(image_size=(8, 12))
TINY = body(width=8, heads=2, layers=1)
RESNET = ResNetSettings(channels=1, stem="3x3", stem_width=4, widths=(8,), depths=(1,))
MODELS = {
    "mlp": MLPSettings(**PICTURE, widths=(7, 5)),
    "cnn": CNNSettings(**PICTURE, widths=(4, 5), depths=(1, 1)),
    "lenet": LeNetSettings(**PICTURE, widths=(4,), hidden=11),
    "whitened-cnn": WhitenedSettings(**PICTURE, widths=(5, 7)),
    "row-recurrent": RowRecurrentSettings(**PICTURE, width=5),
    "compact-transformer": CompactSettings(**PICTURE, convolutions=(4,), body=TINY),
    "hybrid": HybridSettings(**PICTURE, resnet=replace(RESNET, classes=0), body=TINY),
    "resnet": replace(RESNET, classes=3, class_names=NAMES),
}
HOW = Preparation(channels=1, size=(8, 12), mean=(0.4,), std=(0.3,))


def saved(folder, settings, how: Preparation | None = HOW, **facts):
    """A model folder with random weights."""
    torch.manual_seed(0)
    model = build(settings)
    for parameter in model.parameters():
        nn.init.normal_(parameter, mean=0.1, std=0.4)
    facts |= {"preparation": to_dict(how)} if how else {}
    save_folder(folder, "pictures", settings, model.state_dict(), None, "# Card\n", **facts)
    return folder


def some_pixels(rows: int = 5, channels: int = 1, size: tuple[int, int] = (8, 12)) -> torch.Tensor:
    return torch.randint(0, 256, (rows, channels, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_features_are_what_the_model_gives_without_its_classifier(name, tmp_path):
    folder, pixels = saved(tmp_path / "judge", MODELS[name], views="mirror"), some_pixels()
    judge, model = open_judge(folder), load_folder(folder).model
    bare = build(replace(MODELS[name], classes=0, class_names=())).eval()
    assert not bare.load_state_dict(model.state_dict(), strict=False).missing_keys
    x = prepared_pixels(pixels, judge.preparation)
    seen = judge.look(pixels)
    torch.testing.assert_close((seen.features, seen.logits), (bare(x), model(x)), rtol=1e-4, atol=1e-5)
    assert seen.features.dtype == seen.logits.dtype == torch.float32 and not seen.features.requires_grad
    assert torch.equal(judge.features(pixels), seen.features) and torch.equal(judge.logits(pixels), seen.logits)
    assert (judge.name, judge.names) == ("judge", NAMES)


@pytest.mark.parametrize("distillation", ["none", "classifier"])
@torch.no_grad()
def test_features_of_a_vision_transformer_are_the_tokens_that_its_classifiers_read(distillation, tmp_path):
    settings = VisionSettings(body=TINY, image_size=(8, 12), patch_size=(4, 4), distillation=distillation, **KIND)
    judge, pixels = open_judge(saved(tmp_path / "judge", settings)), some_pixels()
    tokens = judge.model.hidden(prepared_pixels(pixels, HOW))
    wanted = tokens[:, : 1 + (distillation == "classifier")].flatten(1)
    torch.testing.assert_close(judge.features(pixels), wanted, rtol=1e-4, atol=1e-5)


def test_pictures_of_another_size_or_color_are_brought_to_the_judges(tmp_path):
    judge = open_judge(saved(tmp_path / "judge", MODELS["cnn"]))
    gray = some_pixels(size=(16, 24))
    assert judge.features(gray).shape == (5, 5)
    torch.testing.assert_close(judge.features(gray.expand(-1, 3, -1, -1)), judge.features(gray), rtol=1e-2, atol=1e-2)
    pillow = [judge.features(pixels_of(prepared_pixels(row[None], HOW), HOW)) for row in gray]  # which rounds to whole levels on its way
    torch.testing.assert_close(judge.features(gray), torch.cat(pillow), rtol=1e-2, atol=1e-2)
    assert judge.features(gray).std(0).max() > 2e-2


def test_many_pictures_go_through_in_pieces_and_give_the_same(tmp_path, monkeypatch):
    judge, pixels = open_judge(saved(tmp_path / "judge", MODELS["cnn"])), some_pixels(11)
    whole = judge.look(pixels)
    monkeypatch.setattr(judges, "at_once", lambda shape: 3)
    pieces = judge.look(pixels)
    torch.testing.assert_close((pieces.features, pieces.logits), (whole.features, whole.logits))


def test_looking_leaves_nothing_behind(tmp_path):
    judge = open_judge(saved(tmp_path / "judge", MODELS["cnn"]))
    before = torch.random.get_rng_state()
    with torch.enable_grad():
        judge.look(some_pixels())
    assert torch.equal(before, torch.random.get_rng_state())
    assert not judge.model.classifier._forward_pre_hooks and not judge.model.training


def test_the_part_that_is_taken_for_what_it_was_meant_to_be(tmp_path):
    judge = open_judge(saved(tmp_path / "judge", MODELS["mlp"]))
    logits = torch.tensor([[3.0, 1, 2], [0, 2, 1], [0, 1, 2], [5, 1, 2]])
    assert judge.right(logits, ["cat", "dog", "cat", "bird"]) == 0.5
    with pytest.raises(BadInput, match="judge does not know the classes 'cow', but 'cat', 'dog', 'bird'"):
        judge.right(logits, ["cat", "dog", "cow", "cow"])


def test_a_judge_is_called_as_its_run_or_its_file(tmp_path):
    assert open_judge(saved(tmp_path / "runs" / "shirts" / "model", MODELS["mlp"])).name == "shirts"
    assert open_judge(tmp_path / "runs" / "shirts").name == "shirts"


def test_what_cannot_judge_is_refused(tmp_path):
    with pytest.raises(BadInput, match="imported without a classifier"):
        open_judge(saved(tmp_path / "bare", replace(MODELS["mlp"], classes=0, class_names=())))
    with pytest.raises(BadInput, match="does not say how its pictures are prepared"):
        open_judge(saved(tmp_path / "unprepared", MODELS["mlp"], how=None))
    places = [saved(tmp_path / name, MODELS["mlp"]) for name in ("one", "two")]
    combine(places, tmp_path / "both", "ensemble", None, False, lambda *_: "# Card\n")
    with pytest.raises(BadInput, match=r"both is an ensemble, .* such as .*members/0"):
        open_judge(tmp_path / "both")
    with pytest.raises(BadInput, match="no folder"):
        open_judge(tmp_path / "nowhere")
