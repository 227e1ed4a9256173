"""The cache gives what encoding gives, keyed by content, whoever writes at the same time."""

import hashlib
import threading
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workings.data.cache import cache_folder, compact, content_key, encode_cached, encode_documents
from workings.data.tokenizers import ByteTokenizer, CharacterTokenizer, train_tokenizer

DOCUMENTS = ["one 🎈", "two", "three"]


def forbid(*args):
    raise AssertionError("encoded although the cache had it")


def test_documents_are_followed_by_the_end_token():
    tokenizer = ByteTokenizer()
    assert encode_documents(tokenizer, ["ab", "c"]).tolist() == [97, 98, 256, 99, 256]
    assert encode_documents(tokenizer, ["ab"]).tolist() == [97, 98]


def test_documents_without_an_end_token_are_joined_by_a_newline():
    tokenizer = train_tokenizer("character", ["ab", "c"])
    assert tokenizer.decode(encode_documents(tokenizer, ["ab", "c"])) == "ab\nc"
    assert tokenizer.decode(encode_documents(tokenizer, ["ab"])) == "ab"


@given(st.lists(st.text(), min_size=2, max_size=5))
def test_documents_come_back_between_their_ends(documents: list[str]):
    tokenizer = train_tokenizer("bpe", ["some text, some text"], 280)
    ids = encode_documents(tokenizer, documents).long()
    ends = (ids == tokenizer.end).nonzero().flatten().tolist()
    begins = [0, *(end + 1 for end in ends[:-1])]
    assert [tokenizer.decode(ids[begin:end]) for begin, end in zip(begins, ends, strict=True)] == documents


@pytest.mark.parametrize("kind", ["character", "byte", "bpe"])
def test_the_second_time_nothing_is_encoded(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tokenizer = train_tokenizer(kind, DOCUMENTS, 260)
    first = encode_cached(tokenizer, DOCUMENTS, tmp_path)
    assert torch.equal(first, encode_documents(tokenizer, DOCUMENTS))
    monkeypatch.setattr("workings.data.cache.encode_documents", forbid)
    second = encode_cached(tokenizer, DOCUMENTS, tmp_path)
    assert torch.equal(first, second)
    assert first.dtype == second.dtype == torch.uint16
    assert len(list(tmp_path.iterdir())) == 1


def test_ids_are_stored_in_16_bits_exactly_when_they_fit():
    ids = torch.tensor([0, 65_535])
    assert compact(ids, 65_536).dtype == torch.uint16
    assert compact(ids, 65_537).dtype == torch.int32
    assert compact(ids, 65_536).tolist() == compact(ids, 65_537).tolist() == [0, 65_535]


def test_a_large_alphabet_is_stored_in_32_bits(tmp_path: Path):
    text = "".join(map(chr, range(0x10000, 0x10000 + 70_000)))
    tokenizer = CharacterTokenizer(text)
    for _ in range(2):
        tokens = encode_cached(tokenizer, [text], tmp_path)
        assert tokens.dtype == torch.int32
        assert tokens.tolist() == list(range(70_000))


def test_the_key_is_the_content():
    byte, character = ByteTokenizer(), CharacterTokenizer("abc\n")
    keys = [content_key(byte, texts) for texts in (["ab"], ["a", "b"], ["ab", ""], ["", "ab"], ["abc"])]
    keys += [content_key(character, ["ab"]), content_key(CharacterTokenizer("abcd\n"), ["ab"])]
    assert len(set(keys)) == len(keys)
    assert content_key(ByteTokenizer(), ["ab"]) == keys[0]


@pytest.mark.parametrize("damage", [lambda raw: b"", lambda raw: raw[:-1], lambda raw: raw[:-1] + b"\x07", lambda raw: b"\0" * len(raw), lambda raw: raw[:40]])
def test_a_damaged_file_is_written_anew(tmp_path: Path, damage):
    tokenizer = ByteTokenizer()
    expected = encode_cached(tokenizer, DOCUMENTS, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert torch.equal(encode_cached(tokenizer, DOCUMENTS, tmp_path), expected)
    assert path.read_bytes() == whole


def test_a_pickle_in_the_cache_is_never_opened(tmp_path: Path):
    tokenizer = ByteTokenizer()
    pickle = b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07harmful\x94."
    (tmp_path / f"{content_key(tokenizer, DOCUMENTS)}.tokens").write_bytes(hashlib.sha256(pickle).digest() + pickle)
    assert torch.equal(encode_cached(tokenizer, DOCUMENTS, tmp_path), encode_documents(tokenizer, DOCUMENTS))


def test_many_writers_at_once_leave_one_whole_file(tmp_path: Path):
    tokenizer, documents = ByteTokenizer(), ["many writers " * 20_000]
    expected, found, start = encode_documents(tokenizer, documents), [], threading.Barrier(8)

    def write():
        start.wait()
        found.append(encode_cached(tokenizer, documents, tmp_path))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(torch.equal(tokens, expected) for tokens in found)
    assert [path.suffix for path in tmp_path.iterdir()] == [".tokens"]


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    tokens = encode_cached(ByteTokenizer(), DOCUMENTS, tmp_path / "file" / "cache")
    assert torch.equal(tokens, encode_documents(ByteTokenizer(), DOCUMENTS))


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert torch.equal(encode_cached(ByteTokenizer(), DOCUMENTS, tmp_path), encode_documents(ByteTokenizer(), DOCUMENTS))
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_the_users_or_the_one_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORKINGS_CACHE", str(tmp_path / "here"))
    encode_cached(ByteTokenizer(), DOCUMENTS)
    assert len(list((tmp_path / "here").iterdir())) == 1
    monkeypatch.delenv("WORKINGS_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "workings"
