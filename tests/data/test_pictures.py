"""Pictures of every kind become the numbers that they show."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from workings.data.picture_folders import picture_files
from workings.data.picture_settings import Preparation
from workings.data.pictures import batches, cropped, open_picture, prepared, prepared_pixels, resized
from workings.errors import BadInput

RAW = Preparation(resize="none", size=(), scale=1.0)


def saved(tmp_path, picture: Image.Image, name: str = "a.png", **how):
    picture.save(tmp_path / name, **how)
    return tmp_path / name


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "HSV", "F"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_becomes_color_or_gray(mode, channels, tmp_path):
    values = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    picture = Image.fromarray(values) if mode == "I;16" else Image.fromarray((values // 257).astype(np.uint8)).convert("RGB").convert(mode)
    path = saved(tmp_path, picture, "a.png" if mode in ("1", "L", "P", "RGB", "RGBA", "LA", "I;16") else "a.tiff") if mode != "HSV" else None
    x = prepared(open_picture(path, channels) if path else picture, Preparation(channels=channels, resize="none", size=(), scale=1.0))
    assert x.shape == (channels, 3, 4)
    if mode != "1":
        torch.testing.assert_close(x[0], torch.from_numpy(values / 257).float(), rtol=0, atol=26 if mode == "P" else 8)


def test_what_is_transparent_lies_on_white():
    picture = Image.new("RGBA", (2, 1), (200, 0, 0, 255))
    picture.putpixel((1, 0), (0, 0, 0, 0))
    assert prepared(picture, RAW)[:, 0].tolist() == [[200, 255], [0, 255], [0, 255]]


@pytest.mark.parametrize(("orientation", "turn"), [(1, None), (3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_270), (8, Image.Transpose.ROTATE_90)])
def test_a_camera_that_was_turned_is_turned_back(orientation, turn, tmp_path):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    tag = Image.Exif()
    tag[0x0112] = orientation
    path = saved(tmp_path, picture, exif=tag)
    upright = picture if turn is None else picture.transpose(turn)
    assert torch.equal(prepared(open_picture(path), RAW), prepared(upright, RAW))


def test_pixels_are_scaled_shifted_and_divided_channel_by_channel():
    how = Preparation(resize="none", size=(), scale=0.5, mean=(1.0, 2.0, 3.0), std=(1.0, 2.0, 4.0))
    x = prepared_pixels(torch.full((1, 3, 1, 1), 10, dtype=torch.uint8), how)
    assert x.flatten().tolist() == [4.0, 1.5, 0.5]


@pytest.mark.parametrize("how", [Preparation(size=(6, 5)), Preparation(resize="shortest", size=(6,), crop=(7, 4)), RAW], ids=["stretch", "shortest", "none"])
def test_tensors_are_prepared_as_pictures_are(how):
    pixels = torch.randint(256, (2, 3, 9, 8), dtype=torch.uint8)
    one_by_one = [prepared(Image.fromarray(row.permute(1, 2, 0).contiguous().numpy()), how) for row in pixels]
    assert torch.equal(prepared_pixels(pixels, how), torch.stack(one_by_one))


def test_the_shorter_side_gets_its_length_and_the_longer_one_follows():
    assert resized(Image.new("RGB", (30, 20)), Preparation(resize="shortest", size=(7,))).size == (10, 7)
    assert resized(Image.new("RGB", (20, 30)), Preparation(resize="shortest", size=(7,))).size == (7, 10)


def test_a_crop_keeps_the_middle_and_fills_with_zeros():
    x = torch.arange(1, 26).view(1, 5, 5)
    assert cropped(x, (3, 1)).flatten().tolist() == [8, 13, 18]
    padded = cropped(x, (7, 5))
    assert padded[0, 0].sum() == padded[0, 6].sum() == 0 and torch.equal(padded[:, 1:6], x)


def test_tensors_of_another_kind_are_refused():
    with pytest.raises(BadInput, match=r"torch.uint8 \[pictures, 3, height, width\]"):
        prepared_pixels(torch.zeros(1, 3, 4, 4), RAW)


@pytest.mark.parametrize("change", [dict(channels=2), dict(size=(3,)), dict(crop=(3,)), dict(mean=(1.0, 2.0)), dict(std=(0.0,)), dict(size=(0, 3))])
def test_contradictions_are_refused(change):
    with pytest.raises(BadInput):
        Preparation(**change)


def test_a_folder_is_read_in_batches_and_what_is_broken_is_named(tmp_path):
    for number in range(5):
        saved(tmp_path, Image.new("RGB", (4, 4 + number), (number, 0, 0)), f"{number}.png")
    (tmp_path / "2b.jpg").write_bytes(b"no picture")
    whole = (tmp_path / "4.png").read_bytes()
    (tmp_path / "9.png").write_bytes(whole[:40])
    (tmp_path / "notes.txt").write_text("not asked for")
    how = Preparation(size=(3, 3), scale=1.0)
    read, wrong = {}, []
    for paths, x, broken in batches(picture_files(tmp_path), how, 2):
        read |= dict(zip([Path(path).name for path in paths], x if x is not None else [], strict=True))
        wrong += broken
    assert list(read) == [f"{number}.png" for number in range(5)]
    assert all(x[0].unique().tolist() == [number] for number, x in enumerate(read.values()))
    assert [Path(path).name for path, _ in wrong] == ["2b.jpg", "9.png"] and all(path in str(error) for path, error in wrong)


def test_a_place_without_pictures_is_named(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        picture_files(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="holds no pictures"):
        picture_files(tmp_path)
