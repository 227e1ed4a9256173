"""Augmentation is a function of (seed, step, row), stays in range, draws what it says, and equals PIL where PIL does it too."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from workings.data.augmentation import AlternatingFlip, Chain, Erase, Flip, PadCrop, RandomResizedCrop, Shift, resized, windows
from workings.data.draws import Draws, Seen
from workings.data.order import Order
from workings.data.rand_augment import RandAugment
from workings.errors import BadInput

EVERY = {
    "flip": Flip(),
    "pad-crop": PadCrop(4),
    "pad-crop to another size": PadCrop(2, size=(9, 11), outside="reflect"),
    "shift": Shift(3, outside="edge"),
    "random-resized crop": RandomResizedCrop((12, 10)),
    "rand-augment": RandAugment(2, 9),
    "rand-augment between pixels": RandAugment(2, 9, filter="bilinear"),
    "erase": Erase(0.5),
    "all of them": Chain([RandomResizedCrop((16, 16)), RandAugment(), PadCrop(), Flip(), Erase()]),
}


def some_pictures(count: int = 12, channels: int = 3, height: int = 14, width: int = 13) -> torch.Tensor:
    return torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3], ids=["gray", "color"])
@pytest.mark.parametrize("name", EVERY)
def test_the_same_seed_and_step_give_the_same_bits_however_the_batch_is_cut(name, channels):
    pictures = some_pictures(channels=channels)
    chain, before = Chain([lambda x, draws: x, EVERY[name]]), pictures.clone()
    whole = chain(pictures, Draws(3, 7, 12))
    assert whole.dtype == torch.uint8 and whole.shape[:2] == pictures.shape[:2] and torch.equal(pictures, before)
    for cuts in ([5, 7], [1] * 12, [11, 1]):
        starts = np.cumsum([0, *cuts[:-1]]).tolist()
        pieces = [chain(piece, Draws(3, 7, len(piece), first=first)) for first, piece in zip(starts, pictures.split(cuts), strict=True)]
        assert torch.equal(whole, torch.cat(pieces))
    assert not torch.equal(whole, chain(pictures, Draws(3, 8, 12))) and not torch.equal(whole, chain(pictures, Draws(4, 7, 12)))


def test_any_function_is_a_part_of_a_chain_and_has_draws_of_its_own():
    seen = []

    def mine(pictures, draws):
        seen.append(draws.uniform())
        return 255 - pictures

    pictures = some_pictures()
    assert torch.equal(Chain([mine, mine])(pictures, Draws(0, 0, 12)), pictures)
    assert not torch.equal(*seen)
    assert torch.equal(Chain([])(pictures, Draws(0, 0, 12)), pictures)


def test_alternating_flips_show_every_picture_one_way_in_even_epochs_and_the_other_way_in_odd_ones():
    pictures, order = torch.arange(60 * 6).remainder(251).to(torch.uint8).view(60, 1, 2, 3), Order(60, seed=5)
    looks: dict[int, list[tuple[int, bool]]] = {}
    for step in range(24):  # epochs of seven and a half batches
        seen = Seen(order.indices(8 * step, 8), order.epochs(8 * step, 8))
        shown = Chain([AlternatingFlip()])(pictures[seen.examples], Draws(5, step, 8, seen=seen))
        for picture, example, epoch in zip(shown, seen.examples.tolist(), seen.epochs.tolist(), strict=True):
            mirrored = torch.equal(picture, pictures[example].flip(-1))
            assert mirrored or torch.equal(picture, pictures[example])
            looks.setdefault(example, []).append((epoch, mirrored))
    assert all(len({mirrored ^ (epoch % 2 == 1) for epoch, mirrored in look}) == 1 for look in looks.values())
    assert 15 < sum(dict(look)[0] for look in looks.values()) < 45


def test_half_of_the_pictures_are_mirrored_and_the_others_stay():
    pictures = torch.arange(3, dtype=torch.uint8).expand(4000, 1, 2, 3)
    done = Flip()(pictures, Draws(0, 0, 4000))
    mirrored = (done == pictures.flip(-1)).all((1, 2, 3))
    assert ((done == pictures).all((1, 2, 3)) ^ mirrored).all() and abs(mirrored.double().mean() - 0.5) < 0.03
    assert torch.equal(Flip(1)(pictures, Draws(0, 0, 4000)), pictures.flip(-1)) and torch.equal(Flip(0)(pictures, Draws(0, 0, 4000)), pictures)


@pytest.mark.parametrize(("outside", "mode"), [("zeros", "constant"), ("edge", "replicate"), ("reflect", "reflect")])
def test_a_window_of_the_padded_picture_is_cut_where_it_is_said(outside, mode):
    pictures = some_pictures(5)
    top, left = torch.tensor([0, 3, 6, 2, 1]), torch.tensor([6, 0, 3, 3, 5])
    padded = torch.nn.functional.pad(pictures.float(), (3, 3, 3, 3), mode).to(torch.uint8)
    expected = torch.stack([picture[:, y : y + 14, x : x + 13] for picture, y, x in zip(padded, top.tolist(), left.tolist(), strict=True)])
    assert torch.equal(windows(pictures, 3, outside, top, left, 14, 13), expected)


def test_every_shift_up_to_the_padding_is_drawn_equally_often():
    marked = torch.zeros(8100, 1, 5, 5, dtype=torch.uint8)
    marked[:, :, 2, 2] = 255
    places = Shift(1)(marked, Draws(0, 0, 8100)).flatten(1).argmax(1)
    counts = places.bincount(minlength=25).view(5, 5)
    assert counts[1:4, 1:4].sum() == 8100 and (counts[1:4, 1:4] - 900).abs().max() < 120
    assert torch.equal(Shift(1)(marked, Draws(0, 0, 8100)), PadCrop(1)(marked, Draws(0, 0, 8100)))


def test_a_crop_without_padding_of_the_same_size_is_the_picture():
    assert torch.equal(PadCrop(0)(some_pictures(), Draws(0, 0, 12)), some_pictures())


@pytest.mark.parametrize("size", [(32, 32), (8, 50), (7, 5), (1, 1)], ids=str)
def test_a_resized_box_is_within_one_level_of_pil(size):
    pictures = some_pictures(8, 3, 20, 31)
    boxes = torch.tensor([[0, 0, 20, 31], [3, 4, 1, 1], [0, 0, 20, 1], [5, 6, 7, 8], [10, 20, 10, 11], [0, 30, 2, 1], [19, 0, 1, 31], [2, 2, 16, 16]])
    done = resized(pictures, boxes, size)
    for picture, (top, left, height, width), ours in zip(pictures, boxes.tolist(), done, strict=True):
        box = (left, top, left + width, top + height)
        theirs = Image.fromarray(picture.permute(1, 2, 0).numpy()).resize(size[::-1], Image.Resampling.BILINEAR, box=box)
        assert (ours.int() - torch.from_numpy(np.array(theirs)).permute(2, 0, 1).int()).abs().max() <= 1


def test_the_whole_picture_at_its_own_size_is_itself():
    pictures = some_pictures()
    assert torch.equal(resized(pictures, torch.tensor([[0, 0, 14, 13]]).expand(12, 4), (14, 13)), pictures)


def test_the_areas_and_the_shapes_of_crops_are_what_is_asked_for():
    top, left, height, width = RandomResizedCrop((8, 8)).boxes(Draws(0, 0, 20_000), 200, 200).double().unbind(1)
    share, ratio = height * width / 200**2, width / height
    assert (top >= 0).all() and (left >= 0).all() and (top + height <= 200).all() and (left + width <= 200).all()
    assert share.min() > 0.078 and share.max() <= 1 and ratio.min() > 0.74 and ratio.max() < 1.35
    small = share[share < 0.5]  # those fit in any shape; larger ones do not always
    assert abs(ratio.log().mean()) < 0.01 and abs((small < 0.29).double().mean() - 0.5) < 0.02
    assert abs(((top + 0.5) / (200 - height + 1)).mean() - 0.5) < 0.01


def test_a_crop_that_never_fits_is_the_largest_allowed_shape_in_the_middle():
    box = RandomResizedCrop((8, 8), area=(1, 1)).boxes(Draws(0, 0, 3), 100, 20)
    assert box.tolist() == [[(100 - 27) // 2, 0, 27, 20]] * 3


def test_one_rectangle_is_erased_in_a_share_of_the_pictures():
    pictures = torch.full((4000, 1, 20, 20), 9, dtype=torch.uint8)
    gone = Erase(0.25)(pictures, Draws(0, 0, 4000))[:, 0] == 0
    hit = gone.flatten(1).any(1)
    assert abs(hit.double().mean() - 0.25) < 0.03
    area = gone[hit].double().mean((1, 2))
    assert area.min() > 0.015 and area.max() < 0.37 and abs(area.mean() - (0.02 + 1 / 3) / 2) < 0.02
    rows, columns = gone[hit].any(2).sum(1), gone[hit].any(1).sum(1)
    assert torch.equal(rows * columns, gone[hit].sum((1, 2)))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: PadCrop(-1),
        lambda: PadCrop(outside="mirror"),
        lambda: PadCrop(1, size=(40, 40))(some_pictures(), Draws(0, 0, 12)),
        lambda: RandomResizedCrop((8, 8), area=(0, 1)),
        lambda: RandomResizedCrop((8, 8), ratio=(2, 1)),
        lambda: Chain([Flip()])(some_pictures().float(), Draws(0, 0, 12)),
        lambda: Chain([Flip()])(some_pictures(), Draws(0, 0, 11)),
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(BadInput):
        wrong()


def test_a_ratio_is_drawn_on_its_logarithm():
    *_, height, width = RandomResizedCrop((8, 8), area=(0.1, 0.1), ratio=(0.25, 4)).boxes(Draws(0, 0, 10_000), 1000, 1000).double().unbind(1)
    assert abs((width / height < 0.5).double().mean() - math.log(2) / math.log(16)) < 0.02
