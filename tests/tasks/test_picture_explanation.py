"""Why a model of pictures says a class: maps as large as the picture that it sees, which add up; and the files that show them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tasks.test_picture_classifier import NAMES, save
from workings.cli.main import main
from workings.data.picture_settings import Preparation
from workings.data.pictures import numbers, pixels_of
from workings.errors import BadInput
from workings.generation.rollout import looks
from workings.models.build import build
from workings.models.cnn_settings import CNNSettings
from workings.models.vision_settings import VisionSettings, body
from workings.tasks.picture_classifier import PictureClassifier

HOW = Preparation(size=(12, 10), crop=(8, 8), mean=(0.4, 0.5, 0.6), std=(0.5, 0.25, 0.2))
PICTURE = dict(image_size=(8, 8), channels=3, classes=3, class_names=NAMES)
KINDS = {
    "CNN": CNNSettings(**PICTURE, widths=(4, 6), depths=(1, 1)),
    "ViT": VisionSettings(**PICTURE, patch_size=(4, 2), body=body(width=8, layers=2, heads=2, ff_width=5)),
}


@pytest.fixture(params=KINDS)
def folder(request, tmp_path):
    torch.manual_seed(0)
    return save(tmp_path / "model", build(KINDS[request.param]), HOW)


@pytest.fixture
def picture(tmp_path):
    file = tmp_path / "pictures" / "one.png"
    file.parent.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(file)
    return file


def test_maps_are_of_the_class_that_is_said_as_large_as_what_the_model_sees_and_add_up(folder, picture):
    classifier = PictureClassifier(folder)
    why, found = classifier.explain(picture), classifier.classify(picture)
    assert why.name == found.name and why.probability == pytest.approx(found.classes[0].probability, abs=1e-5)
    assert why.log_odds == pytest.approx(float(torch.logit(torch.tensor(why.probability))), abs=1e-4)
    assert float(why.contributions.sum()) == pytest.approx(why.log_odds - why.baseline, abs=0.02, rel=0.02)
    assert why.contributions.shape == why.saliency.shape == (8, 8) and why.pixels.shape == (3, 8, 8) and float(why.saliency.min()) >= 0


@pytest.mark.parametrize("views", ["mirror", "mirror-shift"])
def test_what_is_explained_is_the_average_over_the_views_that_the_model_is_asked_for(folder, picture, views):
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"views": views}))
    classifier = PictureClassifier(folder)
    why, found = classifier.explain(picture), classifier.classify(picture)
    assert why.name == found.name and why.probability == pytest.approx(found.classes[0].probability, abs=1e-5)
    assert float(why.contributions.sum()) == pytest.approx(why.log_odds - why.baseline, abs=0.02, rel=0.02)


def test_with_its_mirror_image_as_a_view_the_maps_of_a_mirror_image_are_mirrored(folder):
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"views": "mirror"}))
    classifier, pixels = PictureClassifier(folder), torch.randint(0, 256, (3, *HOW.size), dtype=torch.uint8)
    one, other = classifier.explain(pixels), classifier.explain(pixels.flip(-1))
    torch.testing.assert_close(other.contributions.flip(-1), one.contributions, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(other.saliency.flip(-1), one.saliency, atol=1e-5, rtol=1e-4)


def test_black_is_what_is_black_before_it_is_prepared(folder, tmp_path):
    classifier = PictureClassifier(folder)
    why = classifier.explain(Image.new("RGB", (8, 8)))
    assert not why.contributions.any() and why.baseline == pytest.approx(why.log_odds, abs=1e-6) and not why.pixels.any()


def test_a_transformer_also_says_where_it_looks_a_patch_at_a_time(folder, picture):
    classifier = PictureClassifier(folder)
    why = classifier.explain(picture)
    if not isinstance(classifier.settings, VisionSettings):
        assert why.rollout is None
        return
    places = looks(classifier.model, numbers(why.pixels.float(), Preparation(size=(8, 8), mean=HOW.mean, std=HOW.std))[None])[0]
    torch.testing.assert_close(why.rollout, places.repeat_interleave(4, 0).repeat_interleave(2, 1), atol=1e-5, rtol=0)


def test_a_file_pillows_picture_and_a_tensor_have_the_same_explanation(folder, picture):
    classifier, image = PictureClassifier(folder), Image.open(picture)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    one, two, three = (classifier.explain(given).contributions for given in (picture, image, pixels))
    assert torch.equal(one, two) and torch.equal(one, three)


def test_pixels_come_back_from_the_numbers_that_were_made_of_them():
    pixels = torch.randint(0, 256, (2, 3, 5, 4), dtype=torch.uint8)
    for how in (HOW, Preparation(scale=1.0), Preparation(mean=(0.3,), std=(0.1,), size=(2, 2))):
        whole = Preparation(size=(5, 4), scale=how.scale, mean=how.mean, std=how.std)
        assert torch.equal(pixels_of(numbers(pixels, whole), whole), pixels)


def test_a_model_of_one_class_has_nothing_to_explain(tmp_path, picture):
    single = save(tmp_path / "single", build(CNNSettings(image_size=(8, 8), channels=3, classes=1, widths=(3,), depths=(1,))), HOW)
    with pytest.raises(BadInput, match="a single class"):
        PictureClassifier(single).explain(picture)


def test_the_command_writes_a_file_that_shows_why_and_says_where(folder, picture, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["classify", str(folder), str(picture), "--explain"])
    assert "why: one-explained.png" in capsys.readouterr().out
    with Image.open("one-explained.png") as image:
        assert image.width > 2 * image.height
    main(["classify", str(folder), str(picture), "--explain", "--out", "some/why.png", "--json"])
    assert json.loads(capsys.readouterr().out)["explained_in"] == "some/why.png" and (tmp_path / "some" / "why.png").is_file()


def test_pictures_of_the_same_name_have_files_of_their_own(folder, picture, tmp_path):
    other = tmp_path / "pictures" / "more" / "one.png"
    other.parent.mkdir()
    other.write_bytes(picture.read_bytes())
    main(["classify", str(folder), str(tmp_path / "pictures"), "--explain", "--out", str(tmp_path / "why")])
    assert sorted(file.name for file in (tmp_path / "why").iterdir()) == ["one-explained-2.png", "one-explained.png"]


def test_what_cannot_be_explained_or_written_is_said(folder, picture, tmp_path, capsys):
    for wrong, said in (
        (["--out", "why.png"], "--out names the file that explains a picture"),
        (["--explain", "--out", "why.jpg"], "ends in .png"),
        ([str(picture), "--explain", "--out", "why.png"], "there may be several pictures"),
        (["--explain", "--out", str(picture / "x.png")], "could not be written"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(["classify", str(folder), str(picture), *wrong])
        assert stop.value.code == 2 and said in " ".join(capsys.readouterr().err.split())
