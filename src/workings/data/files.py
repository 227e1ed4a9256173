"""From a file on disk to text: decompressed, recognized, decoded, with one kind of line end."""

import codecs
import gzip
import json
import lzma
import zlib
from encodings.aliases import aliases
from pathlib import Path
from typing import Any

from workings.errors import BadInput, suggest

DECOMPRESS = {".gz": gzip.decompress, ".xz": lzma.decompress}

# A file that begins with one of these is no text, whatever follows (the first bytes that each format prescribes).
SIGNATURES = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive (as .docx, .odt and .epub are)",
    b"\x1f\x8b": "gzip-compressed data",
    b"\xfd7zXZ\x00": "xz-compressed data",
    b"BZh": "bzip2-compressed data",
    b"\x28\xb5\x2f\xfd": "zstd-compressed data",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"SQLite format 3": "an SQLite database",
    b"PAR1": "a Parquet table",
    b"\x89HDF": "HDF5 data",
    b"\x93NUMPY": "a NumPy array",
    b"OggS": "Ogg audio",
    b"ID3": "MP3 audio",
    b"fLaC": "FLAC audio",
    b"\xd0\xcf\x11\xe0": "an old Office document",
}
ADVICE = {
    b"\x1f\x8b": "give it a name that ends in .gz",
    b"\xfd7zXZ\x00": "give it a name that ends in .xz",
    b"PAR1": "give it a name that ends in .parquet",
}

# The UTF-32 mark begins with the UTF-16 one, so it is tried first.
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


class Binary(BadInput):
    """The bytes are no text at all; a folder of texts passes over such files."""


def kind_of(path: Path) -> str:
    """The suffix that says how to read a file, without that of its compression.

    >>> kind_of(Path("talks.JSONL.gz"))
    '.jsonl'
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in DECOMPRESS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def read_bytes(path: Path) -> bytes:
    """The content of a file, decompressed when its name ends in .gz or .xz."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"There is no file {str(path)!r}; check the path.") from None
    except PermissionError:
        raise BadInput(f"{str(path)!r} may not be read by this user; change its permissions (chmod +r) or copy it.") from None
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error.strerror or error}; check the disk or copy the file elsewhere.") from None
    decompress = DECOMPRESS.get(path.suffix.lower())
    if decompress is None:
        return raw
    try:
        return decompress(raw)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise BadInput(f"{str(path)!r} cannot be decompressed ({error}); it may be truncated: copy or download it again.") from None


def read_json(path: Path) -> dict[str, Any]:
    """A file that holds one JSON object."""
    try:
        content = json.loads(read_bytes(path))
    except ValueError as error:  # UnicodeDecodeError too
        raise BadInput(f"{str(path)!r} is damaged ({error}); copy the model's folder again.") from None
    if not isinstance(content, dict):
        raise BadInput(f"{str(path)!r} is damaged (it holds no JSON object); copy the model's folder again.")
    return content


def decode_text(raw: bytes, where: str, encoding: str = "utf-8") -> str:
    r"""The text of some bytes. A byte order mark is obeyed and taken away; line ends \r\n and \r become \n.

    Bytes that are no text raise `Binary`; bytes that are no text in this encoding raise `BadInput` with the byte, its offset and its line.
    """
    for mark, marked in MARKS.items():
        if raw.startswith(mark):
            encoding = marked
            break
    else:
        _refuse_signatures(raw, where)
    try:
        text = raw.decode(encoding)
    except LookupError:
        known = {name.replace("_", "-") for name in aliases}
        raise BadInput(f"There is no text encoding {encoding!r}. {_first_choice(encoding, known)}") from None
    except UnicodeDecodeError as error:
        _refuse_zeros(raw, where)
        raise BadInput(_not_in_this_encoding(raw, where, encoding, error)) from None
    if "\0" in text:
        _refuse_zeros(raw, where)
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """`decode_text` of `read_bytes`."""
    return decode_text(read_bytes(path), repr(str(path)), encoding)


def _refuse_signatures(raw: bytes, where: str) -> None:
    for signature, what in SIGNATURES.items():
        if raw.startswith(signature):
            advice = ADVICE.get(signature, "save it as plain text (.txt) first")
            raise Binary(f"{where} is not text: it begins with the bytes {signature.hex(' ')} of {what}; {advice}.")
    if raw[:4] == b"RIFF" and raw[8:12] in (b"WAVE", b"WEBP", b"AVI "):
        raise Binary(f"{where} is not text: it begins like a {raw[8:12].decode().strip()} file; give a file of text.")


def _refuse_zeros(raw: bytes, where: str) -> None:
    zero = raw.find(0)
    if zero >= 0:
        raise Binary(
            f"{where} looks binary: it has a zero byte at offset {zero:,}, which text never has; "
            "give a file of text, or its --encoding if it is UTF-16 without a byte order mark."
        )


def _not_in_this_encoding(raw: bytes, where: str, encoding: str, error: UnicodeDecodeError) -> str:
    line = raw.count(b"\n", 0, error.start) + 1
    around = raw[max(0, error.start - 8) : error.start + 8]
    latin = around.decode("cp1252", errors="replace")
    return (
        f"{where} is not {encoding}: byte 0x{raw[error.start]:02X} at offset {error.start:,} (line {line:,}); "
        f"say how it is written with --encoding NAME, as in --encoding cp1252, which reads that place as {latin!r}."
    )


def _first_choice(word: str, choices: set[str]) -> str:
    """The suggestion alone: the full list of encodings would fill a screen."""
    sentence = suggest(word, choices)
    return sentence if sentence.startswith("Did you mean") else "Common ones are utf-8, utf-16, cp1252, latin-1, shift-jis and gb18030."
