"""The study of guidance: without any, exact drawings have their class's spread and accuracy; its verdict follows what is gained and lost."""

import pytest
import torch

from workings.studies.guidance import CLASSES, EXACT, STUDY, TRAINED, USUAL, drawn, exact, expectations, judge, own_spread, spread, world
from workings.studies.study import Scale


def of_class(label: int, n: int) -> torch.Tensor:
    """Points of a class, drawn directly."""
    mixture, g = world(0), torch.Generator().manual_seed(1)
    own = torch.nonzero(mixture.classes == label)[:, 0]
    parts = own[torch.randint(len(own), (n,), generator=g)]
    return mixture.means[parts] + mixture.variances[parts].sqrt() * torch.randn(n, 2, generator=g, dtype=torch.float64)


def test_the_spread_in_closed_form_is_that_of_points():
    assert own_spread(world(0), 1) == pytest.approx(spread(of_class(1, 20_000)), rel=0.02)


def test_without_guidance_drawings_are_the_class():
    mixture = world(0)
    x = drawn(mixture, 0, 0.0, 4000, 24, torch.Generator().manual_seed(0))
    real = of_class(0, 4000)
    torch.testing.assert_close(x.mean(0), real.mean(0), rtol=0, atol=0.03)
    assert spread(x) == pytest.approx(own_spread(mixture, 0), rel=0.04)
    right = [float((mixture.probabilities(points).argmax(1) == 0).double().mean()) for points in (x, real)]
    assert right[0] == pytest.approx(right[1], abs=0.03)


def test_a_weight_of_minus_one_draws_all_classes():
    x = drawn(world(0), 0, -1.0, 2000, 24, torch.Generator().manual_seed(0))
    found = world(0).probabilities(x).mean(0)
    torch.testing.assert_close(found, torch.full((CLASSES,), 1 / CLASSES, dtype=torch.float64), rtol=0, atol=0.04)


def test_there_is_a_row_for_every_weight():
    rows = exact(0, Scale(seeds=1, options={"weights": (0.0, 3.0), "points": 200, "steps": 24}))
    assert [row["weight"] for row in rows] == [0.0, 3.0] and rows[0]["variety"] == pytest.approx(1, abs=0.2)
    assert rows[1]["accuracy"] > rows[0]["accuracy"]


def made_up(gain: float, loss: float, world: str = EXACT) -> list[dict]:
    """Three seeds with and without."""
    return [
        {"world": world, "weight": weight, "seed": seed, "accuracy": 80 + seed + (gain + seed / 9) * weight / 2, "variety": 1 - (loss + seed / 99) * weight / 2}
        for weight in (0.0, 2.0)
        for seed in (0, 1, 2)
    ]


def test_the_verdict_follows_gain_and_loss():
    assert judge(made_up(10, 0.3)).word == "supported"
    assert judge(made_up(10, 0.3) + made_up(-10, 0.3, TRAINED)).word == "depends on"
    assert judge(made_up(-10, -0.3)).word == "not supported here"


def test_each_world_has_its_expectations_at_a_weight_that_both_scales_measure():
    assert list(expectations(made_up(10, 0.3)).values()) == [True, True]
    assert list(expectations(made_up(10, 0.3) + made_up(3, 0.1, TRAINED)).values()) == [True, False, True, False]
    assert list(expectations(made_up(4.95, 0.195)).values()) == [None, None]
    assert "at least 5 points (exact mixture), which did not hold" in judge(made_up(3, 0.1)).sentence
    assert all({0.0, USUAL} <= set(scale["weights"]) and EXACT in scale["worlds"] for scale in (STUDY.quick, STUDY.full))
