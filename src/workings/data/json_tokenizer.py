"""A tokenizer of another library's `tokenizer.json`: any pieces that `tokenizers` knows, with the few methods every tokenizer here has."""

import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tokenizers
import torch
from tokenizers import models
from torch import Tensor

from workings.data.streams import BEFORE, BYTE_PIECE, PieceStream, StreamDecoder, TextStream, WholeStream
from workings.data.tokenizers import Tokenizer, byte_characters, refuse_half_characters
from workings.errors import BadInput, counted

NAMES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
"""The tokens that `tokenizer_config.json` gives a role, each as NAME_token."""

TIDY = ((" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"))
"""What `clean_up_tokenization_spaces` replaces in a decoded text, in this order (English; never for byte-pair encodings)."""

BYTE_OF = {character: value for value, character in enumerate(byte_characters())}


class JsonTokenizer(Tokenizer):
    """Byte-level, metaspace, WordPiece or any other pieces, run by the library `tokenizers`.

    config: the `tokenizer_config.json`, which says what role a token has; size: V of the model, whose table may be larger than the vocabulary
    (ids without a token decode to nothing); ends: the ids after which a text is over, the first of them the one between documents.
    """

    kind = "json"

    def __init__(self, inner: tokenizers.Tokenizer, config: dict[str, Any], size: int, ends: Sequence[int]):
        self._inner, self.config, self._size = inner, config, size
        self.end = ends[0] if ends else None
        self.ends = tuple(ends)
        ids = inner.get_vocab(with_added_tokens=True)
        self.named = {name: ids[content] for name, content in named_tokens(config).items()}
        """The ids of the tokens with a role: of "bos", "eos", "unk", "sep", "pad", "cls", "mask" those that there are."""
        self.unknown = self.named.get("unk")
        self.begin = template_begin(inner)
        self._special = {token for token, added in inner.get_added_tokens_decoder().items() if added.special}
        decoder = json.loads(inner.decoder.__getstate__()) if inner.decoder is not None else None
        self._byte_level = decoder is not None and decoder["type"] == "ByteLevel"
        self._byte_pieces = self._join([BEFORE, "<0x41>"]) == BEFORE + "A"
        self._tidy = bool(config.get("clean_up_tokenization_spaces")) and not isinstance(inner.model, models.BPE)
        self._in_order = not self._tidy and (decoder is None or grows_piece_by_piece(decoder))
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """V, the number of rows in the model's table; ids are 0 .. V-1."""
        return self._size

    def encode(self, text: str, special: bool = False) -> Tensor:
        """The ids of a text, int64 [N].

        What a user writes is text: a special token spelled in it, such as `</s>`, is ordinary characters, and nothing is put around it.
        special=True: such spellings become the tokens, and the template (a first <s>, or [CLS] and [SEP]) is put around the text.
        """
        return self.encode_each([text], special)[0]

    def encode_each(self, documents: Sequence[str], special: bool = False) -> list[Tensor]:
        """The ids of each document, int64 [N_i], in parallel."""
        refuse_half_characters(documents)
        with self._lock:
            self._inner.encode_special_tokens = not special
            encoded = self._inner.encode_batch_fast(list(documents), add_special_tokens=special)
        return [torch.tensor(encoding.ids, dtype=torch.int64) for encoding in encoded]

    def encode_batch_with_template(
        self, texts: Sequence[str], seconds: Sequence[str] | None = None, *, length: int | None = None, special: bool = False
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Each text, or pair of texts, inside the template ([CLS] A [SEP] B [SEP]): its ids and its segments (token types), int64 [N_i] each.

        length: the most tokens, template included; of a pair the longer text loses tokens first. special: as in `encode`.
        """
        refuse_half_characters([*texts, *(seconds or ())])
        least = self._inner.num_special_tokens_to_add(seconds is not None)
        if length is not None and length < least:
            raise BadInput(f"A length of {length} leaves no room for the {counted(least, 'token')} of the tokenizer's template; give a larger one.")
        inputs = list(texts) if seconds is None else list(zip(texts, seconds, strict=True))
        with self._lock:
            self._inner.encode_special_tokens = not special
            if length is not None:
                self._inner.enable_truncation(length, direction=self.config.get("truncation_side", "right"))
            try:
                encoded = self._inner.encode_batch_fast(inputs, add_special_tokens=True)
            finally:
                self._inner.no_truncation()
        return [torch.tensor(one.ids, dtype=torch.int64) for one in encoded], [torch.tensor(one.type_ids, dtype=torch.int64) for one in encoded]

    def bytes_of(self, token: int) -> bytes:
        """What a token adds to a text that goes on, in UTF-8: " the" of a metaspace piece, a part of a character of a byte; nothing of a special one."""
        piece = self._piece(token)
        if piece is None:
            return b""
        if self._byte_level:
            return bytes(BYTE_OF[character] for character in piece) if all(character in BYTE_OF for character in piece) else piece.encode()
        if self._byte_pieces and (byte := BYTE_PIECE.fullmatch(piece)):
            return bytes([int(byte[1], 16)])
        return self._join([BEFORE, piece])[len(BEFORE) :].encode()

    def name_of(self, token: int) -> str:
        """How a token is spelled in the vocabulary."""
        return self._inner.id_to_token(token) or ""

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text of the ids, without special tokens: what the file's own decoder makes of them."""
        pieces = [self._piece(token) for token in (ids.tolist() if isinstance(ids, Tensor) else ids)]
        text = self._join([piece for piece in pieces if piece is not None])
        for untidy, tidy in TIDY if self._tidy else ():
            text = text.replace(untidy, tidy)
        return text

    def stream(self, begun: bool = False) -> TextStream:
        """A decoder for ids that come one at a time; all that it gives is `decode` of all ids."""
        if self._byte_level:
            return StreamDecoder(self)
        return PieceStream(self._piece, self._join, begun) if self._in_order else WholeStream(self)

    def _piece(self, token: int) -> str | None:
        return None if token in self._special else self._inner.id_to_token(token)

    def _join(self, pieces: list[str]) -> str:
        return " ".join(pieces) if self._inner.decoder is None else self._inner.decoder.decode(pieces)

    def to_text(self) -> str:
        """The `tokenizer.json`, and what stands beside it in `tokenizer_config.json`."""
        return self._inner.to_str() + "\n" + self._config_text()

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, which `load_tokenizer` and `transformers` read."""
        (Path(folder) / "tokenizer.json").write_text(self._inner.to_str(pretty=True), encoding="utf-8")
        (Path(folder) / "tokenizer_config.json").write_text(self._config_text(), encoding="utf-8")

    def _config_text(self) -> str:
        config = {**self.config, "workings": {"size": self.size, "ends": self.ends}}
        return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def grows_piece_by_piece(decoder: dict[str, Any]) -> bool:
    """Whether a decoder's text grows at its end only, so that it can be shown as it comes."""
    if decoder["type"] == "Sequence":
        return all(map(grows_piece_by_piece, decoder["decoders"]))
    if decoder["type"] == "Replace":
        return len(decoder["pattern"].get("String", "")) == 1
    if decoder["type"] == "Strip":
        return decoder["stop"] == 0 and decoder["start"] <= 1
    return decoder["type"] in ("WordPiece", "Metaspace", "ByteFallback", "Fuse")


def named_tokens(config: dict[str, Any]) -> dict[str, str]:
    """The tokens with a role in a `tokenizer_config.json`: role -> spelling."""
    found = {name: config.get(f"{name}_token") for name in NAMES}
    return {name: spelling(token) for name, token in found.items() if token}


def spelling(token: str | dict[str, Any]) -> str:
    """How a token is spelled that a file gives as a string or with its switches."""
    content = token.get("content") if isinstance(token, dict) else token
    if not isinstance(content, str):
        raise BadInput(f"tokenizer_config.json gives a token as {token!r}, which is neither its spelling nor has one; copy the model's folder again.")
    return content


def template_begin(inner: tokenizers.Tokenizer) -> tuple[int, ...]:
    """The ids that the template puts before a text: of a made-up text of one token, those before it."""
    if inner.post_processor is None:
        return ()
    one = tokenizers.Tokenizer(models.WordLevel({BEFORE: 0}, unk_token=BEFORE)).encode(BEFORE)
    inside = inner.post_processor.process(one)
    return tuple(inside.ids[: inside.special_tokens_mask.index(0)])


def check_size(folder: Path, size: int, rows: int | None) -> None:
    """Refuse a tokenizer whose ids the model's table has no rows for."""
    if rows is not None and size > rows:
        raise BadInput(
            f"The tokenizer in {str(folder)!r} has {size:,} tokens and the model's table only {rows:,} rows (vocab_size in config.json); "
            "they belong to different models: copy the tokenizer that was saved with this one."
        )
