"""Prompts read without padding say what the model says, leave the same keys and values, and are written on from as if read at once."""

import pytest
import torch

from tests.blackboard.test_switches import covering_rows, numbers
from tests.generation.models import randomize, switch_model
from workings.data.tokenizers import CharacterTokenizer
from workings.generation import reading
from workings.generation.decoder import Decoder
from workings.generation.settings import WriteSettings
from workings.generation.step import WholeDecoder, prepare, whole
from workings.generation.write import write
from workings.layers.fast import packed
from workings.layers.fast.compiler import library
from workings.models.build import build
from workings.models.settings import TransformerSettings

needs = pytest.mark.skipif(not packed.available() or library() is None, reason="no C compiler, or no oneDNN product for matrices that stay")
SIZES = dict(vocabulary=13, context=150, width=20, layers=2, heads=4, head_width=16, ff_width=12, causal=True, cross_attention=False)
TEXTS = {"one": [97], "even": [40, 40], "ragged": [130, 1, 64, 65, 17, 8]}
CHOICES = {
    "gpt": dict(position="learned", biases="all", norm="layer", phi="gelu-tanh"),
    "llama": dict(position="rotary", biases="none", norm="rms", phi="gated", key_value_heads=2),
    "window": dict(position="rotary", window=19, key_value_heads=1),
    "narrow window": dict(position="learned", window=1, phi="relu", embedding_scale="sqrt(D)"),
    "qwen": dict(position="rotary", norm="rms", query_key_norm=True, key_value_heads=2, biases="qkv", tied=False, window=33),
    "lecture's": dict(value="shared", tau="learned", position="sinusoidal", phi="gelu", biases="lecture", embedding_norm=True, segments=2),
    "one layer": dict(layers=1, position="sinusoidal-halves", phi="silu", biases="attention", tau="1", query_key_norm=True, position_offset=0),
    "scaled": dict(position="rotary", rope_scaling="llama3", rope_factor=4.0, rope_original_context=64, tau="1/sqrt(D)", norm="rms", phi="silu"),
}


def texts_of(lengths: list[int]) -> list[list[int]]:
    generator = torch.Generator().manual_seed(len(lengths))
    return [torch.randint(13, (length,), generator=generator).tolist() for length in lengths]


def model_of(**choices) -> torch.nn.Module:
    """Random weights, in two layers of a few heads."""
    return randomize(build(TransformerSettings(**(SIZES | choices))))


def compare(model: torch.nn.Module, texts: list[list[int]], rtol: float = 1e-4, atol: float = 1e-5) -> WholeDecoder:
    """The decoder after it has read as the model does: logits, and all keys and values that can be seen."""
    fast, plain = prepare(model), Decoder(model)
    assert isinstance(fast, WholeDecoder)
    said, wanted = fast.read(texts, 5), plain.read(texts, 5)
    assert fast.reader is not None
    torch.testing.assert_close(said, wanted, rtol=rtol, atol=atol * float(wanted.abs().max().clamp(min=1)))
    assert fast.length == plain.length == max(map(len, texts))
    for pair, key, value in zip(fast.cache.layers, plain.cache.keys, plain.cache.values, strict=True):
        both = torch.cat((key, value), 1).float()
        for row, text in enumerate(texts):
            seen = slice(fast.length - len(text), fast.length)
            torch.testing.assert_close(pair.both[:, row, seen], both[row, :, seen], rtol=rtol, atol=atol * float(both.abs().max().clamp(min=1)))
            assert not pair.both[:, row, : seen.start].any() and not pair.both[:, row, seen.stop :].any()
    return fast


@pytest.fixture(autouse=True)
def short_prompts_too(monkeypatch):
    """What is worth packing elsewhere is longer than what is tested here."""
    monkeypatch.setattr(reading, "WORTH_PACKING", 0)


@needs
@pytest.mark.parametrize("texts", TEXTS)
@pytest.mark.parametrize("name", CHOICES)
def test_a_prompt_is_read_as_the_model_reads_it(name, texts):
    compare(model_of(**CHOICES[name]).float(), texts_of(TEXTS[texts]))


@needs
@pytest.mark.parametrize("number", range(4))
def test_it_is_read_so_for_all_triples_of_switches_that_it_takes(number):
    taken = 0
    for choices in covering_rows(3)[number::4]:
        fixed = dict(causal=True, cross_attention=False, placement="pre", residuals="two", normalize="all", attend="x", value_activation="none")
        model = switch_model(SIZES | numbers(choices) | fixed).float()
        assert whole(model.settings) and reading.fits(model)
        compare(model, texts_of([23, 5]))
        taken += 1
    assert taken


@needs
@pytest.mark.parametrize("name", CHOICES)
def test_in_bfloat16_only_what_enters_products_is_rounded(name):
    model, texts = model_of(**CHOICES[name]).float(), texts_of([50, 9])
    exact = Decoder(model).read(texts, 1)
    short = model.bfloat16()
    said, plain = prepare(short).read(texts, 1), Decoder(short).read(texts, 1)
    assert (said - exact).std() < max(0.05 * exact.std(), 1.5 * (plain - exact).std())


@needs
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_reading_then_stepping_equals_reading_all_at_once(dtype):
    for name in ("gpt", "qwen", "lecture's"):
        model, texts = model_of(**CHOICES[name]).to(dtype), texts_of([70, 31])
        decoder = prepare(model)
        decoder.read([text[:-4] for text in texts], 4)
        for place in range(-4, 0):
            said = decoder.step(torch.tensor([text[place] for text in texts]))
        close = dict(rtol=1e-3, atol=1e-3) if dtype == torch.float32 else dict(rtol=0.1, atol=0.15 * float(said.std()))
        torch.testing.assert_close(said, prepare(model).read(texts), **close)


@needs
def test_a_text_does_not_hear_what_is_read_beside_it():
    model, (first, second) = model_of(**CHOICES["qwen"]).float(), texts_of([90, 33])
    together = prepare(model).read([first, second])
    torch.testing.assert_close(prepare(model).read([second])[0], together[1], rtol=1e-4, atol=1e-4)


@needs
@pytest.mark.parametrize("name", ["gpt", "llama", "window"])
def test_the_text_that_is_written_stays_the_same(name):
    model, letters = model_of(**CHOICES[name]).float(), CharacterTokenizer("abcdefghijklm")
    settings = WriteSettings(tokens=60, temperature=0.0)
    prompts = ["abcdefghijkl" * 9, "ml"]
    fast, plain = (write(model, letters, prompts, settings, decoder=decoder) for decoder in (prepare(model), Decoder(model)))
    assert [row.text for row in fast] == [row.text for row in plain]


@needs
def test_matrices_are_packed_at_the_first_prompt_that_is_worth_it(monkeypatch):
    monkeypatch.setattr(reading, "WORTH_PACKING", 64)
    decoder = prepare(model_of(**CHOICES["gpt"]).float())
    decoder.read(texts_of([32, 31]))
    assert decoder.reader is None
    decoder.read(texts_of([32, 32]))
    assert decoder.reader is not None


@needs
def test_in_8_bits_a_prompt_is_still_read_in_the_precision_of_the_model():
    model, texts = model_of(**CHOICES["llama"]).float(), texts_of([40])
    torch.testing.assert_close(prepare(model, "int8").read(texts), Decoder(model).read(texts), rtol=1e-4, atol=1e-4)


@needs
def test_autocast_around_it_changes_nothing():
    decoder, texts = prepare(model_of(**CHOICES["gpt"]).float()), texts_of([40])
    wanted = decoder.read(texts)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(decoder.read(texts), wanted)


@pytest.mark.parametrize("left_out", ["products", "kernels", "narrow heads"])
def test_elsewhere_the_model_itself_reads(left_out, monkeypatch):
    if left_out == "products":
        monkeypatch.setattr(packed, "available", lambda: False)
    if left_out == "kernels":
        monkeypatch.setattr(reading, "library", lambda: None)
    model, texts = model_of(**CHOICES["gpt"], **dict(head_width=12 if left_out == "narrow heads" else 16)).float(), texts_of([80, 2])
    decoder = prepare(model)
    torch.testing.assert_close(decoder.read(texts), Decoder(model).read(texts))
    assert getattr(decoder, "reader", None) is None
