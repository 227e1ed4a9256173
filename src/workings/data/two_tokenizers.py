"""Two tokenizers behind the methods of one: the source language is cut by the first, the target by the second."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import Tensor

from workings.data.files import read_json
from workings.data.streams import TextStream
from workings.data.tokenizers import Tokenizer, load_tokenizer
from workings.errors import BadInput

SIDES = ("source", "target")
FILE = "tokenizers.json"


class TwoTokenizers(Tokenizer):
    """`encode` cuts a text of the source language; ids that a model writes, and all else, are of the target's. Both end a text with the same id."""

    kind = "two"

    def __init__(self, source: Tokenizer, target: Tokenizer):
        if source.end != target.end:
            raise BadInput(f"The two tokenizers end a text with different tokens, {source.end} and {target.end}; train both in one way.")
        self.sides = (source, target)
        self.end, self.ends = target.end, target.ends

    @property
    def size(self) -> int:
        """V of the target language."""
        return self.sides[1].size

    @property
    def source_size(self) -> int:
        """V of the source language."""
        return self.sides[0].size

    def encode(self, text: str) -> Tensor:
        """The ids of a text in the source language, int64 [N]."""
        return self.sides[0].encode(text)

    def encode_each(self, documents: Sequence[str]) -> list[Tensor]:
        """Those of each of several, int64 [N_i]."""
        return self.sides[0].encode_each(documents)

    def encode_each_target(self, documents: Sequence[str]) -> list[Tensor]:
        """Those of texts in the target language."""
        return self.sides[1].encode_each(documents)

    def bytes_of(self, token: int) -> bytes:
        """What a token of the target language stands for."""
        return self.sides[1].bytes_of(token)

    def source_bytes_of(self, token: int) -> bytes:
        """What one of the source language stands for."""
        return self.sides[0].bytes_of(token)

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text of ids in the target language."""
        return self.sides[1].decode(ids)

    def stream(self, begun: bool = False) -> TextStream:
        """A decoder for ids of the target language that come one at a time."""
        return self.sides[1].stream(begun)

    def to_text(self) -> str:
        """Both, one after the other."""
        return json.dumps([[side.kind, side.to_text()] for side in self.sides], ensure_ascii=False)

    def save(self, folder: Path) -> None:
        """A folder for each inside, and a file that says of which kinds they are."""
        for name, side in zip(SIDES, self.sides, strict=True):
            (Path(folder) / name).mkdir(exist_ok=True)
            side.save(Path(folder) / name)
        kinds = {name: side.kind for name, side in zip(SIDES, self.sides, strict=True)}
        (Path(folder) / FILE).write_text(json.dumps(kinds) + "\n", encoding="utf-8")


def load_two(folder: Path) -> TwoTokenizers:
    """What `save` has written."""
    kinds = read_json(folder / FILE)
    if not all(name in kinds for name in SIDES):
        raise BadInput(f"{str(folder / FILE)!r} is damaged (it does not name two kinds); copy the model's folder again.")
    return TwoTokenizers(*(load_tokenizer(folder / name, kinds[name]) for name in SIDES))
