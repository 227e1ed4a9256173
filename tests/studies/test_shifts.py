"""The study of shifts moves pictures as it says, its models are of one size, and it measures equivariance where it is known."""

import json

import pytest
import torch
from torch import nn

from workings.models.build import build
from workings.models.picture_presets import fitted
from workings.settings import parse_assignments
from workings.studies.shifts import AT, AUGMENTATIONS, MODELS, STUDY, error, expectations, judge, moved


def test_the_models_have_as_many_parameters():
    sizes = []
    for given in MODELS.values():
        table = parse_assignments([f"{key}={json.dumps(value)}" for key, value in given.items()])
        model = build(fitted(table["model"], (1, 28, 28), tuple("abcdefghij")))
        sizes.append(sum(parameter.numel() for parameter in model.parameters()))
    assert max(sizes) / min(sizes) < 1.01


def test_a_picture_moves_down_and_to_the_right_and_black_comes_in():
    pixels = torch.randint(1, 256, (2, 1, 7, 5), dtype=torch.uint8)
    there = moved(pixels, 2, -1)
    assert torch.equal(there[:, :, 2:, :-1], pixels[:, :, :-2, 1:])
    assert not there[:, :, :2].any() and not there[..., -1].any()
    assert torch.equal(moved(pixels, 0, 0), pixels)


@pytest.mark.parametrize("by", [1, 2])
def test_a_convolution_moves_with_its_picture_and_a_map_with_a_place_for_each_weight_does_not(by):
    torch.manual_seed(0)
    x = torch.randn(3, 2, 9, 11)
    there = torch.zeros_like(x)
    there[..., by:] = x[..., :-by]
    convolution = nn.Conv2d(2, 3, 3, padding=1)
    with torch.no_grad():
        assert error(convolution(x), convolution(there), by) < 1e-6
        assert error(convolution(x), convolution(x), by) > 0.5
        places = torch.randn(1, 1, 9, 11)
        assert error(places * convolution(x), places * convolution(there), by) > 0.5


def rows(lost: dict[tuple[str, str], tuple[float, ...]]) -> list[dict]:
    """Accuracies of 80 that fall by so much, seed by seed."""
    return [
        {"model": model, "augmentation": augmentation, "seed": seed, "shift": shift, "accuracy": 80.0 - (fall if shift else 0)}
        for (model, augmentation), falls in lost.items()
        for seed, fall in enumerate(falls)
        for shift in (0, AT)
    ]


@pytest.mark.parametrize(
    ("convolutional", "taught", "word"),
    [((5, 6, 5), (10, 11, 10), "supported"), ((30, 31, 30), (10, 11, 10), "depends on"), ((30, 2, 50), (30, 31, 70), "not supported here")],
)
def test_both_convolution_and_augmentation_have_to_help(convolutional, taught, word):
    lost = {(model, augmentation): (30.0, 31.0, 32.0) for model in MODELS for augmentation in AUGMENTATIONS}
    verdict = judge(rows(lost | {("CNN", "none"): convolutional, ("MLP", "shifts"): taught}))
    assert verdict.word == word
    assert verdict.estimate == pytest.approx(31 - sum(convolutional) / 3)
    assert ("convolution saves any of it is not settled" in verdict.sentence) == (word != "supported")


def test_each_part_of_the_hypothesis_holds_or_does_not_or_is_not_settled():
    lost = {(model, augmentation): (30.0, 31.0, 32.0) for model in MODELS for augmentation in AUGMENTATIONS}
    good = expectations(rows(lost | {("CNN", "none"): (5, 6, 5), ("ViT", "none"): (20, 21, 20), ("MLP", "shifts"): (10, 11, 10)}))
    assert list(good.values()) == [True, True, True, True]
    assert list(expectations(rows(lost | {("CNN", "none"): (20, 21, 20), ("ViT", "none"): (50, 51, 50)})).values()) == [True, False, False, False]
    assert list(expectations(rows(lost | {("CNN", "none"): (30, 2, 50), ("MLP", "shifts"): (0, 3, 40)})).values()) == [True, None, None, None]


def test_the_shift_that_is_judged_is_in_both_scales():
    assert all(AT in scale["shifts"] for scale in (STUDY.quick, STUDY.full))
