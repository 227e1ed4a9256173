"""Tokenizers lose nothing: any text comes back, in one piece or as a stream, and training is a function of the text."""

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from workings.data.tokenizers import (
    END,
    ByteTokenizer,
    CharacterTokenizer,
    PairTokenizer,
    StreamDecoder,
    byte_characters,
    load_tokenizer,
    split_between_words,
    train_tokenizer,
)
from workings.data.two_tokenizers import TwoTokenizers
from workings.errors import BadInput

WORDS = "the cat sat on the mat and the dog sat on the cat 🎈🎈 naïve naïve 雪が降る 雪が降る\n\n  the end, the end! it's it's !\x1c !\x1c"
HARD = [
    "",
    "👩‍👩‍👧‍👦 🇩🇪",
    "雪が降る",
    "\x00\x01\x1f\x7f\x1c\x85",
    "\ufeff\u2028\u2029",
    "e\u0301 é",
    END,
    f"a{END}b {END}{END}",
    "  \n\t \n  x  ",
    "\U0010ffff",
    "don't",
]
TEXT = st.one_of(st.text(), st.sampled_from(HARD), st.lists(st.sampled_from([*" \n\tab'1!s雪", END, "\x1c", "\xa0"])).map("".join))


@pytest.fixture(scope="module")
def pairs() -> PairTokenizer:
    return train_tokenizer("bpe", [WORDS * 3], 320)


@pytest.fixture(scope="module")
def all_kinds(pairs: PairTokenizer) -> list:
    return [ByteTokenizer(), pairs]


@given(st.lists(TEXT, min_size=1))
def test_characters_come_back(documents: list[str]):
    if not "".join(documents):
        return
    tokenizer = train_tokenizer("character", documents)
    for document in documents:
        ids = tokenizer.encode(document)
        assert ids.dtype == torch.int64
        assert len(ids) == len(document)
        assert tokenizer.decode(ids) == document


@given(TEXT)
@example(HARD[1])
def test_bytes_come_back(text: str):
    tokenizer = ByteTokenizer()
    ids = tokenizer.encode(text)
    assert ids.tolist() == list(text.encode())
    assert tokenizer.decode(ids) == text


@given(TEXT)
def test_pairs_come_back(pairs: PairTokenizer, text: str):
    ids = pairs.encode(text)
    assert ids.dtype == torch.int64
    assert pairs.decode(ids) == text
    assert b"".join(map(pairs.bytes_of, ids.tolist())) == text.encode()


@given(TEXT)
def test_the_end_token_is_never_in_the_ids_of_a_text(all_kinds: list, text: str):
    for tokenizer in all_kinds:
        assert tokenizer.end not in tokenizer.encode(text).tolist()
        assert tokenizer.bytes_of(tokenizer.end) == b""


def test_the_alphabet_is_in_the_order_of_code_points():
    tokenizer = train_tokenizer("character", ["banana 🎈", "cab"])
    assert tokenizer.characters == "\n abcn🎈"
    assert tokenizer.encode("cab🎈").tolist() == [4, 2, 3, 6]
    assert tokenizer.size == 7
    assert tokenizer.end is None


def test_a_newline_is_in_the_alphabet_only_when_documents_are_joined():
    assert train_tokenizer("character", ["ab"]).characters == "ab"
    assert train_tokenizer("character", ["ab", "c"]).characters == "\nabc"


@pytest.mark.parametrize(
    ("text", "named"),
    [("abé", r"'é' \(U\+00E9\) at position 2"), ("🎈", r"'🎈' \(U\+1F388\) at position 0"), ("a b", r"' ' \(U\+0020\) at position 1"), ("\udcff", "U\\+DCFF")],
)
def test_a_character_never_seen_is_named_with_its_place(text: str, named: str):
    with pytest.raises(BadInput, match=named + ".* is not among the 3 characters"):
        CharacterTokenizer("abz").encode(text)


def test_half_a_character_is_refused_by_bytes_and_pairs(all_kinds: list):
    for tokenizer in all_kinds:
        with pytest.raises(BadInput, match=r"half a character \(U\+D83D\) at position 2"):
            tokenizer.encode("ab\ud83d")
    for kind in ("character", "bpe"):
        with pytest.raises(BadInput, match="half a character"):
            train_tokenizer(kind, ["\ud83d"], 300)


@given(st.lists(st.integers(0, 256)))
@example([0xF0, 0x9F, 0x8E, 0x88])
@example([0xF0, 0x9F, 0x41])
def test_a_stream_adds_up_to_the_text(ids: list[int]):
    tokenizer = ByteTokenizer()
    stream = StreamDecoder(tokenizer)
    assert "".join(map(stream.push, ids)) + stream.flush() == tokenizer.decode(ids)


@given(TEXT)
def test_a_stream_of_pairs_adds_up_to_the_text(pairs: PairTokenizer, text: str):
    stream = StreamDecoder(pairs)
    pushed = [stream.push(token) for token in pairs.encode(text).tolist()]
    assert "".join(pushed) == text
    assert stream.flush() == ""


def test_an_emoji_split_over_tokens_is_written_when_it_is_whole():
    stream = StreamDecoder(ByteTokenizer())
    assert [stream.push(token) for token in "a🎈b".encode()] == ["a", "", "", "", "🎈", "b"]
    assert stream.flush() == ""


def test_an_emoji_cut_off_at_the_end_is_one_replacement_character():
    stream = StreamDecoder(ByteTokenizer())
    assert [stream.push(token) for token in "🎈".encode()[:3]] == ["", "", ""]
    assert stream.flush() == "\ufffd"
    assert stream.flush() == ""


def test_training_twice_writes_the_same_file(tmp_path: Path):
    documents = [WORDS, "another, another", WORDS[::-1]]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        train_tokenizer("bpe", documents, 400).save(tmp_path / name)
    assert (tmp_path / "one/tokenizer.json").read_bytes() == (tmp_path / "two/tokenizer.json").read_bytes()


def test_training_in_another_process_gives_the_same_tokenizer(root: Path):
    code = (
        "from workings.data.sources import read_documents; from workings.data.tokenizers import train_tokenizer; "
        "print(train_tokenizer('bpe', read_documents('pride'), 600).fingerprint())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(root / "src"), "PYTHONHASHSEED": seed, "RAYON_NUM_THREADS": seed},
            capture_output=True,
            text=True,
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout.strip()) == 64, runs[0].stderr


@pytest.mark.parametrize("kind", ["character", "byte", "bpe"])
def test_a_saved_tokenizer_is_the_same_tokenizer(tmp_path: Path, kind: str):
    tokenizer = train_tokenizer(kind, [WORDS], 300)
    tokenizer.save(tmp_path)
    again = load_tokenizer(tmp_path, kind)
    assert again.fingerprint() == tokenizer.fingerprint()
    assert (again.kind, again.size, again.end) == (tokenizer.kind, tokenizer.size, tokenizer.end)
    assert again.encode(WORDS).tolist() == tokenizer.encode(WORDS).tolist()
    assert [again.bytes_of(token) for token in range(again.size)] == [tokenizer.bytes_of(token) for token in range(tokenizer.size)]


def test_fingerprints_tell_tokenizers_apart():
    found = [CharacterTokenizer("ab"), CharacterTokenizer("abc"), ByteTokenizer()]
    found += [train_tokenizer("bpe", [WORDS], size) for size in (260, 261)]
    assert len({tokenizer.fingerprint() for tokenizer in found}) == len(found)


@given(st.lists(TEXT, max_size=5))
def test_pairs_are_those_of_the_library(pairs: PairTokenizer, documents: list[str]):
    library = tokenizers.Tokenizer.from_str(pairs.to_text())
    library.encode_special_tokens = True
    assert [ids.tolist() for ids in pairs.encode_each(documents)] == [library.encode(document).ids for document in documents]


@given(TEXT, st.integers(1, 5))
@example("the!\x1c!\x1c the", 1)  # A space to Python, but not to the library, which joins it to the mark before.
def test_pieces_cut_between_words_encode_like_the_whole(pairs: PairTokenizer, text: str, least: int):
    pieces = list(split_between_words(text, least))
    assert "".join(pieces) == text
    library = tokenizers.Tokenizer.from_str(pairs.to_text())
    library.encode_special_tokens = True
    assert list(itertools.chain.from_iterable(library.encode(piece).ids for piece in pieces)) == library.encode(text).ids


def test_transformers_reads_the_same_file_to_the_same_ids(pairs: PairTokenizer, tmp_path: Path):
    transformers = pytest.importorskip("transformers")
    pairs.save(tmp_path)
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    for text in (text for text in [WORDS, *HARD] if END not in text):
        assert theirs(text)["input_ids"] == pairs.encode(text).tolist()
        assert theirs.decode(pairs.encode(text), clean_up_tokenization_spaces=False) == text
    assert theirs.convert_tokens_to_ids(END) == pairs.end
    assert len(theirs) == pairs.size


def test_the_characters_of_bytes_are_those_of_the_library():
    assert sorted(byte_characters()) == sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for text in ["\x00\x1f ~\x7f", "¡¬\xad®ÿ", "雪🎈"]:
        assert level.pre_tokenize_str(text)[0][0] == "".join(byte_characters()[value] for value in text.encode())


def test_pairs_seen_more_often_are_joined_first():
    tokenizer = train_tokenizer("bpe", ["ab ab ab ab cd cd"], 259)
    assert [tokenizer.bytes_of(token) for token in (257, 258)] == [b"ab", b" ab"]


def test_a_text_too_short_for_its_vocabulary_gives_a_smaller_one():
    assert train_tokenizer("bpe", ["abc"], 5000).size == 257
    assert train_tokenizer("bpe", ["abab abab"], 5000).size < 265


@pytest.mark.parametrize("size", [256, 1, 0, -3])
def test_a_vocabulary_smaller_than_the_bytes_is_refused(size: int):
    with pytest.raises(BadInput, match=f"of {size} tokens? is too small: it needs at least 257"):
        train_tokenizer("bpe", ["abc"], size)


def test_an_unknown_kind_has_a_suggestion(tmp_path: Path):
    with pytest.raises(BadInput, match="no tokenizer 'charcter'. Did you mean 'character'"):
        train_tokenizer("charcter", ["a"])
    with pytest.raises(BadInput, match="no tokenizer 'bytes'. Did you mean 'byte'"):
        load_tokenizer(tmp_path, "bytes")


def test_an_empty_text_has_no_alphabet():
    with pytest.raises(BadInput, match="The text is empty"):
        train_tokenizer("character", [""])


def test_a_missing_or_damaged_file_is_named(tmp_path: Path):
    with pytest.raises(BadInput, match=r"no file '.*characters\.json'"):
        load_tokenizer(tmp_path, "character")
    for kind, name in (("character", "characters.json"), ("bpe", "tokenizer.json")):
        for damaged in (b"", b'{"characters', b"[]", b'{"characters": ""}', b"\xff"):
            (tmp_path / name).write_bytes(damaged)
            with pytest.raises(BadInput, match=f"{name}' is damaged"):
                load_tokenizer(tmp_path, kind)


def test_a_tokenizer_of_another_family_is_refused(tmp_path: Path):
    tokenizers.Tokenizer(tokenizers.models.BPE(vocab={"雪": 0}, merges=[])).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(BadInput, match="not a byte-level one"):
        load_tokenizer(tmp_path, "bpe")


def test_characters_json_is_plain_ascii(tmp_path: Path):
    CharacterTokenizer("é🎈\n").save(tmp_path)
    raw = (tmp_path / "characters.json").read_bytes()
    assert raw.isascii()
    assert json.loads(raw) == {"characters": "\né🎈"}


def test_one_lookup_for_all_characters_equals_a_dictionary_for_each():
    text = "".join(np.random.default_rng(0).choice(list("abc 🎈\n"), 10_000))
    tokenizer = train_tokenizer("character", [text])
    place = {character: index for index, character in enumerate(tokenizer.characters)}
    assert tokenizer.encode(text).tolist() == [place[character] for character in text]


def test_unigram_pieces_lose_nothing_and_are_the_same_each_time(tmp_path):
    one, other = (train_tokenizer("unigram", [WORDS * 5], 330) for _ in range(2))
    assert one.to_text() == other.to_text() and one.size <= 330
    assert all(one.decode(one.encode(text)) == text for text in [*HARD, WORDS])
    one.save(tmp_path)
    assert load_tokenizer(tmp_path, "unigram").fingerprint() == one.fingerprint()


def test_unigram_pieces_that_are_rarer_than_what_was_never_seen_are_the_same_each_time_too():
    texts = ["rot hund", "katze sieht klein hund", "hund rennt"] * 30
    assert len({train_tokenizer("unigram", texts, 280).fingerprint() for _ in range(5)}) == 1


def test_a_word_is_cut_into_its_likeliest_unigram_pieces():
    tokenizer = train_tokenizer("unigram", ["low lower lowest " * 40 + WORDS * 3], 300)
    scores = dict(json.loads(tokenizer.to_text())["model"]["vocab"])

    def best(word: str) -> float:
        """The largest sum of scores over all ways to cut a word."""
        cut = [0.0, *([-math.inf] * len(word))]
        for end in range(1, len(word) + 1):
            cut[end] = max(cut[begin] + scores.get(word[begin:end], -math.inf) for begin in range(end))
        return cut[-1]

    for word in ("low", "lowest", "lows", "towel"):
        pieces = [tokenizer.bytes_of(token).decode() for token in tokenizer.encode(word).tolist()]
        assert sum(scores[piece] for piece in pieces) == pytest.approx(best(word))


def test_two_tokenizers_cut_each_language_in_its_own_way(tmp_path):
    source, target = (train_tokenizer(kind, [text * 5], 300) for kind, text in (("bpe", WORDS), ("unigram", "ganz andere Wörter ")))
    two = TwoTokenizers(source, target)
    assert torch.equal(two.encode("the cat"), source.encode("the cat")) and two.source_size == source.size
    (ids,) = two.encode_each_target(["andere Wörter"])
    assert torch.equal(ids, target.encode("andere Wörter")) and two.decode(ids) == "andere Wörter" and two.size == target.size
    two.save(tmp_path)
    assert load_tokenizer(tmp_path, "two").fingerprint() == two.fingerprint()


def test_two_tokenizers_that_end_differently_are_refused():
    with pytest.raises(BadInput, match="end a text with different tokens"):
        TwoTokenizers(train_tokenizer("byte", []), train_tokenizer("bpe", [WORDS], 300))
