"""The fast step says what the model says with its cache; where it does not apply, the plain one is chosen."""

import pytest
import torch

from tests.generation.test_translate import SOURCES, STYLES, random_model
from workings.generation.translate import TranslationSteps, search
from workings.generation.translate_settings import TranslateSettings
from workings.generation.translate_step import FastTranslationSteps, prepare_steps
from workings.layers.fast.compiler import library

pytestmark = pytest.mark.skipif(library() is None, reason="no C compiler")


def said(steps: TranslationSteps) -> list[torch.Tensor]:
    """Logits of reading, of steps, of rows copied within their sentences, and after a sentence has left."""
    generator = torch.Generator().manual_seed(0)
    logits = [steps.read(SOURCES, 30)]
    for rows, sentences in [(range(5), None), ([0, 0, 1, 1, 2, 2, 3, 3, 4, 4], None), ([1, 0, 5, 5, 9, 8], torch.tensor([0, 2, 4]))] + [(range(6), None)] * 20:
        steps.reorder(torch.tensor(rows), sentences)
        logits.append(steps.step(torch.randint(1, 22, (len(rows),), generator=generator)))
    return logits


@pytest.mark.parametrize("changes", [dict(), dict(phi="relu"), dict(phi="gelu", embedding_scale="1", position="sinusoidal"), dict(position="learned")], ids=str)
def test_the_fast_step_says_what_the_model_says(changes):
    model = random_model(dtype=torch.float32, **changes)
    fast = prepare_steps(model)
    assert type(fast) is FastTranslationSteps
    for one, other in zip(said(fast), said(TranslationSteps(model)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("quantize", ["bfloat16", "int8"])
def test_smaller_weights_change_the_logits_a_little(quantize):
    model = random_model(dtype=torch.float32)
    steps = prepare_steps(model, quantize)
    for one, other in zip(said(steps), said(TranslationSteps(model)), strict=True):
        assert 0 < (one - other).std() < 0.05 * other.std()
    assert {steps.memory[0].kept.dtype, steps.written.layers[0].dtype} == {torch.bfloat16}


@pytest.mark.parametrize("choices", [dict(beam=1), dict(beam=4, nbest=4), dict(beam=1, temperature=1.0)], ids=str)
def test_translations_are_the_same(choices):
    model = random_model(dtype=torch.float32)
    fast, plain = (search(steps, SOURCES, TranslateSettings(tokens=25, **choices)) for steps in (prepare_steps(model), TranslationSteps(model)))
    for one, other in zip(fast, plain, strict=True):
        assert [h.tokens for h in one] == [h.tokens for h in other]
        assert [h.score for h in one] == pytest.approx([h.score for h in other], abs=1e-4)


def test_it_is_left_out_where_it_does_not_apply(monkeypatch):
    assert type(prepare_steps(random_model())) is TranslationSteps  # float64
    for style in set(STYLES) - {"marian"}:
        assert type(prepare_steps(random_model(style, dtype=torch.float32))) is TranslationSteps
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert type(prepare_steps(random_model(dtype=torch.float32))) is TranslationSteps


def test_preparing_changes_no_weight():
    model = random_model(dtype=torch.float32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    search(prepare_steps(model, "int8"), SOURCES, TranslateSettings(beam=2, tokens=5))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
