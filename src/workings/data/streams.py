"""Text from tokens that come one at a time, as a model writes them: what is certain is shown at once, and all of it is `decode` of all."""

import codecs
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from workings.data.tokenizers import Tokenizer

BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
"""How a vocabulary of characters spells a single byte."""
BEFORE = "a"
"""Any piece that stands for itself: what a piece adds to a text is what it adds after this one."""


class TextStream(Protocol):
    """Text from ids that come one at a time; all that it gives is `decode` of all ids."""

    def push(self, token: int) -> str:
        """The characters that are certain with this token, possibly none."""
        ...

    def flush(self) -> str:
        """What is left at the end."""
        ...


class StreamDecoder:
    """Text from ids that come one at a time: whole characters only, and all of them together are `decode` of all ids."""

    def __init__(self, tokenizer: "Tokenizer"):
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """The characters that this token completes, possibly none."""
        return self._decoder.decode(self._tokenizer.bytes_of(token))

    def flush(self) -> str:
        """What is left at the end: the replacement character for an unfinished one, or nothing."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text


class PieceStream:
    """Text from pieces that come one at a time.

    A piece adds what it adds after any other, but for two kinds: the first of a text may lose its space, and bytes that follow each other are
    a character or they are not. So bytes are held until the next piece that is none; begun: the text goes on, its first piece is not the first.
    """

    def __init__(self, piece_of: Callable[[int], str | None], join: Callable[[list[str]], str], begun: bool):
        self._piece_of, self._join = piece_of, join
        self._before = [BEFORE] if begun else []
        self._held: list[str] = []

    def push(self, token: int) -> str:
        """The characters that this token makes certain, possibly none."""
        piece = self._piece_of(token)
        if piece is None:
            return ""
        self._held.append(piece)
        return "" if not piece or BYTE_PIECE.fullmatch(piece) else self.flush()

    def flush(self) -> str:
        """What is held."""
        if not self._held:
            return ""
        text = self._join(self._before + self._held)[len("".join(self._before)) :]
        self._before, self._held = [BEFORE], []
        return text


class WholeStream:
    """For decoders in which a later token may change what an earlier one wrote: all the text at the end."""

    def __init__(self, tokenizer: "Tokenizer"):
        self._tokenizer = tokenizer
        self._ids: list[int] = []

    def push(self, token: int) -> str:
        """Nothing yet."""
        self._ids.append(token)
        return ""

    def flush(self) -> str:
        """`decode` of all ids."""
        text = self._tokenizer.decode(self._ids)
        self._ids = []
        return text


class StrippedStream:
    """A stream without white space at its two ends: what might be the end is held until something follows it."""

    def __init__(self, inner: TextStream, begun: bool):
        self._inner, self._begun, self._held = inner, begun, ""

    def push(self, token: int) -> str:
        """The characters that are certain with this token, possibly none."""
        text = self._held + self._inner.push(token)
        if not self._begun:
            text = text.lstrip()
        self._begun = self._begun or bool(text)
        sure = text.rstrip()
        self._held = text[len(sure) :]
        return sure

    def flush(self) -> str:
        """Nothing but what the inner stream still holds."""
        text = (self._held + self._inner.flush()).rstrip()
        self._held = ""
        return text if self._begun else text.lstrip()
