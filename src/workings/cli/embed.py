"""`workings embed MODEL TEXT...`: texts or the lines of files become vectors; which of them mean the like."""

import json as json_module
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any, Literal

from workings.cli.lines import lines_of
from workings.cli.progress import Progress
from workings.cli.shape import Files, make_app
from workings.errors import BadInput, counted

app = make_app(
    "embed",
    'workings embed all-MiniLM-L6-v2 "It is lovely today." "The sun shines." --similar',
    "workings embed models/minilm --file sentences.txt --out vectors.npy",
    'workings embed models/minilm "A sentence" --json',
    "workings embed models/minilm --file texts.txt --similar --precision bfloat16",
)

FEW, PAIRS, NUMBERS = 12, 20, 5
"""Texts whose whole matrix is shown; pairs that are shown of more; numbers that are shown of a vector."""


@app.default
def embed(
    model: str,
    /,
    *texts: str,
    file: Files = None,
    similar: bool = False,
    out: str | None = None,
    pooling: Literal["mean", "cls"] | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
    json: bool = False,
) -> None:
    """Turn texts into vectors, and say which of them mean the like.

    Every line of a file is a text; line i gives vector i, an empty line too. What is longer than the model reads is cut, and counted.

    Args:
        model: A model's folder, or a model's name on the hub; an encoder such as BERT or MiniLM.
        texts: The texts. Put -- before one that begins with a dash.
        file: A file with a text on each line; - is standard input; can be given more than once.
        similar: Show the cosines of all pairs of a few texts, or the nearest pairs of many.
        out: Write the vectors into this .npy file, one row a text, while they are made.
        pooling: The mean over the tokens, or the first token's vector. [default: as the model's folder says, else the mean]
        precision: Of the matrix products; bfloat16 is faster where the processor has it, and turns vectors by less than a degree.
        json: Print one JSON object a text, or a pair.
    """
    if not texts and not file:
        raise BadInput('There is nothing to embed; give texts, as in: workings embed MODEL "One text" "Another", or a file with --file.')
    from workings.tasks.embedder import Embedder
    from workings.tasks.vector_file import VectorFile
    from workings.weights.hub import locate

    embedder = Embedder(locate(model))
    print(f"{model}: {embedder.about()}", file=sys.stderr)
    kept: list[str] = []
    vectors = []
    count, started = 0, time.perf_counter()
    progress = Progress()
    with VectorFile(out, embedder.model.body.settings.width) if out else nullcontext() as target:
        for given, found in paired(embedder, lines_of(texts, file or []), pooling=pooling, precision=precision, on_batch=progress):
            count += len(given)
            if target is not None:
                target.write(found)
            elif not similar:
                show_vectors(given, found.tolist(), json)
            if similar:
                kept += given
                vectors.append(found)
    progress.done()
    cut = f"; {counted(embedder.cut, 'text')} cut to {embedder.way.longest} tokens" if embedder.cut else ""
    print(
        f"{counted(count, 'text')} in {time.perf_counter() - started:.1f} s{cut}"
        + (f"; {out}: {count:,} x {embedder.model.body.settings.width}" if out else ""),
        file=sys.stderr,
    )
    if similar:
        show_similar(kept, vectors, json)


def paired(embedder: Any, texts: Iterable[str], **choices: Any) -> Iterator[tuple[list[str], Any]]:
    """Texts and their vectors, a window at a time."""
    held: list[str] = []

    def remembered() -> Iterator[str]:
        for text in texts:
            held.append(text)
            yield text

    for found in embedder.stream(remembered(), **choices):
        given, held[:] = list(held), []
        yield given, found


def show_vectors(texts: list[str], vectors: list[list[float]], json: bool) -> None:
    """Each text with its vector: the first numbers, or all of them as JSON."""
    for text, vector in zip(texts, vectors, strict=True):
        if json:
            print(json_module.dumps({"text": text, "vector": vector}, ensure_ascii=False))
        else:
            print(" ".join(f"{number:+.4f}" for number in vector[:NUMBERS]) + f" ...  {text}")


def show_similar(texts: list[str], vectors: list[Any], json: bool) -> None:
    """The matrix of cosines of a few texts, the nearest pairs of many."""
    import torch

    from workings.tasks.embedder import cosines, nearest

    every, few = torch.cat(vectors), len(texts) <= FEW
    if json or not few:
        for cosine, one, other in nearest(every, len(texts) * (len(texts) - 1) // 2 if few else PAIRS):
            if json:
                print(json_module.dumps({"cosine": cosine, "texts": [texts[one], texts[other]], "numbers": [one, other]}, ensure_ascii=False))
            else:
                print(f"{cosine:.4f}  {texts[one]}\n        {texts[other]}")
        return
    for text, row in zip(texts, cosines(every, every).tolist(), strict=True):
        print(" ".join(f"{cosine:7.4f}" for cosine in row) + f"  {text}")
