"""Alignments: the blackboard's cross-attention, rows that sum to 1, a pair in a batch as alone, and tokens joined to words."""

import pytest
import torch

from tests.blackboard.test_encoder_decoder import STYLES, random_model
from workings.blackboard import attention as blackboard
from workings.blackboard import layer as blackboard_layer
from workings.blackboard.encoder_decoder import encoder_decoder
from workings.data.tokenizers import CharacterTokenizer, train_tokenizer
from workings.data.two_tokenizers import TwoTokenizers
from workings.errors import BadInput
from workings.generation.alignment import END, Alignment, align, cross_attention, joined, words_of

SOURCES, TARGETS = [[3, 10, 7, 1, 0], [4, 0], [9, 2, 0]], [[6, 5, 9, 0], [1, 2], [0]]


def written_out(source: list[int], target: list[int], model, parameters, monkeypatch) -> torch.Tensor:
    """The weights that the blackboard's cross-attention mixes with, [L, M, T, S], for a target and what stands before each of its tokens."""
    seen, inside = [], []
    weights, cross = blackboard.weights, blackboard.cross_attention

    def heard(*given):
        a = weights(*given)
        if inside:
            seen.append(a)
        return a

    def entered(*given):
        inside.append(1)
        y = cross(*given)
        inside.pop()
        return y

    monkeypatch.setattr(blackboard, "weights", heard)
    monkeypatch.setattr(blackboard_layer, "cross_attention", entered)
    encoder_decoder(source, [model.settings.start, *target[:-1]], parameters, model.settings)
    monkeypatch.undo()
    d = model.settings.decoder
    return torch.stack(seen).view(d.layers, len(target), d.heads, len(source)).transpose(1, 2)


@pytest.mark.parametrize("style", STYLES)
def test_the_weights_are_those_of_the_blackboard_for_each_pair_of_a_padded_batch(style, monkeypatch):
    model, parameters = random_model(style)
    for source, target, found in zip(SOURCES, TARGETS, cross_attention(model, SOURCES, TARGETS), strict=True):
        torch.testing.assert_close(found, written_out(source, target, model, parameters, monkeypatch).detach(), rtol=1e-9, atol=1e-9)


def test_rows_sum_to_1_over_the_source_by_tokens_by_words_and_in_the_mean_over_heads():
    model, _ = random_model("marian")
    tokenizer = CharacterTokenizer("ab cd efghij")
    for source, target, found in zip(SOURCES, TARGETS, align(model, tokenizer, SOURCES, TARGETS), strict=True):
        layers, heads, rows, columns = found.weights.shape
        assert (layers, heads) == (2, 3) and (rows, columns) == (len(found.target), len(found.source))
        assert rows <= len(target) and columns <= len(source)
        for weights in (found.weights, found.layer(1), found.layer()):
            torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1], dtype=weights.dtype))


def test_the_row_of_a_token_is_the_step_that_wrote_it():
    """Nothing that comes after a token, nor the token itself, changes its row; what comes before it does."""
    model, _ = random_model("vaswani")
    (one,), (other,) = (cross_attention(model, [SOURCES[0]], [target]) for target in ([6, 5, 9, 0], [6, 5, 3, 1]))
    torch.testing.assert_close(one[:, :, :3], other[:, :, :3], rtol=1e-12, atol=1e-12)
    assert (one[:, :, 3] - other[:, :, 3]).abs().max() > 1e-3


def test_a_word_is_looked_at_as_much_as_its_tokens_and_looks_as_they_do_in_the_mean():
    weights = torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0], [0.0, 0.4, 0.6]])
    torch.testing.assert_close(joined(weights, [[0], [1, 2]], [[0, 1], [2]]), torch.tensor([[0.3, 0.7], [0.7, 0.3]]))
    torch.testing.assert_close(joined(weights, [[0], [1], [2]], [[0], [1], [2]]), weights)


@pytest.mark.parametrize(
    ("pieces", "groups"),
    [
        (["The", " dog", "s", " ran", "."], [[0], [1, 2], [3], [4]]),
        ([" ", "un", "seen", " ", "x"], [[0, 1, 2], [3, 4]]),
        ([" tee", "-", "shirt", ",", "\n", "a"], [[0], [1], [2], [3], [4, 5]]),
        (["我", "爱", "你们", "。"], [[0], [1], [2], [3]]),
        (["nai", "\u0308", "ve"], [[0, 1, 2]]),
        ([" a", "", "b"], [[0], [1], [2]]),
    ],
    ids=str,
)
def test_tokens_are_joined_to_words(pieces, groups):
    assert words_of([piece.encode() for piece in pieces]) == groups


def test_a_character_cut_in_bytes_is_never_taken_apart():
    pieces = [b" h", "ö".encode()[:1], "ö".encode()[1:], b"r", " 我".encode()[:2], " 我".encode()[2:], "爱".encode()]
    assert words_of(pieces) == [[0, 1, 2, 3], [4, 5], [6]]


def test_words_are_those_of_the_texts_whatever_the_tokens():
    text = "the unseen dogs, and the dög"
    for kind in ("bpe", "byte"):
        tokenizer = train_tokenizer(kind, ["the dogs and the unseen dogs"] * 3, 262)
        pieces = [tokenizer.bytes_of(token) for token in tokenizer.encode(text).tolist()]
        assert len(pieces) > 6
        assert [b"".join(pieces[place] for place in group).decode().strip() for group in words_of(pieces)] == [
            "the",
            "unseen",
            "dogs",
            ",",
            "and",
            "the",
            "dög",
        ]


def test_the_end_token_is_named_and_others_without_a_text_too():
    model, _ = random_model("marian")
    tokenizer = train_tokenizer("byte", [])
    tokenizer.bytes_of = lambda token: b"" if token in (0, 5) else bytes([96 + token])
    (found,) = align(model, tokenizer, [[3, 5, 1, 0]], [[2, 0]])
    assert found.source == ["c", "(unknown)", "a", END] and found.target == ["b", END]


def test_the_second_last_layer_is_shown_unless_another_is_asked_for():
    for layers, usual in ((1, 1), (2, 1), (3, 2), (6, 5)):
        weights = torch.rand(layers, 4, 2, 3)
        found = Alignment(source=["a", "b", "c"], target=["d", "e"], weights=weights)
        assert found.usual == usual
        torch.testing.assert_close(found.layer(), weights[usual - 1].mean(0))
        torch.testing.assert_close(found.layer(layers), weights[-1].mean(0))
        for wrong in (0, layers + 1):
            with pytest.raises(BadInput, match=f"no layer {wrong} of cross-attention; this model's are 1 to {layers}"):
                found.layer(wrong)


def test_each_language_is_spelled_by_its_own_vocabulary():
    model, _ = random_model("vaswani")
    tokenizer = TwoTokenizers(CharacterTokenizer("0abc"), CharacterTokenizer("0xyz"))
    (found,) = align(model, tokenizer, [[1, 2]], [[3, 1]])
    assert (found.source, found.target) == (["ab"], ["zx"])
