"""What a picture classifier's report shows: the pictures that were noted, exactly; why the model says what it says; its filters."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from tests.report.folders import make_picture_run
from tests.report.pages import Page
from workings.models.build import build
from workings.models.cnn_settings import CNNSettings
from workings.models.mlp_settings import MLPSettings
from workings.models.row_recurrent_settings import RowRecurrentSettings
from workings.models.vision_settings import VisionSettings, body
from workings.models.whitened_settings import WhitenedSettings
from workings.report.explained_picture import panels_of
from workings.report.filters import SHOWN, as_pictures, filter_section, first_filters
from workings.report.pictures import noted, picture_sections
from workings.report.run_sections import run_sections
from workings.report.write import write_report
from workings.tasks.picture_explanation import PictureExplanation

PICTURE = dict(image_size=(8, 8), channels=1, classes=2, class_names=("cat", "dog"))
KINDS = {
    "CNN": CNNSettings(**PICTURE, widths=(3, 4), depths=(1, 1)),
    "MLP": MLPSettings(**PICTURE, widths=(6,)),
    "GRU": RowRecurrentSettings(**PICTURE, width=5),
    "ViT": VisionSettings(**PICTURE, patch_size=(4, 4), body=body(width=8, layers=2, heads=2, ff_width=5)),
}


def a_run(folder, kind: str, names=("cat", "dog")):
    torch.manual_seed(0)
    return make_picture_run(folder / "run", build(KINDS[kind]).eval(), names)


def pixels_in(address: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_has_all_sections_and_its_page_opens_offline(kind, tmp_path):
    run = a_run(tmp_path, kind)
    titles = [section.title for section in run_sections(run)]
    filters = ["What the first layer looks for"] if kind != "GRU" else []
    assert titles == ["Data", "Augmented pictures", "Which is taken for which", "As sure as right?", "Surest mistakes", "Why it says so", *filters]
    page = Page(write_report([run], sections=run_sections).read_text(encoding="utf-8"))
    assert all(address.startswith(("data:", "#")) for address in page.loaded())
    assert ("where it looks" in page.text) == (kind == "ViT")
    assert "60 pictures" in page.text and "Texts in bins" not in page.text


def test_mistakes_are_shown_as_they_were_noted_to_the_last_bit_the_surest_first(tmp_path):
    run = a_run(tmp_path, "MLP")
    page = Page(next(section.html for section in picture_sections(run) if section.title == "Surest mistakes"))
    sheet = np.array(Image.open(run / "samples" / "00000010-noted.png"))
    found = [pixels_in(address) for address in page.cells("src")]
    assert len(found) == 2 and np.array_equal(found[0], sheet[:, :8]) and np.array_equal(found[1], sheet[:, 8:16])
    assert page.cells("title") == ["a.png", "b.png"] and "99" in page.text and all("exact" in one for one in page.cells("class") if "picture" in one)


def test_right_pictures_are_those_after_the_mistakes(tmp_path):
    run = a_run(tmp_path, "MLP")
    sheet = torch.from_numpy(np.array(Image.open(run / "samples" / "00000010-noted.png")))
    row = {"mistakes": [{}, {}], "right": [{"picture": "c.png"}], "files": {"noted.png": "samples/00000010-noted.png"}}
    _, [(item, pixels)] = noted(run, row)
    assert item["picture"] == "c.png" and torch.equal(pixels[0], sheet[:, 16:])


def test_without_its_pictures_a_run_is_reported_without_them(tmp_path):
    run = a_run(tmp_path, "CNN")
    for file in (run / "samples").iterdir():
        file.unlink()
    assert [section.title for section in picture_sections(run)] == ["Which is taken for which", "As sure as right?", "What the first layer looks for"]


def test_classes_and_file_names_cannot_write_html(tmp_path):
    bad = '"><script>alert(1)</script>'
    run = a_run(tmp_path, "CNN", (bad, "dog"))
    record = run / "metrics.jsonl"
    record.write_text(record.read_text().replace("a.png", bad.replace('"', '\\"')))
    for section in picture_sections(run):
        page = Page(section.html)
        assert "script" not in {tag for tag, _ in page.tags}


def explanation(contributions: torch.Tensor, rollout: torch.Tensor | None = None) -> PictureExplanation:
    pixels = torch.randint(0, 256, (1, *contributions.shape), dtype=torch.uint8)
    return PictureExplanation("cat", 0.9, 2.0, -1.0, pixels, rollout, contributions, contributions.abs())


def test_what_speaks_for_the_class_is_blue_and_what_speaks_against_it_orange():
    ((_, picture), (_, map), _) = panels_of(explanation(torch.tensor([[1.0, -1.0], [0.0, 0.1]])))
    red, _, blue = map.int()
    assert blue[0, 0] > red[0, 0] and red[0, 1] > blue[0, 1] and red[1, 0] == blue[1, 0]
    assert 0 < blue[1, 1] - red[1, 1] < blue[0, 0] - red[0, 0] and picture.shape == (1, 2, 2)


def test_where_it_looks_most_is_yellow_and_where_least_is_gray():
    (_, (title, map), *_) = panels_of(explanation(torch.zeros(2, 2), torch.tensor([[0.2, 0.2], [0.3, 0.25]])))
    red, _, blue = map.int()
    assert title == "where it looks" and red[0, 0] == blue[0, 0] and red[1, 0] > red[1, 1] > blue[1, 1] > blue[1, 0]


def test_maps_of_nothing_are_drawn_too():
    for _, pixels in panels_of(explanation(torch.zeros(3, 4), torch.full((3, 4), 0.1))):
        assert pixels.shape[1:] == (3, 4)


def test_first_filters_are_the_weights_that_meet_the_pixels():
    mlp, cnn, vit = (build(KINDS[kind]) for kind in ("MLP", "CNN", "ViT"))
    x = torch.randn(1, 1, 8, 8)
    bias = mlp.layers[0].bias
    torch.testing.assert_close((first_filters(mlp) * x).sum((1, 2, 3)) + bias, mlp.layers[0](x.flatten(1))[0])
    assert torch.equal(first_filters(cnn), cnn.stages[0][0].convolution.weight)
    patches = torch.nn.functional.conv2d(x, first_filters(vit), vit.patches.projection.bias, stride=4).flatten(2).transpose(1, 2)
    torch.testing.assert_close(patches, vit.patches(x))
    whitened = build(WhitenedSettings(image_size=(32, 32), channels=3, classes=2)).eval()
    assert torch.equal(first_filters(whitened), whitened.whitening.weight)
    assert first_filters(build(KINDS["GRU"])) is None and not filter_section(build(KINDS["GRU"]))


def test_a_filter_is_gray_where_it_is_zero_and_full_where_it_is_largest():
    drawn = as_pictures(torch.tensor([[[[0.0, 2.0], [-2.0, 1.0]]], [[[0.0, 0.0], [0.0, 0.0]]]]))
    assert drawn[0, 0].tolist() == [[128, 255], [0, 191]] and drawn[1].unique().tolist() == [128]


def test_of_many_filters_those_with_the_largest_weights_are_shown():
    model = build(MLPSettings(**PICTURE, widths=(100,)))
    with torch.no_grad():
        model.layers[0].weight.mul_(torch.arange(1.0, 101)[:, None])
    page = Page(filter_section(model)[0].html)
    sheet = pixels_in(page.cells("src")[0])
    assert f"The {SHOWN} of 100 filters" in page.text and sheet.shape == (4 * 9 - 1, 16 * 9 - 1, 4)
    order = first_filters(model).flatten(1).norm(dim=1).argsort(descending=True)
    assert np.array_equal(sheet[:8, 9:17, 0], as_pictures(first_filters(model))[order[1], 0].numpy())
    assert not sheet[8, :, 3].any() and not sheet[:, 8, 3].any()
