"""Tokens as a person reads them: whole characters, nothing lost, names for what stands for no text."""

import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from workings.data.json_tokenizer import JsonTokenizer
from workings.data.pieces import pieces
from workings.data.tokenizers import train_tokenizer

TEXTS = ["A plain film.", "ภาษาไทย ☃ and 🎬🎥", "né café\n\n  two", ""]


@pytest.mark.parametrize("kind", ["byte", "bpe"])
@pytest.mark.parametrize("text", TEXTS)
def test_pieces_are_the_text_and_count_every_token(kind, text):
    tokenizer = train_tokenizer(kind, ["A plain film and a plain film"], 270)
    tokens = tokenizer.encode(text).tolist()
    found = pieces(tokenizer, tokens)
    assert "".join(piece for piece, _ in found) == text and sum(count for _, count in found) == len(tokens)
    assert not any("\ufffd" in piece for piece, _ in found)


def test_a_character_that_was_cut_is_shown_as_broken_and_takes_nothing_with_it():
    tokenizer = train_tokenizer("byte", [""])
    assert pieces(tokenizer, [*"☃".encode()[1:], *b"ab"]) == [("\ufffd", 1), ("\ufffd", 1), ("a", 1), ("b", 1)]
    assert pieces(tokenizer, [*b"a", *"☃".encode()[:2]]) == [("a", 1), ("\ufffd", 2)]


def test_special_tokens_stand_there_by_name_and_what_is_unknown_with_its_space():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "film", "##s"]
    inner = tokenizers.Tokenizer(models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(cleanup=False)
    inner.add_special_tokens(words[:4])
    config = {"unk_token": "[UNK]", "sep_token": "[SEP]", "cls_token": "[CLS]"}
    tokenizer = JsonTokenizer(inner, config, len(words), [])
    assert tokenizer.unknown == 1
    found = pieces(tokenizer, [2, *tokenizer.encode("a ☃ films").tolist(), 3])
    assert found == [("[CLS]", 1), (" a", 1), (" [UNK]", 1), (" film", 1), ("s", 1), ("[SEP]", 1)]
    assert pieces(train_tokenizer("bpe", ["a"], 257), [train_tokenizer("bpe", ["a"], 257).end]) == [("<|endoftext|>", 1)]
