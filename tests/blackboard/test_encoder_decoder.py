"""The encoder-decoder equals the blackboard (3.2), in values and in the gradient of every parameter."""

import pytest
import torch

from workings.blackboard.encoder_decoder import encoder_decoder, translation_loss
from workings.models.encoder_decoder import EncoderDecoder
from workings.models.encoder_settings import EncoderDecoderSettings
from workings.models.settings import TransformerSettings

MARIAN = dict(position="sinusoidal-halves", placement="post", biases="all", embedding_scale="sqrt(D)", phi="silu")
STYLES = {
    "marian": (MARIAN, dict(shared=True, logit_bias=True)),
    "marian-apart": (MARIAN | dict(embedding_scale="1"), dict(shared=False, logit_bias=True)),
    "vaswani": (dict(position="sinusoidal", placement="post", biases="all", phi="relu"), dict(shared=True, logit_bias=False)),
    "lecture": (
        dict(position="lecture", value="shared", normalize="attention", tau="1/sqrt(D)", placement="lecture", residuals="one", phi="relu", biases="lecture"),
        dict(shared=False, logit_bias=False),
    ),
    "modern": (dict(position="rotary", phi="gated", biases="none", norm="rms", heads=4, key_value_heads=2), dict(shared=False, logit_bias=False)),
}


def random_model(style: str, **target) -> tuple[EncoderDecoder, dict]:
    """A model of tiny prime sizes, its halves of different depths, every parameter random, in float64; and its parameters by name."""
    torch.manual_seed(len(style))
    switches, choices = STYLES[style]
    sizes = dict(context=17, width=7, head_width=4) | dict(heads=3) | switches
    words = 13 if choices["shared"] else 11
    settings = EncoderDecoderSettings(
        encoder=TransformerSettings(**sizes, vocabulary=words, layers=1, ff_width=5, causal=False),
        decoder=TransformerSettings(**sizes, vocabulary=13, layers=2, ff_width=11, cross_attention=True, **target),
        start=12,
        end=0,
        padding=12,
        **choices,
    )
    model = EncoderDecoder(settings).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.6)
    return model, dict(model.named_parameters())


@pytest.mark.parametrize("style", STYLES)
def test_logits_and_gradients_are_those_of_the_blackboard(style):
    model, parameters = random_model(style, tied=style != "modern")
    source, target = [3, 10, 7, 1, 4], [12, 6, 0, 9]
    fast = model(torch.tensor([source]), torch.tensor([target]))[0]
    slow = torch.stack(encoder_decoder(source, target, parameters, model.settings))
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-9)
    direction = torch.randn(fast.shape, dtype=torch.float64)
    gradients = [torch.autograd.grad((logits * direction).sum(), list(parameters.values())) for logits in (fast, slow)]
    for name, one, other in zip(parameters, *gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"gradient of {name}: {text}")


@pytest.mark.parametrize("style", STYLES)
def test_a_padded_batch_gives_each_pair_what_the_blackboard_gives_it_alone(style):
    model, parameters = random_model(style)
    sources, targets = torch.randint(11, (3, 5)), torch.randint(13, (3, 4))
    seen = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 1, 1, 0]], dtype=torch.bool)
    written = torch.tensor([[1, 1, 1, 1], [0, 0, 1, 1], [1, 1, 1, 0]], dtype=torch.bool)
    logits = model(sources, targets, source_visible=seen, target_visible=written)
    for row in range(3):
        alone = torch.stack(encoder_decoder(sources[row][seen[row]].tolist(), targets[row][written[row]].tolist(), parameters, model.settings))
        torch.testing.assert_close(logits[row][written[row]], alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("style", STYLES)
def test_the_decoder_with_a_cache_says_what_it_says_without_and_rows_may_share_a_source(style):
    model, _ = random_model(style)
    sources, targets = torch.randint(11, (2, 5)), torch.randint(13, (6, 4))
    seen = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], dtype=torch.bool)
    with torch.inference_mode():
        whole = model(sources.repeat_interleave(3, 0), targets, source_visible=seen.repeat_interleave(3, 0))
        memory, cache = model.encode(sources, seen), model.decoder.new_cache(6, 4)
        pieces = [model.decode(piece, memory, seen, cache=cache) for piece in targets.split([1, 2, 1], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=1e-9, atol=1e-9)


def test_the_memory_is_read_once_and_stays_when_rows_change_places():
    model, _ = random_model("marian")
    asked = []
    for block in model.decoder.blocks:
        block.cross.key.register_forward_hook(lambda *_: asked.append(1))
    with torch.inference_mode():
        memory, cache = model.encode(torch.randint(11, (2, 5))), model.decoder.new_cache(2, 4)
        before = model.decode(torch.tensor([[12], [12]]), memory, cache=cache)
        kept = [cache.memory[layer] for layer in (0, 1)]
        cache.reorder(torch.tensor([0, 0, 1, 1]))
        after = model.decode(torch.randint(13, (4, 1)), memory, cache=cache)
    assert len(asked) == 2 and after.shape == (4, 1, 13) and before.shape == (2, 1, 13)
    assert all(cache.memory[layer] is pair for layer, pair in enumerate(kept))


def test_attention_over_the_source_is_recorded_as_a_distribution_over_its_visible_tokens():
    model, _ = random_model("marian")
    record, seen = {}, torch.tensor([[1, 1, 1, 0, 0]], dtype=torch.bool)
    model(torch.randint(11, (1, 5)), torch.randint(13, (1, 4)), source_visible=seen, record=record)
    for layer in (0, 1):
        a = record["decoder"][f"cross.{layer}"]
        assert a.shape == (1, 3, 4, 5) and (a[..., 3:] == 0).all()
        torch.testing.assert_close(a.sum(-1), torch.ones(1, 3, 4, dtype=torch.float64))


def test_the_loss_is_the_negative_log_probability_of_the_target_with_its_end():
    model, parameters = random_model("marian")
    source, target = [3, 10, 7], [6, 9, 2]
    logits = model(torch.tensor([source]), torch.tensor([[12, *target]]))[0]
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([*target, 0]), reduction="sum")
    torch.testing.assert_close(translation_loss(source, target, parameters, model.settings), expected, rtol=1e-9, atol=1e-9)
