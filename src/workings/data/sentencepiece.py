"""The tokenizer of Marian's folders: one sentencepiece model that cuts the source language, one that cuts the target, and one vocabulary for both."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.data.files import read_bytes, read_json
from workings.data.json_tokenizer import check_size, named_tokens, spelling
from workings.data.streams import BEFORE, PieceStream, StrippedStream, TextStream
from workings.data.tokenizers import Tokenizer, refuse_half_characters
from workings.errors import BadInput

ROLES = {"unk_token": "<unk>", "eos_token": "</s>", "pad_token": "<pad>"}
LANGUAGE = re.compile(r">>.*?<<", re.DOTALL)
"""How a text begins that says into which language it is to be translated: >>fr<< of a model with several."""


class SentencePieceTokenizer(Tokenizer):
    """Pieces by two sentencepiece models (Kudo and Richardson 2018), ids by one vocabulary: `encode` cuts the source, `encode_target` the target.

    The models number their pieces in their own way, which Marian does not use; a piece that the vocabulary lacks is <unk>.
    """

    kind = "sentencepiece"
    begin = ()

    def __init__(self, source: bytes, target: bytes, vocabulary: dict[str, int], config: dict[str, Any], size: int, ends: Sequence[int]):
        self._files = {"source.spm": source, "target.spm": target}
        self._source, self._target = load_model(source), load_model(target)
        self.config, self._size = ROLES | config, size
        self._ids = vocabulary
        self._pieces = {token: piece for piece, token in vocabulary.items()}
        self.named = {name: vocabulary[piece] for name, piece in named_tokens(self.config).items() if piece in vocabulary}
        self._special = set(self.named.values())
        self._spellings = re.compile("|".join(re.escape(self._pieces[token]) for token in self._special))
        self.ends = tuple(ends)
        self.end = ends[0]

    @classmethod
    def read(cls, folder: Path, config: dict[str, Any], rows: int | None, ends: Sequence[int]) -> "SentencePieceTokenizer":
        """From `source.spm`, `target.spm` and `vocab.json`. rows: V of the model."""
        for switch, what in (("separate_vocabs", "two vocabularies for two languages"), ("sp_model_kwargs", "another way to cut")):
            if config.get(switch):
                raise BadInput(f"{str(folder / 'tokenizer_config.json')!r} sets {switch}, {what}, which is not read here; use a model without it.")
        vocabulary = read_json(folder / "vocab.json")
        config = ROLES | config
        missing = [spelling(config[name]) for name in ROLES if spelling(config[name]) not in vocabulary]
        if missing or not all(isinstance(token, int) for token in vocabulary.values()):
            reason = f"it has no {' nor '.join(missing)}" if missing else "an id in it is no number"
            raise BadInput(f"{str(folder / 'vocab.json')!r} is damaged ({reason}); copy the model's folder again.")
        size = max(vocabulary.values()) + 1
        check_size(folder, size, rows)
        ends = list(dict.fromkeys([vocabulary[spelling(config["eos_token"])], *ends]))
        source, target = (read_bytes(folder / name) for name in ("source.spm", "target.spm"))
        try:
            return cls(source, target, vocabulary, config, rows or size, ends)
        except RuntimeError:  # of the library, which says no more than that it cannot parse
            raise BadInput(f"source.spm or target.spm in {str(folder)!r} is damaged: it holds no sentencepiece model; copy the model's folder again.") from None

    @property
    def size(self) -> int:
        """V, the number of rows in the model's table; ids are 0 .. V-1."""
        return self._size

    def encode(self, text: str, special: bool = False) -> Tensor:
        """The ids of a text in the source language, int64 [N]; a language code in front, as in ">>fr<< Hello", is one token.

        special=True: </s> and the like become tokens where they are spelled in the text, and </s> ends it; the model was trained so.
        """
        return self._encode(self._source, text, special)

    def encode_target(self, text: str, special: bool = False) -> Tensor:
        """The same of a text in the target language."""
        return self._encode(self._target, text, special)

    def encode_each_target(self, documents: Sequence[str]) -> list[Tensor]:
        """Those of texts in the target language, int64 [N_i]."""
        return [self.encode_target(document) for document in documents]

    def encode_batch_with_end(self, texts: Sequence[str], *, length: int | None = None, target: bool = False) -> list[Tensor]:
        """Each text with </s> at its end, as the model expects it, int64 [N_i]; length: the most tokens, </s> included."""
        end = torch.tensor([self.named["eos"]])
        encoded = [self._encode(self._target if target else self._source, text, False) for text in texts]
        return [torch.cat([ids if length is None else ids[: max(length - 1, 0)], end]) for ids in encoded]

    def _encode(self, model: Any, text: str, special: bool) -> Tensor:
        refuse_half_characters([text])
        if not special:
            return torch.tensor([self._ids.get(piece, self.named["unk"]) for piece in cut(model, text)], dtype=torch.int64)
        ids, begin = [], 0
        for found in [*self._spellings.finditer(text), None]:
            between = text[begin : found.start() if found else None]
            ids += [self._ids.get(piece, self.named["unk"]) for piece in cut(model, between)] if between else []
            if found:
                ids.append(self._ids[found[0]])
                begin = found.end()
        return torch.tensor([*ids, self.named["eos"]], dtype=torch.int64)

    def bytes_of(self, token: int) -> bytes:
        """What a token adds to a text that goes on, in UTF-8."""
        piece = self._piece(token)
        return b"" if piece is None else self._join([BEFORE, piece])[len(BEFORE) :].encode()

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text of the ids in the target language, without special tokens."""
        pieces = [self._piece(token) for token in (ids.tolist() if isinstance(ids, Tensor) else ids)]
        return self._join([piece for piece in pieces if piece is not None]).strip()

    def stream(self, begun: bool = False) -> TextStream:
        """A decoder for ids that come one at a time; all that it gives is `decode` of all ids."""
        return StrippedStream(PieceStream(self._piece, self._join, begun), begun)

    def _piece(self, token: int) -> str | None:
        return None if token in self._special else self._pieces.get(token)

    def _join(self, pieces: list[str]) -> str:
        return self._target.decode_pieces(pieces).replace("▁", " ")

    def to_text(self) -> str:
        """The vocabulary, the settings, and hashes of the two models."""
        hashes = {name: hashlib.sha256(raw).hexdigest() for name, raw in self._files.items()}
        return json.dumps([hashes, self._ids], ensure_ascii=False) + "\n" + self._config_text()

    def save(self, folder: Path) -> None:
        """Write the two models, `vocab.json` and `tokenizer_config.json`, which `load_tokenizer` and `transformers` read."""
        for name, raw in self._files.items():
            (Path(folder) / name).write_bytes(raw)
        (Path(folder) / "vocab.json").write_text(json.dumps(self._ids, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        (Path(folder) / "tokenizer_config.json").write_text(self._config_text(), encoding="utf-8")

    def _config_text(self) -> str:
        config = {**self.config, "workings": {"size": self.size, "ends": self.ends}}
        return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def cut(model: Any, text: str) -> list[str]:
    """The pieces of a text; a language code in front is one piece."""
    code = LANGUAGE.match(text)
    return ([code[0]] if code else []) + model.encode(text[code.end() :] if code else text, out_type=str)


def load_model(raw: bytes) -> Any:
    """A sentencepiece model from the bytes of its file."""
    try:
        import sentencepiece
    except ImportError:
        raise BadInput("This tokenizer is two sentencepiece models, which need the package sentencepiece: pip install 'workings[sentencepiece]'.") from None
    model = sentencepiece.SentencePieceProcessor()
    model.LoadFromSerializedProto(raw)
    return model
