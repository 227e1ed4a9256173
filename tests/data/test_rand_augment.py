"""RandAugment's fourteen operations are those of PIL, and each picture has its own."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.pil_operations import operate
from workings.data.draws import Draws
from workings.data.rand_augment import LEVELS, MOVES, ONE_WAY, OPERATIONS, RandAugment, affine, bilinear
from workings.errors import BadInput

SHAPES = [(3, 32, 32), (1, 28, 28), (3, 17, 40), (3, 5, 2)]
STRENGTHS = (0.0, 0.1, 0.37, 0.5, 0.9, 1.0)


def some_pictures(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    """Smooth ones, noisy ones, dark ones, and two of one level."""
    torch.manual_seed(0)
    noise = torch.rand(count, channels, height, width)
    smooth = torch.nn.functional.interpolate(torch.rand(count, channels, 3, 3), (height, width), mode="bicubic").clamp(0, 1)
    pictures = torch.where(torch.arange(count)[:, None, None, None] % 2 == 0, noise, smooth) * torch.linspace(0.2, 1, count)[:, None, None, None]
    pictures = (255 * pictures).to(torch.uint8)
    pictures[-1], pictures[-2] = 0, 200
    return pictures


def by_pil(name: str, pictures: torch.Tensor, strengths: torch.Tensor, how: str = "nearest", fill: int = 128) -> torch.Tensor:
    """One picture after the other."""
    rows = []
    for picture, strength in zip(pictures, strengths.tolist(), strict=True):
        array = picture.permute(1, 2, 0).numpy()
        done = np.array(operate(name, Image.fromarray(array[..., 0] if array.shape[2] == 1 else array), strength, how, fill))
        rows.append(torch.from_numpy(done.reshape(array.shape)).permute(2, 0, 1))
    return torch.stack(rows)


def both_ways(name: str, count: int) -> torch.Tensor:
    """Strengths of either sign, or of one where there is no other."""
    strengths = torch.tensor([(-1) ** i * STRENGTHS[i // 2 % len(STRENGTHS)] for i in range(count)], dtype=torch.float64)
    return strengths.abs() if name in ONE_WAY else strengths


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", LEVELS)
def test_what_changes_levels_is_exactly_pil(name, shape):
    pictures, strengths = some_pictures(24, *shape), both_ways(name, 24)
    assert torch.equal(LEVELS[name](pictures, strengths), by_pil(name, pictures, strengths))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", MOVES)
def test_what_moves_pixels_is_exactly_pil_with_the_nearest_pixel(name, shape):
    pictures, strengths = some_pictures(24, *shape), both_ways(name, 24)
    assert torch.equal(affine(pictures, MOVES[name](strengths, *shape[1:]), 99), by_pil(name, pictures, strengths, fill=99))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", MOVES)
def test_what_moves_pixels_is_within_one_level_of_pil_between_pixels(name, shape):
    pictures, strengths = some_pictures(24, *shape), both_ways(name, 24)
    ours, theirs = bilinear(pictures, MOVES[name](strengths, *shape[1:]), 99).int(), by_pil(name, pictures, strengths, "bilinear", 99).int()
    assert (ours - theirs).abs().max() <= 1
    if name.startswith("translate"):
        assert torch.equal(ours, theirs)


def test_the_operations_are_the_fourteen_of_the_paper():
    assert len(OPERATIONS) == len(set(OPERATIONS)) == 14


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ("identity", "auto-contrast", "equalize")])
def test_strength_zero_changes_nothing_and_full_strength_does(name):
    pictures, zero = some_pictures(6, 3, 16, 16), torch.zeros(6)
    for strength, same in ((zero, True), (zero + 1, False)):
        done = LEVELS[name](pictures, strength) if name in LEVELS else affine(pictures, MOVES[name](strength, 16, 16), 128)
        assert torch.equal(done, pictures) == same


def test_a_batch_of_many_operations_is_each_one_by_itself():
    pictures, chosen = some_pictures(28, 3, 12, 9), torch.arange(28) % 14
    signs = torch.where(torch.arange(28) < 14, 1.0, -1.0)
    done = RandAugment(m=7).apply(pictures, chosen, signs)
    for row in range(28):
        strength = torch.tensor([0.7]) if OPERATIONS[row % 14] in ONE_WAY else 0.7 * signs[row : row + 1]
        assert torch.equal(done[row], by_pil(OPERATIONS[row % 14], pictures[row : row + 1], strength)[0]), OPERATIONS[row % 14]


def test_every_operation_and_both_directions_are_drawn_equally_often():
    seen = []

    class Watched(RandAugment):
        def apply(self, pictures, chosen, signs):
            seen.append((chosen, signs))
            return pictures

    Watched(n=2)(torch.zeros(14_000, 1, 1, 1, dtype=torch.uint8), Draws(0, 0, 14_000))
    (first, signs), (second, _) = seen
    assert all(abs(count - 1000) < 150 for chosen in (first, second) for count in chosen.bincount(minlength=14).tolist())
    assert abs(signs.mean()) < 0.03 and abs((first == second).double().mean() - 1 / 14) < 0.01


def test_nothing_is_written_into_the_pictures_that_are_given():
    pictures = some_pictures(14, 3, 8, 8)
    before = pictures.clone()
    RandAugment(n=3)(pictures, Draws(1, 2, 14))
    assert torch.equal(pictures, before)


@pytest.mark.parametrize("wrong", [dict(n=-1), dict(m=11), dict(m=-1), dict(filter="bicubic")])
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(BadInput):
        RandAugment(**wrong)
