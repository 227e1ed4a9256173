"""What reaches the first layer of a gradient, where it is known (statement 1.1e)."""

import pytest
from torch import nn

from workings.models.build import build
from workings.studies import residuals
from workings.studies.residuals import AT, PLACEMENTS, SHALLOW, STUDY, TRAINED_AT, conditions, expectations, gradient_left, judge

SWITCHES = dict(residuals="one", placement="lecture", normalize="attention", position="rotary", initialization="fan-in", layers=3)


def test_all_of_it_is_left_in_one_layer():
    for name in ("one", "none"):
        assert gradient_left(0, SWITCHES | dict(residuals=name, layers=1)) == 1


def test_layers_that_say_nothing_let_all_of_it_pass_where_there_is_a_residual_and_none_where_there_is_none(monkeypatch):
    def silent(settings) -> nn.Module:
        model = build(settings)
        for block in list(model.blocks)[1:]:
            for parameter in block.feed_forward.down.parameters():
                nn.init.zeros_(parameter)
        return model

    monkeypatch.setattr(residuals, "build", silent)
    assert gradient_left(0, SWITCHES) == pytest.approx(1, rel=1e-6)
    assert gradient_left(0, SWITCHES | dict(residuals="none")) == 0


@pytest.mark.parametrize("scale", [STUDY.quick, STUDY.full])
def test_both_scales_measure_what_the_hypothesis_is_about(scale):
    measured = {(one["asked"], one["depth"]) for one in conditions(scale)}
    assert {("start", AT), ("trained", TRAINED_AT), ("trained", SHALLOW)} <= measured


def rows(kept: float, gain: float) -> list[dict]:
    """Gradients that are kept whole with residuals, and so much without; losses that differ by the gain, and at greater depths by 9."""
    made = []
    for seed in range(3):
        for name, left, loss in (("one", 1.0, 2.0), ("none", kept, 2 + gain)):
            for norms in PLACEMENTS.values():
                made.append({"asked": "start", "residuals": name, "norms": norms, "depth": AT, "seed": seed, "gradient": left})
                made.append(made[-1] | {"depth": 2 * AT, "gradient": 1 / left})
            for depth in (SHALLOW, TRAINED_AT, 2 * TRAINED_AT):
                cost = 9 * (name == "none") if depth > TRAINED_AT else 0.1 * seed
                made.append({"asked": "trained", "residuals": name, "norms": "before both parts", "depth": depth, "seed": seed, "loss": loss + cost})
    return made


@pytest.mark.parametrize(
    ("kept", "gain", "word"),
    [(1e-4, 0.3, "supported"), (1e4, 0.3, "supported"), (1e-4, 0.0, "depends on"), (1.0, 0.3, "depends on"), (1.0, -0.3, "not supported here")],
)
def test_the_verdict_asks_for_the_gradient_and_for_what_is_learned(kept, gain, word):
    verdict = judge(rows(kept, gain))
    assert verdict.word == word and verdict.estimate == pytest.approx(gain)


def test_what_was_expected_holds_does_not_or_is_not_settled():
    assert list(expectations(rows(1e-4, 0.3)).values()) == [True, True, None, True, False]
    assert list(expectations(rows(0.5, 0.05)).values()) == [False, True, None, False, True]
    softer = [row | ({"gradient": 1.0} if row["norms"] == "before both parts" and "gradient" in row else {}) for row in rows(1e-4, 0.3)]
    assert list(expectations(softer).values()) == [True, True, True, True, False]
