"""An encoder in use: texts become vectors, and vectors say which texts mean the like."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.errors import BadInput, counted, suggest
from workings.generation.embedding import POOLINGS, PackedReader, PaddedReader, embed, prepare, windows
from workings.models.encoder import Encoder
from workings.weights.folder import load_folder

WINDOW = 4096
"""So many texts are read before the first of them is embedded: those of like length meet."""
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
Heard = Callable[[int], object]


@dataclass
class Way:
    """How one vector is made of a text."""

    pooling: str
    normalize: bool
    """Whether vectors have length 1."""
    longest: int
    """Tokens of a text that are read; the rest is cut off."""
    said: bool
    """Whether the folder says it; otherwise it was chosen here."""

    def __str__(self) -> str:
        return f"{self.pooling} pooling{', length 1' if self.normalize else ''}, at most {self.longest} tokens" + (
            "" if self.said else " (chosen here: the folder says nothing)"
        )


class Embedder:
    """What `workings.load` gives for an encoder: the model, its tokenizer, and `embed`.

    How a vector is made is read from the folder ("embedding" in its facts; the folders of sentence-transformers say it). Where nothing is said, it is the
    mean over the tokens, at its own length.
    """

    def __init__(self, folder: Path, dtype: torch.dtype | None = None):
        saved = load_folder(folder, dtype)
        if not isinstance(saved.model, Encoder):
            raise BadInput(f"{folder} holds a model for the task {saved.task!r}, which makes no vectors of texts; give an encoder, such as BERT.")
        if saved.tokenizer is None or not hasattr(saved.tokenizer, "encode_batch_with_template"):
            raise BadInput(f"{folder} holds an encoder, but no tokenizer that knows its template; copy tokenizer.json or vocab.txt of the same model into it.")
        self.folder, self.model, self.tokenizer, self.facts = folder, saved.model, saved.tokenizer, saved.facts
        said, context = saved.facts.get("embedding") or {}, saved.model.body.settings.context
        self.way = Way(said.get("pooling", "mean"), said.get("normalize", False), min(said.get("longest") or context, context), bool(said))
        self.readers: dict[str, PaddedReader | PackedReader] = {}
        self.cut = 0
        """How many texts of the last call were longer than `way.longest`."""

    def __repr__(self) -> str:
        return f"Embedder({str(self.folder)!r})"

    def embed(
        self,
        texts: str | Sequence[str],
        *,
        pooling: str | None = None,
        precision: Literal["float32", "bfloat16"] = "float32",
        on_batch: Heard | None = None,
    ) -> Tensor:
        """The vector of a text, [D], or of each of several, [B, D], float32.

        pooling: "mean" over the tokens or "cls", the first one; None as the folder says. precision: of the matrix products; bfloat16 is faster where the
        processor has it, and turns vectors by less than a degree. on_batch hears how many texts each batch had.
        """
        if isinstance(texts, str):
            return self.embed([texts], pooling=pooling, precision=precision, on_batch=on_batch)[0]
        parts = list(self.stream(texts, pooling=pooling, precision=precision, on_batch=on_batch))
        return torch.cat(parts) if parts else torch.empty(0, self.model.body.settings.width)

    def stream(
        self,
        texts: Iterable[str],
        *,
        pooling: str | None = None,
        precision: Literal["float32", "bfloat16"] = "float32",
        on_batch: Heard | None = None,
        window: int = WINDOW,
    ) -> Iterator[Tensor]:
        """The same for texts without end: the vectors of the first `window` texts, of the next, ...; only these are held at a time."""
        pooling = pooling or self.way.pooling
        if pooling not in POOLINGS:
            raise BadInput(f"There is no pooling {pooling!r}. {suggest(pooling, POOLINGS)}")
        if precision not in PRECISIONS:
            raise BadInput(f"There is no precision {precision!r} for this. {suggest(precision, PRECISIONS)}")
        if precision not in self.readers:
            self.readers[precision] = prepare(self.model, PRECISIONS[precision])
        self.cut = 0
        for some in windows(texts, window):
            yield embed(self.readers[precision], self.tokens(some), pooling, self.way.normalize, on_batch)

    def tokens(self, texts: Sequence[str]) -> list[Tensor]:
        """The tokens of each text inside the template of the tokenizer, [T_i], cut to what is read."""
        wrong = next((text for text in texts if not isinstance(text, str)), None)
        if wrong is not None:
            raise BadInput(f"{wrong!r} is not a text; embed takes a text or a list of texts.")
        found, _ = self.tokenizer.encode_batch_with_template(texts)
        over = [number for number, tokens in enumerate(found) if len(tokens) > self.way.longest]
        self.cut += len(over)
        if over:
            shorter, _ = self.tokenizer.encode_batch_with_template([texts[number] for number in over], length=self.way.longest)
            for number, tokens in zip(over, shorter, strict=True):
                found[number] = tokens
        empty = next((number for number, tokens in enumerate(found) if not len(tokens)), None)
        if empty is not None:
            raise BadInput(f"The text {texts[empty]!r} has no tokens, so there is nothing to make a vector of; leave it out.")
        return found

    def about(self) -> str:
        """What it is and how its vectors are made, in a line."""
        s = self.model.body.settings
        parameters = sum(p.numel() for p in self.model.parameters())
        return f"{counted(parameters, 'parameter')}, vectors of {s.width} numbers: {self.way}"


def cosines(one: Tensor, other: Tensor) -> Tensor:
    """The cosine of the angle between each vector of one and each of the other. [A, D], [B, D] -> [A, B]."""
    return F.normalize(one, dim=-1) @ F.normalize(other, dim=-1).t()


def nearest(vectors: Tensor, count: int, rows: int = 1024) -> list[tuple[float, int, int]]:
    """The pairs of vectors with the largest cosines: (cosine, i, j) with i < j, largest first; no more than `rows` rows of the matrix are held. [B, D]."""
    unit = F.normalize(vectors, dim=-1)
    best: list[tuple[float, int, int]] = []
    for start in range(0, len(unit), rows):
        block = unit[start : start + rows] @ unit[start:].t()
        block = block.masked_fill(torch.ones_like(block, dtype=torch.bool).tril(), -torch.inf)
        values, places = block.flatten().topk(min(count, block.numel()))
        for value, place in zip(values.tolist(), places.tolist(), strict=True):
            if value > -torch.inf:
                best.append((value, start + place // block.shape[1], start + place % block.shape[1]))
    return sorted(best, key=lambda pair: (-pair[0], pair[1:]))[:count]
