"""The fast step equals the model with a cache, whatever the switches; where it does not apply, the plain decoder is chosen."""

import pytest
import torch

from tests.blackboard.test_switches import covering_rows, numbers
from tests.generation.models import preset_model, switch_model
from workings.data.tokenizers import CharacterTokenizer
from workings.generation.decoder import Decoder
from workings.generation.settings import WriteSettings
from workings.generation.step import FastDecoder, prepare
from workings.generation.write import write

TEXTS = {"one": [[1, 2, 3]], "even": [[1, 2, 3], [4, 5, 6]], "ragged": [[1, 2, 3, 4, 5], [6], [7, 8, 9]]}
LETTERS = CharacterTokenizer("abcdefghijklm")


def said(decoder: Decoder, texts: list[list[int]], steps: int = 4) -> torch.Tensor:
    """Logits of reading and of some steps, with rows copied and swapped on the way: [B, steps + 1, V]."""
    rows = len(texts)
    logits = [decoder.read(texts, steps)]
    for step in range(steps):
        logits.append(decoder.step((torch.arange(rows) + 5 * step) % 13))
        if step == 1:
            decoder.reorder(torch.arange(rows).flip(0))
    return torch.stack(logits, dim=1)


@pytest.mark.parametrize("texts", TEXTS)
@pytest.mark.parametrize("number", range(4))
def test_the_fast_step_says_what_the_model_says_for_all_triples_of_switches(number, texts):
    for choices in covering_rows(3)[number::4]:
        model = switch_model(numbers(choices) | dict(causal=True, cross_attention=False)).float()
        fast = prepare(model)
        assert isinstance(fast, FastDecoder)
        torch.testing.assert_close(said(fast, TEXTS[texts]), said(Decoder(model), TEXTS[texts]), rtol=1e-4, atol=1e-4, msg=lambda text: f"{choices}: {text}")


@pytest.mark.parametrize("name", ["lecture", "lecture-plus", "gpt", "llama"])
def test_the_fast_step_writes_the_same_text_also_beyond_the_context(name):
    model = preset_model(name, vocabulary=13, dtype=torch.float32)
    settings = WriteSettings(tokens=40, samples=2)
    fast, plain = (write(model, LETTERS, ["abc", "hello".replace("o", "a")], settings, decoder=decoder) for decoder in (prepare(model), Decoder(model)))
    assert [row.text for row in fast] == [row.text for row in plain]


@pytest.mark.parametrize("quantize", ["int8", "bfloat16"])
@pytest.mark.parametrize("name", ["lecture", "lecture-plus", "gpt", "llama"])
def test_smaller_weights_change_the_logits_a_little(name, quantize):
    """The change is a few hundredths of the logits' spread, in every preset and for any batch."""
    model = preset_model(name, vocabulary=13, dtype=torch.float32)
    for texts in TEXTS.values():
        exact, rounded = said(Decoder(model), texts), said(prepare(model, quantize), texts)
        assert 0 < (rounded - exact).std() < 0.05 * exact.std()


def test_a_bfloat16_model_steps_in_bfloat16():
    model = preset_model("gpt", vocabulary=13, dtype=torch.bfloat16)
    exact = said(Decoder(preset_model("gpt", vocabulary=13, dtype=torch.float32)), TEXTS["even"])
    assert (said(prepare(model), TEXTS["even"]) - exact).std() < 0.05 * exact.std()


def test_the_fast_step_is_left_out_where_it_does_not_apply(monkeypatch):
    assert type(prepare(preset_model("gru", dtype=torch.float32))) is Decoder
    assert type(prepare(preset_model("gpt", dtype=torch.float64))) is Decoder
    assert type(prepare(switch_model(dict(cross_attention=True)).float())) is Decoder
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert type(prepare(preset_model("gpt", dtype=torch.float32))) is Decoder


def test_preparing_changes_no_weight():
    model = preset_model("llama", dtype=torch.float32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    prepare(model, "int8").read([[1, 2]], 3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@torch.inference_mode()
def test_a_step_in_the_middle_of_training_is_not_rounded_by_autocast():
    decoder = prepare(preset_model("gpt"))
    decoder.read([[1, 2, 3]], 2)
    with torch.autocast("cpu", torch.bfloat16):
        inside = decoder.step(torch.tensor([4]))
    decoder.read([[1, 2, 3]], 2)
    assert torch.equal(decoder.step(torch.tensor([4])), inside)
