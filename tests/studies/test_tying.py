"""Parameters of tied and untied models, counted (statement 2.2b)."""

import pytest

from workings.models.build import build
from workings.models.settings import TransformerSettings
from workings.studies.tying import HEADS, LAYERS, STUDY, conditions, expectations, judge, size, width_of


@pytest.mark.parametrize("tied", [True, False])
def test_the_formula_counts_the_parameters_of_the_model(tied):
    model = build(TransformerSettings(vocabulary=101, width=20, layers=LAYERS, heads=HEADS, tied=tied, norm="rms", context=7))
    assert sum(parameter.numel() for parameter in model.parameters()) == size(101, 20, tied)


@pytest.mark.parametrize("scale", [STUDY.quick, STUDY.full])
def test_a_narrower_untied_model_has_within_three_percent_as_many(scale):
    names, vocabulary, width = [one["output"] for one in conditions(scale)], scale["tokens"], scale["width"]
    sizes = {name: size(vocabulary, width_of(name, vocabulary, width), name == "tied") for name in names}
    assert sizes["untied, as many"] == pytest.approx(sizes["tied"], rel=0.03)
    assert width_of("untied, as many", vocabulary, width) < width == width_of("untied, as wide", vocabulary, width)
    assert sizes["untied, as wide"] - sizes["tied"] == vocabulary * width
    assert (vocabulary, width) == (2048, 64), "what the hypothesis is about"


def rows(wide: float, many: float, noise: float = 0.0) -> list[dict]:
    """Losses by which tying gains that at equal width and at equal parameters; noise: of the last, by the seed."""
    losses = {"tied": (100, 2.0), "untied, as wide": (160, 2 + wide), "untied, as many": (100, 2 + many)}
    made = [{"output": name, "seed": seed, "parameters": p, "loss": loss + 0.1 * seed} for name, (p, loss) in losses.items() for seed in (0, 1, 2)]
    return [row | {"loss": row["loss"] + noise * (row["seed"] - 1) * (row["output"] == "untied, as many")} for row in made]


@pytest.mark.parametrize(("wide", "many", "word"), [(0.1, 0.2, "supported"), (-0.1, 0.2, "depends on"), (-0.1, -0.2, "not supported here")])
def test_the_verdict_asks_for_both_comparisons(wide, many, word):
    verdict = judge(rows(wide, many))
    assert verdict.word == word and verdict.estimate == pytest.approx(wide) and verdict.sentence.startswith("Tying saves 38%")
    assert ("costs 0.100" in verdict.sentence) == (wide < 0) and ("was asked of both" in verdict.sentence) == (word != "supported")


def test_parameters_that_are_saved_count_where_the_loss_is_not_settled():
    verdict = judge(rows(-0.1, -0.2, noise=1.0))
    assert verdict.word == "depends on"
    assert "not settled with 3 seeds" in judge(rows(0.1, -0.2, noise=1.0)).sentence


def test_what_was_expected_holds_does_not_or_is_not_settled():
    assert list(expectations(rows(0.04, 0.04)).values()) == [True, True, True]
    assert list(expectations(rows(-0.06, 0.02)).values()) == [True, False, False]
    assert list(expectations(rows(0.04, 0.04, noise=1.0)).values()) == [True, True, None]
