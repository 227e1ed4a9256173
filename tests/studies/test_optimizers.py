"""The study of optimizers counts the steps that are known, and judges made-up ones as it says."""

import pytest
import torch

from workings.blackboard.optimizers import contraction, steps_until
from workings.studies.optimizers import PART, PICTURES, RATES, STUDY, curvature, expectations, expected, judge, steps_down, ways


def test_the_curvatures_are_those_of_the_condition_number():
    values = torch.linalg.eigvalsh(curvature(50.0, 1))
    assert float(values.max()) == pytest.approx(1.0) and float(values.max() / values.min()) == pytest.approx(50.0)
    torch.testing.assert_close(values[1:] / values[:-1], torch.full((15,), 50 ** (1 / 15), dtype=torch.float64))


def test_gradient_descent_takes_about_the_steps_of_the_closed_form_and_momentum_fewer():
    (plain,), (momentum,) = ways("gradient descent", 100.0), ways("momentum", 100.0)
    steps = steps_down(plain, 100.0, 0, 2000)
    assert steps == pytest.approx(expected("gradient descent", "condition 100")["expected"], rel=0.25)
    assert expected("gradient descent", "condition 100")["expected"] == pytest.approx(steps_until(PART**0.5, contraction(100.0)))
    assert steps_down(momentum, 100.0, 0, 2000) < steps / 2
    assert expected("adam", "condition 100") == expected("momentum", "pictures") == {}


def test_a_rate_that_is_too_high_never_gets_there():
    (plain,) = ways("gradient descent", 10.0)
    assert steps_down(type(plain)(name="sgd", momentum=0.0, rate=2.5, weight_decay=0.0), 10.0, 0, 300) == 300


def test_every_optimizer_on_pictures_has_rates():
    assert PICTURES.keys() == RATES.keys()


def rows(adam: tuple[int, ...], momentum: tuple[int, ...] = (80, 81, 80), muon: tuple[int, ...] = (50, 52, 50), descent: float = 350.0) -> list[dict]:
    """Steps of three seeds; plain stochastic descent needs 100 on pictures."""
    made = []
    for seed in range(3):
        quadratic = {"gradient descent": (descent, 350.0), "momentum": (60.0, 35.0), "adam": (100.0, None), "muon": (80.0, None)}
        for name, (steps, known) in quadratic.items():
            made.append({"problem": "condition 100", "optimizer": name, "seed": seed, "steps": steps} | ({"expected": known} if known else {}))
        pictures = {"gradient descent": 95 + seed, "stochastic": 100, "momentum": momentum[seed], "adam": adam[seed], "muon": muon[seed]}
        made += [{"problem": "pictures", "optimizer": name, "seed": seed, "steps": steps, "looks": 5} for name, steps in pictures.items()]
    return made


def test_each_of_the_three_has_to_gain_and_the_number_is_that_of_the_least_sure():
    verdict = judge(rows((40, 41, 40)))
    assert verdict.word == "supported" and verdict.estimate == pytest.approx(100 / (80 * 81 * 80) ** (1 / 3)) and "for momentum" in verdict.unit
    assert "looked at after every 5 steps" in verdict.sentence
    unsure = judge(rows((150, 99, 60)))
    assert unsure.word == "depends on" and "adam is not settled" in unsure.sentence and "for adam" in unsure.unit
    assert judge(rows((150, 99, 60), (120, 121, 120), (100, 100, 100))).word == "not supported here"
    assert "momentum is slower" in judge(rows((40, 41, 40), (120, 121, 120))).sentence


def test_each_part_of_the_hypothesis_holds_or_does_not_or_is_not_settled():
    assert list(expectations(rows((40, 41, 40))).values()) == [True, True, True, True]
    assert list(expectations(rows((60, 61, 60), muon=(70, 71, 70), descent=100.0)).values()) == [False, False, False, True]
    assert list(expectations(rows((20, 61, 60), muon=(70, 71, 70))).values()) == [True, True, None, True]


def test_the_condition_number_of_the_hypothesis_is_in_both_scales():
    assert all(100 in scale["conditions"] for scale in (STUDY.quick, STUDY.full))
