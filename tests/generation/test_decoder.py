"""Cache = no cache, for every combination of switches, in pieces, ragged, reordered."""

import itertools

import pytest
import torch

from tests.blackboard.test_switches import HEADS, SWITCHES, allowed, covering_rows, numbers
from tests.generation.models import PRESETS, preset_model, switch_model
from workings.generation.decoder import Decoder

TOKENS = torch.randint(13, (2, 11), generator=torch.Generator().manual_seed(5))


def writing(choices: dict) -> dict:
    """The choices for a model that can write."""
    return numbers(choices) | dict(causal=True, cross_attention=False)


def in_pieces(model, tokens, *lengths) -> torch.Tensor:
    cache = model.new_cache(len(tokens), tokens.shape[1])
    return torch.cat([model(piece, cache=cache) for piece in tokens.split(lengths, dim=1)], dim=1)


@torch.inference_mode()
def check(choices: dict) -> None:
    model = switch_model(choices)
    tokens = TOKENS % model.settings.vocabulary
    torch.testing.assert_close(in_pieces(model, tokens, 1, 3, 7), model(tokens), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("number", range(8))
def test_a_prompt_in_pieces_gives_the_logits_of_one_pass_for_all_triples_of_switches(number):
    for choices in covering_rows(3)[number::8]:
        check(writing(choices))


@pytest.mark.slow
@pytest.mark.parametrize("position", SWITCHES["position"])
def test_a_prompt_in_pieces_gives_the_logits_of_one_pass_for_all_switches(position):
    """The full product of what meets the cache; phi, biases and the head never do, so they go round with the rows."""
    names = ("value", "value_activation", "normalize", "attend", "tau", "norm", "placement", "residuals", "key_value_heads")
    round_about = itertools.cycle(itertools.product(SWITCHES["phi"], SWITCHES["biases"], SWITCHES["tied"]))
    for values in itertools.product(*(SWITCHES[name] for name in names)):
        phi, biases, tied = next(round_about)
        choices = dict(zip(names, values, strict=True)) | dict(position=position, phi=phi, biases=biases, tied=tied)
        if allowed(choices):
            check(writing(choices))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_reads_in_pieces_and_one_token_at_a_time(name):
    model = preset_model(name, vocabulary=13)
    with torch.inference_mode():
        whole = model(TOKENS)
        torch.testing.assert_close(in_pieces(model, TOKENS, 1, 3, 7), whole)
        torch.testing.assert_close(in_pieces(model, TOKENS, *[1] * 11), whole)


@pytest.mark.parametrize("name", PRESETS)
def test_texts_of_different_lengths_say_together_what_each_says_alone(name):
    model = preset_model(name, vocabulary=13)
    texts = [[1, 2, 3, 4, 5, 6, 7], [8], [9, 10, 11]]
    together = Decoder(model)
    logits = [together.read(texts, 4), *(together.step(torch.tensor(tokens)) for tokens in ([1, 5, 9], [2, 6, 10], [3, 7, 11]))]
    for row, text in enumerate(texts):
        alone = Decoder(model)
        said = [alone.read([text], 4), *(alone.step(torch.tensor([4 * row + column])) for column in (1, 2, 3))]
        torch.testing.assert_close(torch.cat([step[row : row + 1] for step in logits]), torch.cat(said), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", PRESETS)
def test_reordering_permutes_and_copies_rows(name):
    model = preset_model(name, vocabulary=13)
    decoder = Decoder(model)
    decoder.read([[1, 2, 3], [4, 5], [6]], 3)
    decoder.reorder(torch.tensor([2, 0, 0, 1]))
    got = decoder.step(torch.tensor([7, 8, 9, 10]))
    for row, text in enumerate([[6, 7], [1, 2, 3, 8], [1, 2, 3, 9], [4, 5, 10]]):
        torch.testing.assert_close(got[row : row + 1], Decoder(model).read([text]), rtol=1e-5, atol=1e-5)


def test_the_cache_is_as_long_as_it_needs_to_be_and_never_longer_than_the_context():
    decoder = Decoder(preset_model("gpt", vocabulary=13, context=17))
    decoder.read([[1, 2, 3]], 4)
    assert decoder.cache.columns == 7
    decoder.read([[1, 2, 3]], 400)
    assert decoder.cache.columns == 17


def test_grouped_heads_keep_only_their_own_keys():
    model = switch_model(HEADS["grouped"])
    assert [key.shape for key in model.new_cache(5, 8).keys] == [(5, 2, 8, 4)] * 2
