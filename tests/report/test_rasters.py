"""Pictures in a page: small ones exactly and in whole multiples, large ones pressed; sheets are cut where they were joined."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from workings.errors import BadInput
from workings.report.rasters import GRAINS, LARGE, SMALL, embedded, in_squares, mosaic, read_image, side_by_side


def opened(drawn: dict) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(drawn["address"].partition(",")[2])))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_small_picture_is_kept_to_the_last_bit_and_shown_as_a_whole_multiple(channels):
    pixels = torch.randint(0, 256, (channels, 20, 30), dtype=torch.uint8)
    drawn = embedded(pixels, 112)
    assert torch.equal(torch.from_numpy(np.atleast_3d(np.array(opened(drawn)))).permute(2, 0, 1), pixels)
    assert drawn["exact"] and (drawn["width"], drawn["height"]) == (120, 80)


def test_a_photograph_is_pressed_and_keeps_its_proportions():
    pixels = torch.arange(3 * 600 * 400).view(3, 600, 400).div(3000, rounding_mode="floor").byte()
    drawn = embedded(pixels, 112)
    assert opened(drawn).format == "JPEG" and opened(drawn).size == (LARGE * 2 // 3, LARGE)
    assert not drawn["exact"] and (drawn["width"], drawn["height"]) == (112, 168)


def test_a_sheet_of_small_pictures_is_exact_though_it_is_large():
    sheet = torch.randint(0, 256, (1, 8 * SMALL, 8 * SMALL), dtype=torch.uint8)
    assert embedded(sheet, 640, 8)["exact"] and not embedded(sheet, 640)["exact"]


def test_pictures_side_by_side_are_cut_apart_where_they_were_joined(tmp_path):
    parts = torch.randint(0, 256, (4, 3, 5, 7), dtype=torch.uint8)
    Image.fromarray(torch.cat(list(parts), 2).permute(1, 2, 0).numpy()).save(tmp_path / "sheet.png")
    assert torch.equal(torch.stack(side_by_side(read_image(tmp_path / "sheet.png"), 4)), parts)
    for count in (0, 3):
        with pytest.raises(BadInput, match="28 pixels wide is not"):
            side_by_side(read_image(tmp_path / "sheet.png"), count)


def test_a_mosaic_has_every_picture_in_reading_order_and_nothing_between_them():
    pictures = torch.randint(0, 256, (5, 3, 2, 3), dtype=torch.uint8)
    laid = mosaic(pictures, 3)
    assert laid.shape == (4, 5, 11) and torch.equal(laid[:3, 3:, 4:7], pictures[4])
    assert int((laid[3] == 255).sum()) == 5 * 6 and not laid[:, 2].any() and not laid[:, 3:, 8:].any()


def test_a_small_map_keeps_its_pixels_and_a_large_one_is_its_means_over_squares():
    small = torch.randn(GRAINS + 1, 2 * GRAINS - 1)
    assert torch.equal(in_squares(small), small)
    large = torch.randn(3 * GRAINS + 1, 4 * GRAINS)
    means = in_squares(large)
    torch.testing.assert_close(means[:3, 3:6], large[:3, 3:6].mean().expand(3, 3))
    torch.testing.assert_close(means[-1, :3], large[-1, :3].mean().expand(3))
