"""From bytes to text: what is no text is named with its place, and the same text reads the same wherever it was saved."""

import gzip
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workings.data.files import SIGNATURES, Binary, decode_text, kind_of, read_bytes, read_text
from workings.errors import BadInput

WORDS = st.text(st.characters(exclude_characters="\0\r\ufeff", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: not any(text.encode().startswith(signature) for signature in SIGNATURES)
)


@given(WORDS)
def test_utf_8_text_is_read_as_it_was_written(text: str):
    assert decode_text(text.encode(), "here") == text


@given(WORDS, st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_a_byte_order_mark_says_the_encoding_and_is_not_part_of_the_text(text: str, encoding: str):
    assert decode_text(text.encode(encoding), "here") == text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_becomes_a_newline(end: str):
    assert decode_text(f"one{end}two{end}{end}".encode(), "here") == "one\ntwo\n\n"


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress), (".GZ", gzip.compress)])
def test_compressed_text_is_the_text(tmp_path: Path, suffix: str, compress):
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(compress("naïve".encode()))
    assert read_text(path) == "naïve"
    assert kind_of(path) == ".txt"


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress)])
@pytest.mark.parametrize("damage", [lambda raw: raw[:-9], lambda raw: b"plain text", lambda raw: raw[:20] + b"\xff\xff" + raw[22:]])
def test_damaged_compression_is_named(tmp_path: Path, suffix: str, compress, damage):
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(damage(compress(bytes(range(256)) * 9)))
    with pytest.raises(BadInput, match="cannot be decompressed .* truncated"):
        read_text(path)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(BadInput, match=r"no file '.*none\.txt'; check the path"):
        read_bytes(tmp_path / "none.txt")


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "secret.txt"
    path.write_text("x")
    refuse = PermissionError(13, "Permission denied")
    monkeypatch.setattr(Path, "read_bytes", lambda self: (_ for _ in ()).throw(refuse))
    with pytest.raises(BadInput, match=r"secret\.txt' may not be read by this user; change its permissions"):
        read_bytes(path)


def test_a_disk_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Path, "read_bytes", lambda self: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(BadInput, match="cannot be read: Input/output error"):
        read_bytes(tmp_path / "a.txt")


def test_wrong_bytes_are_named_with_offset_line_and_a_way_out():
    raw = "first line\nun café".encode("cp1252") + b" and more"
    with pytest.raises(BadInput) as caught:
        decode_text(raw, "'menu.txt'")
    sentence = str(caught.value)
    assert "'menu.txt' is not utf-8: byte 0xE9 at offset 17 (line 2)" in sentence
    assert "--encoding cp1252" in sentence
    assert "café" in sentence
    assert decode_text(raw, "'menu.txt'", "cp1252") == "first line\nun café and more"


@given(st.binary(max_size=50), st.integers(0x80, 0xBF))
def test_the_offset_is_that_of_the_first_byte_that_cannot_be(tail: bytes, lone: int):
    with pytest.raises(BadInput, match=f"byte 0x{lone:02X} at offset 5 |zero byte"):
        decode_text(b"plain" + bytes([lone]) + tail, "here")


@pytest.mark.parametrize(("signature", "what"), SIGNATURES.items())
def test_binary_formats_are_recognized_by_their_first_bytes(signature: bytes, what: str):
    with pytest.raises(Binary) as caught:
        decode_text(signature + b"whatever", "'it'")
    assert what in str(caught.value)
    assert signature.hex(" ") in str(caught.value)


def test_other_binary_is_recognized_by_a_zero_byte():
    for raw in (b"abc\0def", b"\x80\x81\x00\x01"):
        with pytest.raises(Binary, match=rf"zero byte at offset {raw.index(0)}, which text never has"):
            decode_text(raw, "'it'")


def test_sound_is_recognized():
    with pytest.raises(Binary, match="WAVE"):
        decode_text(b"RIFF\x01\x02\x03\x04WAVEfmt ", "'it'")


def test_text_that_begins_like_a_format_in_words_is_text():
    assert decode_text(b"RIFF is a format", "here") == "RIFF is a format"
    assert decode_text(b"PK and MZ", "here") == "PK and MZ"


@pytest.mark.parametrize(
    ("name", "advice"), [("utf8x", "Did you mean 'utf8'"), ("zzzzzz", "Common ones are utf-8"), ("hex", "There is no text encoding 'hex'")]
)
def test_an_unknown_encoding_has_a_suggestion(name: str, advice: str):
    with pytest.raises(BadInput, match=advice):
        decode_text(b"abc", "here", name)
