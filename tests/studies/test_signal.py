"""The study of signal sizes measures what is known of layers that scale, and judges slopes as it says."""

import math

import pytest
import torch
from torch import nn

from workings.blackboard.signal import GAIN, backward_slope, forward_slope
from workings.studies.signal import NORMS, judge, sizes


def scaling(by: float) -> nn.Linear:
    layer = nn.Linear(3, 3, bias=False)
    nn.init.eye_(layer.weight)
    layer.weight.data.mul_(by)
    return layer


def test_layers_that_double_numbers_double_gradients_on_their_way_back():
    forward, backward = sizes(nn.ModuleList([scaling(2.0), scaling(2.0), scaling(3.0)]), torch.ones(5, 3), torch.ones(5, 3))
    assert forward == pytest.approx([2 * math.log(2), 2 * math.log(4), 2 * math.log(12)])
    assert backward == pytest.approx([2 * math.log(6), 2 * math.log(3), 0.0])


def rows(forward: dict = {}, backward: dict = {}) -> list[dict]:  # noqa: B006 (never changed)
    """Slopes that are the closed forms but for those given, with a little that differs by seed."""
    made = []
    for norm in NORMS:
        for start in GAIN:
            expected = {"forward_expected": forward_slope(start, norm), "backward_expected": backward_slope(start, norm)}
            for seed in range(3):
                slopes = {
                    "forward_slope": forward.get((norm, start), expected["forward_expected"]) + 0.001 * seed,
                    "backward_slope": backward.get((norm, start), expected["backward_expected"]) + 0.001 * seed,
                }
                made.append({"norm": norm, "start": start, "seed": seed} | expected | slopes)
    return made


def test_all_closed_forms_have_to_hold():
    assert judge(rows()).word == "supported" and judge(rows()).estimate == pytest.approx(-math.log(2) + 0.001)
    other = judge(rows(backward={("batch", "he"): 0.0}))
    assert other.word == "depends on" and "backward, he, norm batch" in other.sentence
    assert judge(rows(forward={("none", "xavier"): 0.0})).word == "not supported here"
