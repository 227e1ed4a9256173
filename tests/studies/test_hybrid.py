"""The study of attention on a map compares models of the same size, and its verdict asks for a difference beyond what seeds make."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from workings.models.build import build
from workings.models.picture_presets import fitted
from workings.settings import parse_assignments
from workings.studies.hybrid import ALL, ATTENTION, CONVOLUTION, STUDY, expectations, judge, model_of


def made(top: str, channels: int) -> torch.nn.Module:
    table = parse_assignments([f"{key}={json.dumps(value)}" for key, value in model_of(top, channels).items()])
    return build(fitted(table["model"], (1, 28, 28), ("a", "b", "c"))).eval()


@torch.no_grad()
@pytest.mark.parametrize("channels", [32, 64])
def test_parameters_and_products_are_those_that_the_study_says(channels):
    sizes, products = [], []
    for top in (ATTENTION, CONVOLUTION):
        model = made(top, channels)
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 1, 28, 28))
        unseen = 3 * 2 * 2 * 49**2 * channels if top == ATTENTION else 0  # scores and sums over values, done in a kernel of our own
        sizes.append(sum(parameter.numel() for parameter in model.parameters()))
        products.append(counter.get_total_flops() + unseen)
    assert abs(sizes[0] / sizes[1] - 1) < 0.06
    assert abs(products[0] / products[1] - 1) < 0.12


def made_up(*gains: float) -> list[dict]:
    """Accuracies where attention gains so much in three seeds."""
    return [
        {"part": 1.0, "top": top, "seed": seed, "accuracy": 80 + seed + (gain if top == ATTENTION else 0)}
        for seed, gain in enumerate(gains)
        for top in (ATTENTION, CONVOLUTION)
    ]


def test_the_verdict_asks_for_more_than_chance():
    assert judge(made_up(2.0, 2.1, 2.2)).word == "supported"
    assert judge(made_up(2.0, -2.1, 1.0)).word == "not supported here"
    assert judge(made_up(2.0, 2.1, 2.2) + [row | {"part": 0.2} for row in made_up(-1, -1.1, -1.2)]).word == "depends on"


def test_what_is_expected_can_hold_fail_and_stay_open():
    assert list(expectations(made_up(0.2, -0.2, 0.1)).values()) == [True]
    assert list(expectations(made_up(2.0, 2.1, 2.2)).values()) == [False]
    assert "less than 1 either way was expected, not settled with 3 seeds" in judge(made_up(2.0, -2.1, 1.0)).sentence
    assert all({"part": ALL, "top": ATTENTION} in STUDY.conditions(scale) for scale in (STUDY.quick, STUDY.full))
