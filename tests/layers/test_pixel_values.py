"""Pixels become coins with the probability of their gray level, once or anew, or gray levels with noise; the same picture always the same way."""

import pytest
import torch

from workings.layers.pixel_values import picture_keys, pixel_values

KEY = 0x1234_5678_9ABC_DEF1


def some_pictures(count: int = 5, side: int = 7) -> torch.Tensor:
    return torch.randint(0, 256, (count, 1, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_binary_picture_is_the_same_whoever_asks_in_which_order_and_with_which_key():
    pictures = some_pictures()
    whole = pixel_values(pictures, "fixed", KEY, 3)
    assert set(whole.unique().tolist()) == {0.0, 1.0}
    for row in range(5):
        assert torch.equal(pixel_values(pictures[row : row + 1], "fixed"), whole[row : row + 1])
    assert torch.equal(pixel_values(pictures.flip(0), "fixed"), whole.flip(0))


def test_what_is_thrown_anew_follows_key_and_row_and_has_one_throw_for_evaluation():
    pictures = some_pictures()
    for how in ("dynamic", "dequantized"):
        whole = pixel_values(pictures, how, KEY)
        assert torch.equal(whole, pixel_values(pictures, how, KEY)) and not torch.equal(whole, pixel_values(pictures, how, KEY + 1))
        assert torch.equal(whole[2:], pixel_values(pictures[2:], how, KEY, 2))
        assert torch.equal(pixel_values(pictures, how)[2:], pixel_values(pictures[2:], how))
    assert torch.equal(pixel_values(pictures, "dynamic"), pixel_values(pictures, "fixed"))


@pytest.mark.parametrize("how", ["fixed", "dynamic"])
def test_a_pixel_is_1_as_often_as_its_gray_level_says_and_black_and_white_are_certain(how):
    levels = torch.tensor([0, 1, 64, 200, 255], dtype=torch.uint8)
    places = torch.arange(20_000, dtype=torch.int64)
    pictures = torch.cat([levels.repeat(20_000, 1), torch.stack([places % 256, places // 256], 1).to(torch.uint8)], dim=1)[:, None, None]  # no two alike
    share = pixel_values(pictures, how, KEY)[:, 0, 0, :5].mean(0)
    p = levels / 255
    assert ((share - p).abs() <= 5 * (p * (1 - p) / 20_000) ** 0.5).all()


def test_noise_fills_the_interval_of_each_gray_level_and_no_more():
    pictures = some_pictures(200)
    x = pixel_values(pictures, "dequantized", KEY)
    assert torch.equal((x * 256).floor().clamp(max=255), pictures.float())
    inside = x * 256 - pictures
    assert abs(inside.mean() - 0.5) < 0.02 and abs(inside.var() - 1 / 12) < 0.005


def test_gray_values_are_parts_of_white():
    assert torch.equal(pixel_values(some_pictures(), "gray"), some_pictures() / 255)


def test_pictures_that_differ_in_one_bit_or_in_order_have_other_keys():
    picture = some_pictures(1, 9)
    others = picture.flatten().repeat(81 * 8, 1)
    for number, other in enumerate(others):
        other[number // 8] ^= 1 << number % 8
    keys = picture_keys(torch.cat([picture.flatten(1), others, picture.flatten(1).flip(1)]))
    assert len(keys.unique()) == len(keys)
    assert len(picture_keys(torch.zeros(3, 5, dtype=torch.uint8)).unique()) == 1
