"""Translating: together as alone, cached as without a cache, in order, drawn by a seed; sources of like length meet in a batch."""

import pytest
import torch

from workings.data.tokenizers import CharacterTokenizer
from workings.generation.parts import cut
from workings.generation.sampling import uniforms
from workings.generation.translate import ROWS, TranslationSteps, batches, search, translate
from workings.generation.translate_settings import TranslateSettings
from workings.models.encoder_decoder import EncoderDecoder
from workings.models.encoder_settings import EncoderDecoderSettings
from workings.models.settings import TransformerSettings

LETTERS = CharacterTokenizer("\nabcdefghijklmnopqrstu ")  # 23 tokens, of which the first ends a text
STYLES = {
    "marian": dict(position="sinusoidal-halves", placement="post", biases="all", embedding_scale="sqrt(D)", phi="silu"),
    "modern": dict(position="rotary", phi="gated", norm="rms", heads=4, key_value_heads=2),
    "lecture": dict(position="lecture", value="shared", normalize="attention", tau="1/sqrt(D)", placement="lecture", residuals="one", phi="relu"),
}
SOURCES = [[5, 9, 2], [7], [3, 3, 8, 1, 20, 4, 6, 11], [14, 2], [1, 2, 3, 4, 5]]


def random_model(style: str = "marian", seed: int = 0, dtype: torch.dtype = torch.float64, **changes) -> EncoderDecoder:
    """A small model whose every number is random and that ends a text after some tokens."""
    torch.manual_seed(seed)
    sizes = dict(vocabulary=23, context=40, width=12, layers=2, heads=3, head_width=4, ff_width=11) | STYLES[style] | changes
    halves = dict(encoder=TransformerSettings(**sizes, causal=False), decoder=TransformerSettings(**sizes, cross_attention=True))
    model = EncoderDecoder(EncoderDecoderSettings(**halves, logit_bias=True, start=22, end=0, padding=22)).to(dtype).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(std=0.5).add_(1.0 if name.endswith("norm.weight") else 0.0)
        model.logit_bias[0] += 3.0
    return model


def naive_greedy(model: EncoderDecoder, source: list[int], tokens: int) -> list[int]:
    """Without a cache, as it is defined."""
    target = [22]
    while len(target) <= tokens and (token := int(model(torch.tensor([source]), torch.tensor([target]))[0, -1].argmax())) != 0:
        target.append(token)
    return target[1:]


def log_probability(model: EncoderDecoder, source: list[int], target: list[int]) -> float:
    """Of a whole target, in one pass."""
    logits = model(torch.tensor([source]), torch.tensor([[22, *target[:-1]]]))[0]
    return logits.log_softmax(-1).gather(1, torch.tensor(target)[:, None]).sum().item()


@pytest.mark.parametrize("style", STYLES)
def test_greedy_is_the_likeliest_token_at_each_place(style):
    lengths = set()
    for seed in range(4):
        model = random_model(style, seed)
        found = search(TranslationSteps(model), SOURCES, TranslateSettings(beam=1, tokens=20))
        assert [hypothesis.tokens for (hypothesis,) in found] == [naive_greedy(model, source, 20) for source in SOURCES]
        lengths |= {len(hypothesis.tokens) for (hypothesis,) in found}
    assert len(lengths) > 1 or style == "lecture"  # whose positions drown the words


CHOICES = [dict(beam=1), dict(beam=4, nbest=3), dict(beam=3, stopping="exact", length_penalty=0.5), dict(beam=1, temperature=2.0, seed=3)]


@pytest.mark.parametrize("choices", CHOICES, ids=str)
@pytest.mark.parametrize("style", STYLES)
def test_sentences_together_are_translated_as_each_alone_and_score_as_in_one_pass(style, choices):
    model, settings = random_model(style), TranslateSettings(tokens=20, **choices)
    steps = TranslationSteps(model)
    together = search(steps, SOURCES, settings)
    for source, found in zip(SOURCES, together, strict=True):
        (alone,) = search(steps, [source], settings)
        assert [h.tokens for h in found] == [h.tokens for h in alone]
        for h in found:
            target = [*h.tokens, 0] if h.ended else h.tokens
            assert h.logprob == pytest.approx(log_probability(model, source, target), rel=1e-4, abs=1e-3)
            assert h.score == pytest.approx(h.logprob / len(target) ** settings.length_penalty)


def test_drawing_follows_the_seed_and_the_distribution():
    model = random_model()
    steps = TranslationSteps(model)
    drawn = {seed: search(steps, SOURCES, TranslateSettings(beam=1, temperature=1.0, seed=seed)) for seed in (1, 2)}
    assert drawn[1] == search(steps, SOURCES, TranslateSettings(beam=1, temperature=1.0, seed=1)) != drawn[2]
    first = steps.read([[5]], 1).double().softmax(-1).cumsum(-1)
    for seed in range(20):
        ((h,),) = search(steps, [[5]], TranslateSettings(beam=1, temperature=1.0, seed=seed, tokens=1))
        assert [*h.tokens, 0][0] == int(torch.searchsorted(first[0], uniforms(seed, 0, 1), right=True))


def test_no_more_tokens_are_written_than_the_model_has_places_for():
    model = random_model(position="learned", context=6)
    ((h,),) = search(TranslationSteps(model), [[3, 4]], TranslateSettings(beam=2, tokens=500, bad_words=((0, 0),), length_penalty=9.0))
    assert len(h.tokens) <= 6


def test_texts_come_back_in_their_order_blank_ones_blank_and_as_they_are_wanted():
    steps, settings = TranslationSteps(random_model()), TranslateSettings(beam=2, tokens=9, nbest=2)
    texts = ["abc", "", "k", "the cat is on the roof", "  ", "ba"] * 3
    found = list(translate(steps, LETTERS, texts, settings))
    assert [one.source for one in found] == texts
    for one in found:
        if one.source.strip():
            (hypotheses,) = search(steps, [[*LETTERS.encode(one.source).tolist(), 0]], settings)
            assert [t.text for t in one.translations] == [LETTERS.decode(h.tokens) for h in hypotheses]
        else:
            assert one.text == ""
    endless = translate(steps, LETTERS, iter(lambda: "abc", None), TranslateSettings(beam=ROWS, tokens=2))
    assert next(endless).source == "abc"


def test_a_text_that_is_too_long_is_translated_in_parts_each_as_it_is_alone():
    steps, settings = TranslationSteps(random_model()), TranslateSettings(beam=2, tokens=10)
    long = "abc de fgh ij " * 5
    short, found, last = translate(steps, LETTERS, ["b", long, "cd"], settings)
    parts = cut(long, lambda part: len(part) + 1 <= 20)
    assert short.parts == last.parts == 1 and found.parts == len(parts) > 2
    alone = [one.translations[0] for one in translate(steps, LETTERS, parts, settings)]
    (whole,) = found.translations
    assert whole.text == " ".join(part.text for part in alone) and whole.tokens == [token for part in alone for token in part.tokens]
    assert whole.logprob == pytest.approx(sum(part.logprob for part in alone))


def test_parts_fit_and_together_are_the_text():
    text = "One sentence, with a comma. " * 7 + "w" * 90 + " 雪が降る。とても寒い。" * 9
    parts = cut(text, lambda part: len(part) <= 30)
    assert all(0 < len(part) <= 30 for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_batches_hold_texts_of_like_length_and_every_one_once():
    lengths = [3, 0, 700, 5, 4, 4, 900, 3, 0, 2000]
    found = list(batches(lengths, 3))
    assert sorted(place for batch in found for place in batch) == [0, 2, 3, 4, 5, 6, 7, 9]
    assert all(len(batch) <= 3 and (len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= 4096) for batch in found)
    assert [lengths[place] for batch in found for place in batch] == sorted((n for n in lengths if n), reverse=True)
