"""Batches of tensors are prepared as Pillow prepares each picture."""

import numpy as np
import pytest
import torch
from PIL import Image

from workings.data.picture_settings import Preparation
from workings.data.picture_tensors import of_channels, prepared_tensors
from workings.data.pictures import prepared, prepared_pixels
from workings.errors import BadInput

LEVEL = dict(scale=1.0)
HOWS = {
    "as it is": Preparation(resize="none", size=(), mean=(0.4,), std=(0.2,)),
    "cropped": Preparation(resize="none", size=(), crop=(9, 20)),
    "larger": Preparation(size=(29, 31), **LEVEL),
    "smaller": Preparation(size=(5, 7), **LEVEL),
    "smaller by cubic polynomials": Preparation(size=(5, 7), filter="bicubic", **LEVEL),
    "larger by cubic polynomials": Preparation(size=(29, 31), filter="bicubic", **LEVEL),
    "nearest": Preparation(size=(5, 31), filter="nearest", **LEVEL),
    "a rare filter": Preparation(size=(5, 7), filter="lanczos", **LEVEL),
    "the shorter side": Preparation(resize="shortest", size=(8,), crop=(6, 6), **LEVEL),
}


def some_pixels(channels: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (4, channels, 13, 17), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", HOWS)
def test_a_batch_is_what_pillow_makes_of_each_picture_but_for_its_rounding(name):
    how, pixels = HOWS[name], some_pixels()
    wanted = prepared_pixels(pixels, how)
    exact = how.resize == "none" or how.filter in ("nearest", "lanczos")
    bound = 0 if exact else 1.13  # half a level of each rounding, the first times what cubic weights add up to without their signs
    torch.testing.assert_close(prepared_tensors(pixels, how), wanted, rtol=0, atol=bound)
    torch.testing.assert_close(prepared_tensors(pixels.float(), how), wanted, rtol=0, atol=bound)


@pytest.mark.parametrize(("given", "wanted"), [(1, 3), (3, 1)])
def test_gray_becomes_color_and_color_gray_as_pillow_does_it(given, wanted):
    pixels, how = some_pixels(given), Preparation(channels=wanted, resize="none", size=(), mean=(3.0,), std=(7.0,))
    rows = pixels.permute(0, 2, 3, 1).numpy()
    pillow = torch.stack([prepared(Image.fromarray(np.squeeze(row)), how) for row in rows])
    assert torch.equal(prepared_tensors(pixels, how), pillow)
    assert of_channels(pixels, wanted).shape == (4, wanted, 13, 17)


def test_mixed_pictures_are_prepared_between_levels_and_a_mixture_of_pictures_is_that_of_what_is_prepared():
    how, pixels = HOWS["larger"], some_pixels().float()
    mixed = 0.3 * pixels + 0.7 * pixels.flip(0)
    apart = prepared_tensors(pixels, how)
    torch.testing.assert_close(prepared_tensors(mixed, how), 0.3 * apart + 0.7 * apart.flip(0), rtol=0, atol=1e-3)


def test_a_gradient_runs_through_the_preparation():
    pixels = some_pixels().float().requires_grad_()
    (gradient,) = torch.autograd.grad(prepared_tensors(pixels, HOWS["smaller"]).sum(), pixels)
    assert gradient.abs().min() > 0


def test_what_are_no_pictures_is_refused():
    for wrong in (torch.zeros(2, 4, 3, 3), torch.zeros(3, 3)):
        with pytest.raises(BadInput, match="1 or 3"):
            prepared_tensors(wrong, HOWS["larger"])
