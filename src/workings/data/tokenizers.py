"""Text to numbers and back: characters, bytes, or byte-level pieces of two kinds - classes with the same few methods."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tokenizers
import torch
from tokenizers import decoders, models, pre_tokenizers, trainers
from torch import Tensor

from workings.data.files import read_bytes
from workings.data.streams import StreamDecoder, TextStream
from workings.errors import BadInput, counted, suggest

END = "<|endoftext|>"
"""How the end-of-text token is spelled in `tokenizer.json`; the same characters in a text are ordinary characters."""

BYTES = 256
_WORD_END = re.compile(r"(?<=\S)(?=[ \n])")


class Tokenizer:
    """What every tokenizer has: `kind`, `size`, `end`, `encode`, `decode`, `bytes_of`, `stream`, `save`."""

    kind: ClassVar[str]
    """The name by which `load_tokenizer` and `train_tokenizer` know it."""
    end: int | None
    """The id of the end-of-text token, if there is one. It never comes out of `encode`, and its bytes are empty."""
    ends: tuple[int, ...]
    """All ids after any of which a written text is over: `end`, and of some foreign models more."""
    begin: tuple[int, ...] = ()
    """What a model expects before every text (a foreign model's <s>); `encode` leaves it out."""
    unknown: int | None = None
    """The id of what a foreign vocabulary has no pieces for; bytes spell everything."""

    def __init__(self, table: list[bytes]):
        self._table = table
        self.ends = () if self.end is None else (self.end,)

    @property
    def size(self) -> int:
        """V, the number of tokens; ids are 0 .. V-1."""
        return len(self._table)

    @property
    def source_size(self) -> int:
        """The number of tokens of the language that is translated from; another one only where two languages have a vocabulary each."""
        return self.size

    def encode(self, text: str) -> Tensor:
        """The ids of a text, int64 [N]."""
        raise NotImplementedError

    def encode_each(self, documents: Sequence[str]) -> list[Tensor]:
        """The ids of each document, int64 [N_i]."""
        return [self.encode(document) for document in documents]

    def encode_each_target(self, documents: Sequence[str]) -> list[Tensor]:
        """The same of texts in the language that is translated into; where two languages are cut in two ways, it is not `encode_each`."""
        return self.encode_each(documents)

    def bytes_of(self, token: int) -> bytes:
        """What one token stands for, in UTF-8; it may be a part of a character."""
        return self._table[token]

    def source_bytes_of(self, token: int) -> bytes:
        """The same of a token of the language that is translated from; another one only where two languages have a vocabulary each."""
        return self.bytes_of(token)

    def name_of(self, token: int) -> str:
        """How a token is called that stands for no text."""
        return END if token == self.end else ""

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text of the ids: their bytes joined; bytes that are no UTF-8 become the replacement character."""
        if isinstance(ids, Tensor):
            ids = ids.tolist()
        return b"".join(self._table[token] for token in ids).decode(errors="replace")

    def stream(self, begun: bool = False) -> TextStream:
        """A decoder for ids that come one at a time. begun: they go on a text, so that a first token that begins with a space keeps it."""
        return StreamDecoder(self)

    def to_text(self) -> str:
        """The whole tokenizer as text: two with the same text encode alike."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """A hash of kind and content, for the cache's key."""
        return hashlib.sha256(f"{self.kind}\n{self.to_text()}".encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Write what `load_tokenizer` needs into a folder (nothing, for bytes)."""
        name = FILES.get(self.kind)
        if name is not None:
            (Path(folder) / name).write_text(self.to_text(), encoding="utf-8")


class CharacterTokenizer(Tokenizer):
    """One token a character of an alphabet, in the order of their code points; a character outside it is refused."""

    kind = "character"
    end = None

    def __init__(self, alphabet: Iterable[str]):
        characters = sorted(set(alphabet))
        super().__init__([_utf8(character) for character in characters])
        self.characters = "".join(characters)
        # One entry a code point up to the largest, and a last one for everything beyond.
        points = np.array([ord(character) for character in characters])
        self._ids = np.full(points.max() + 2, -1, dtype=np.int64)
        self._ids[points] = np.arange(len(points))

    def encode(self, text: str) -> Tensor:
        """The ids of a text, int64 [N], one a character."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        ids = self._ids[np.minimum(points, len(self._ids) - 1)]
        if len(ids) and ids.min() < 0:
            place = int(ids.argmin())
            raise BadInput(
                f"The character {text[place]!r} (U+{ord(text[place]):04X}) at position {place:,} is not among the {counted(self.size, 'character')} "
                "that the tokenizer was made from; leave it out, or train with a byte or bpe tokenizer, which take any text."
            )
        return torch.from_numpy(ids)

    def to_text(self) -> str:
        """The alphabet as JSON."""
        return json.dumps({"characters": self.characters}) + "\n"


class ByteTokenizer(Tokenizer):
    """One token a byte of UTF-8, and one for the end of a text: 257 in all, for any text."""

    kind = "byte"
    end = BYTES

    def __init__(self):
        super().__init__([bytes([value]) for value in range(BYTES)] + [b""])

    def encode(self, text: str) -> Tensor:
        """The ids of a text, int64 [N], one a byte."""
        return torch.from_numpy(np.frombuffer(_utf8(text), dtype=np.uint8).astype(np.int64))

    def to_text(self) -> str:
        """Nothing: all byte tokenizers are the same."""
        return ""


class PairTokenizer(Tokenizer):
    """Byte-level byte-pair encoding (Sennrich et al. 2016; bytes as in GPT-2), run by the library `tokenizers`.

    Words are cut by GPT-2's pattern, each keeps the space before it, and within a word the pairs seen most often in training are joined.
    """

    kind = "bpe"

    def __init__(self, inner: tokenizers.Tokenizer):
        byte_of = {character: value for value, character in enumerate(byte_characters())}
        end = inner.token_to_id(END)
        try:
            table = [bytes(byte_of[character] for character in inner.id_to_token(token) or "") for token in range(inner.get_vocab_size())]
        except KeyError:
            raise BadInput("This tokenizer.json is not a byte-level one: its tokens are not spelled in bytes; use one that was trained here.") from None
        if end is not None:
            table[end] = b""
        self.end = end
        super().__init__(table)
        self._json = inner.to_str(pretty=True)
        self._inner = inner
        # What a user writes is text: without this, the letters <|endoftext|> in it would become the end token.
        self._inner.encode_special_tokens = True

    def encode(self, text: str) -> Tensor:
        """The ids of a text, int64 [N]."""
        return self.encode_each([text])[0]

    def encode_each(self, documents: Sequence[str]) -> list[Tensor]:
        """The ids of each document, int64 [N_i]; long ones in pieces, in parallel."""
        refuse_half_characters(documents)
        pieces, counts = [], []
        for document in documents:
            cut = list(split_between_words(document))
            pieces += cut
            counts.append(len(cut))
        encoded = [encoding.ids for encoding in self._inner.encode_batch_fast(pieces, add_special_tokens=False)]
        result, begin = [], 0
        for count in counts:
            ids = encoded[begin : begin + count]
            result.append(torch.from_numpy(np.concatenate([np.array(piece, dtype=np.int64) for piece in ids]) if ids else np.zeros(0, dtype=np.int64)))
            begin += count
        return result

    def to_text(self) -> str:
        """The `tokenizer.json` that `tokenizers` and `transformers` read."""
        return self._json


class UnigramTokenizer(PairTokenizer):
    """Byte-level pieces with a probability each; a word is cut so that the product is the largest (Kudo 2018), run by the library `tokenizers`."""

    kind = "unigram"


FILES = {"character": "characters.json", "bpe": "tokenizer.json", "unigram": "tokenizer.json"}
"""The file that a tokenizer of each kind is saved in; bytes need none."""
KINDS = ("character", "byte", "bpe", "unigram")
PIECES: dict[str, type[PairTokenizer]] = {"bpe": PairTokenizer, "unigram": UnigramTokenizer}
"""The kinds whose tokens are strings of bytes, of which 256 are the bytes themselves and one is the end of text."""
FOREIGN = ("json", "sentencepiece")
"""Kinds that are read from other systems' model folders (see foreign_tokenizers.py), not trained here."""


def train_tokenizer(kind: str, documents: Sequence[str], size: int = 0) -> Tokenizer:
    """A tokenizer for these documents. The same documents give the same one, to the last byte of its file.

    `size` is for bpe and unigram: the number of tokens, of which 256 are the bytes and one is the end of text; under bpe a pair of tokens
    must occur twice to become a token, so a short text gives fewer (see the `size` of the result).
    """
    if kind == "byte":
        return ByteTokenizer()
    if kind == "character":
        # Documents are joined by a newline, see cache.py, so it belongs to the alphabet.
        alphabet = set().union(*documents, "\n" if len(documents) > 1 else "")
        if not alphabet:
            raise BadInput("The text is empty, so there is no character to make a token of; give a file with text in it.")
        return CharacterTokenizer(alphabet)
    if kind in PIECES:
        return _train_pieces(kind, documents, size)
    raise BadInput(f"There is no tokenizer {kind!r}. {suggest(kind, KINDS)}")


def load_tokenizer(folder: Path, kind: str) -> Tokenizer:
    """The tokenizer that `save` has written into a folder."""
    if kind == "byte":
        return ByteTokenizer()
    if kind in FOREIGN:
        from workings.data.foreign_tokenizers import load_saved  # which imports this module

        return load_saved(Path(folder), kind)
    if kind == "two":
        from workings.data.two_tokenizers import load_two  # which imports this module

        return load_two(Path(folder))
    if kind not in FILES:
        raise BadInput(f"There is no tokenizer {kind!r}. {suggest(kind, (*KINDS, *FOREIGN))}")
    path = Path(folder) / FILES[kind]
    text = read_bytes(path)
    try:
        if kind == "character":
            return CharacterTokenizer(json.loads(text)["characters"])
        return PIECES[kind](tokenizers.Tokenizer.from_str(text.decode()))
    except BadInput:
        raise
    except Exception as error:  # The library raises bare exceptions for a file that it cannot read.
        raise BadInput(f"{str(path)!r} is damaged ({error}); copy the model's folder again.") from None


def _train_pieces(kind: str, documents: Sequence[str], size: int) -> PairTokenizer:
    if size < BYTES + 1:
        raise BadInput(f"A {kind} tokenizer of {counted(size, 'token')} is too small: it needs at least {BYTES + 1}, one a byte and one for the end of text.")
    refuse_half_characters(documents)
    inner = tokenizers.Tokenizer(models.BPE() if kind == "bpe" else models.Unigram())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    common: dict[str, Any] = dict(vocab_size=size, special_tokens=[END], initial_alphabet=sorted(byte_characters()), show_progress=False)
    trainer = trainers.BpeTrainer(min_frequency=2, **common) if kind == "bpe" else trainers.UnigramTrainer(**common)
    inner.train_from_iterator((piece for document in documents for piece in split_between_words(document)), trainer)
    if kind == "unigram":
        inner.model = models.Unigram(settled(json.loads(inner.to_str())["model"]["vocab"]))
    return PIECES[kind](inner)


def settled(pieces: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Pieces and their log probabilities without what differs from one training to the next: the order of sums, and that of bytes that are no pieces.

    The library puts those above the least likely piece, each a ten-thousandth above the one before, in any order; here they are all as likely as that piece.
    """
    least = min(score for piece, score in pieces if piece != END)
    rungs = {piece: (score - least) * 1e4 for piece, score in pieces if len(piece) == 1}
    added = {piece for piece, rung in rungs.items() if rung < BYTES and abs(rung - round(rung)) < 1e-3}
    scores = {piece: round(least if piece in added else score, 6) for piece, score in pieces if piece != END}
    return [(END, 0.0), *sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))]


def split_between_words(text: str, least: int = 20_000) -> Iterator[str]:
    """Pieces of a text, of `least` characters or a little more, whose byte-pair encodings joined are the encoding of the text.

    A cut lies between a non-space and a space or newline. There GPT-2's pattern always ends a word - no alternative of it holds a space
    after a non-space - and its look-ahead at what follows a run of spaces is not disturbed, because the run stays whole.
    """
    begin = 0
    while begin < len(text):
        cut = _WORD_END.search(text, begin + least)
        end = cut.start() if cut else len(text)
        yield text[begin:end]
        begin = end


def byte_characters() -> list[str]:
    """The printable character by which byte-level vocabularies spell each of the 256 bytes: itself, or one counted up from U+0100 (GPT-2)."""
    itself = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = (value for value in range(BYTES) if value not in itself)
    stand_in = {value: 0x100 + count for count, value in enumerate(others)}
    return [chr(stand_in.get(value, value)) for value in range(BYTES)]


def refuse_half_characters(documents: Iterable[str]) -> None:
    """Half a surrogate pair is no character, and UTF-8 cannot write it: a sentence says where it is."""
    for document in documents:
        _utf8(document)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"The text holds half a character (U+{ord(text[error.start]):04X}) at position {error.start:,}, which UTF-8 cannot write; leave it out."
        ) from None
