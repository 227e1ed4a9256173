"""Lines to recall, models of one size, and what an oracle recalls (statement 6.2c)."""

import random
from types import SimpleNamespace

import pytest
import torch

from workings.data.tokenizers import train_tokenizer
from workings.models.build import build
from workings.models.settings import RecurrentSettings, TransformerSettings
from workings.studies.recall import FALLS_AT, HEADS, LETTERS, MODELS, NEAR, STUDY, expectations, judge, line, recalled, text, width_of


def test_the_letter_comes_again_after_that_many_characters_and_nothing_else_tells_it():
    for distance in (4, 7, 23):
        made = line(distance, random.Random(distance))
        assert len(made) == distance + 1 and made[0] == made[-1] and made[0] in LETTERS and made[-2] == "?"
        assert set(made[1:-2]) <= {"0", "1"}


def test_a_text_has_every_character_and_only_the_distances_that_were_asked_for():
    made = text([5, 11], 300, 0)
    assert set(made) == {*LETTERS, "0", "1", "?", "\n"}
    assert {len(one) - 1 for one in made.splitlines()[len(LETTERS) :]} == {5, 11}


def test_models_have_as_many_parameters_within_three_percent():
    sizes = {}
    for name in MODELS:
        common = dict(vocabulary=20, width=width_of(name), layers=2, context=7)
        model = build(TransformerSettings(**common, heads=HEADS) if name == "transformer" else RecurrentSettings(**common, cell=name))
        sizes[name] = sum(parameter.numel() for parameter in model.parameters())
    assert max(sizes.values()) / min(sizes.values()) < 1.03, sizes


def a_model(answer):
    """What `workings.load` gives, with a model that answers a row of tokens [T] with one token."""
    tokenizer = train_tokenizer("character", [text([4], 50, 0)], 0)

    def model(rows: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.nn.functional.one_hot(answer(row), tokenizer.size).float().expand(len(row), -1) for row in rows])

    return SimpleNamespace(model=model, tokenizer=tokenizer)


def test_who_looks_at_the_first_letter_recalls_all_and_who_says_one_letter_only_chance():
    assert recalled(a_model(lambda row: row[0]), 9, 50, seed=1) == 1
    tokenizer = a_model(None).tokenizer
    always = recalled(a_model(lambda row: tokenizer.encode("c").long()[0]), 9, 800, seed=1)
    assert always == pytest.approx(1 / len(LETTERS), abs=0.03)


@pytest.mark.parametrize(
    ("far", "near", "word"), [(0.5, 1.0, "supported"), (1.0, 1.0, "not supported here"), (1.0, 1.2, "not supported here"), (1.2, 0.5, "depends on")]
)
def test_the_verdict_is_about_the_greatest_distance_unless_the_transformer_is_ahead_at_another(far, near, word):
    """far, near: what the GRU recalls of what the transformer does."""
    rows = []
    for seed in range(3):
        for model in MODELS:
            part = {"transformer": (0.8, 0.8), "gru": (0.8 * far, 0.8 * near)}.get(model, (0.1, 0.1))
            rows += [{"model": model, "seed": seed, "distance": d, "recalled": p, "parameters": 7} for d, p in zip((64, 4), part, strict=True)]
    verdict = judge(rows)
    assert verdict.word == word and verdict.estimate == pytest.approx(0.8 - 0.8 * far)
    assert ("gru 4" in verdict.sentence) == (far == 0.5) and ("more was asked" in verdict.sentence) == (word != "supported")
    assert ("for certain at 4" in verdict.sentence) == (word == "depends on")


@pytest.mark.parametrize("scale", [STUDY.quick, STUDY.full])
def test_both_scales_measure_what_the_hypothesis_is_about(scale):
    assert {NEAR, FALLS_AT} <= set(scale["distances"])


def test_what_was_expected_holds_does_not_or_is_not_settled():
    def rows(noise: float, **parts: tuple[float, float, float]) -> list[dict]:
        places = (NEAR, FALLS_AT, 64)
        given = dict.fromkeys(MODELS, (1.0, 0.5, 0.3)) | {"transformer": (1.0, 1.0, 1.0)} | parts
        return [
            {"model": m, "seed": s, "distance": d, "recalled": p + noise * s}
            for m, all in given.items()
            for d, p in zip(places, all, strict=True)
            for s in (0, 1)
        ]

    assert list(expectations(rows(0.0, rnn=(1.0, 0.1, 0.1))).values()) == [True, True, True, True]
    assert list(expectations(rows(0.0, transformer=(1.0, 1.0, 0.9), gru=(0.8, 0.8, 0.8))).values()) == [False, False, False, False]
    assert list(expectations(rows(-0.2, rnn=(1.0, 0.3, 0.1))).values()) == [None, None, None, None]
