"""Documents to one tensor of tokens, kept on disk by content, so that the second run on a text begins at once."""

import contextlib
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from workings.data.tokenizers import Tokenizer

FORMAT = "tokens 1"
"""Part of every key: a change in how documents are joined or stored changes it, and old files are no longer found."""


def encode_documents(tokenizer: Tokenizer, documents: Sequence[str]) -> Tensor:
    """All documents as one tensor [N], uint16 when every id fits and int32 otherwise.

    With more than one document, each is followed by the end token; a tokenizer without one (character) has a newline between them.
    """
    if len(documents) == 1:
        return compact(tokenizer.encode(documents[0]), tokenizer.size)
    if tokenizer.end is None:
        return compact(tokenizer.encode("\n".join(documents)), tokenizer.size)
    end = torch.tensor([tokenizer.end])
    return torch.cat([compact(part, tokenizer.size) for ids in tokenizer.encode_each(documents) for part in (ids, end)])


def encode_cached(tokenizer: Tokenizer, documents: Sequence[str], folder: Path | None = None) -> Tensor:
    """`encode_documents`, kept in a folder under a hash of the texts and the tokenizer.

    The folder is $WORKINGS_CACHE, or ~/.cache/workings. A file is written beside its place and moved there whole, so any number of runs
    may do this at once; one that is damaged is written anew; a folder that cannot be written is no reason to stop.
    """
    folder = folder or cache_folder()
    path = folder / f"{content_key(tokenizer, documents)}.tokens"
    tokens = _read(path)
    if tokens is None:
        tokens = encode_documents(tokenizer, documents)
        with contextlib.suppress(OSError):
            _write(path, tokens)
    return tokens


def compact(tokens: Tensor, size: int) -> Tensor:
    """The same ids in uint16 when the vocabulary has at most 65,536 tokens, else in int32."""
    return tokens.to(torch.uint16 if size <= 2**16 else torch.int32)


def cache_folder() -> Path:
    """$WORKINGS_CACHE, or ~/.cache/workings."""
    return Path(os.environ.get("WORKINGS_CACHE") or "~/.cache/workings").expanduser()


def content_key(tokenizer: Tokenizer, documents: Sequence[str]) -> str:
    """A hash of everything that the tokens depend on; lengths are hashed too, so that ["ab"] and ["a", "b"] differ."""
    key = hashlib.sha256(f"{FORMAT}\n{tokenizer.fingerprint()}\n".encode())
    for document in documents:
        raw = document.encode("utf-8", "surrogatepass")
        key.update(f"{len(raw)}\n".encode())
        key.update(raw)
    return key.hexdigest()


def _read(path: Path) -> Tensor | None:
    """The tokens of a file, or nothing if it is not there or not as it was written."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        raw = path.read_bytes()
        checksum, content = raw[:32], raw[32:]
        if hashlib.sha256(content).digest() == checksum:
            return torch.from_numpy(np.load(io.BytesIO(content), allow_pickle=False))
    return None


def _write(path: Path, tokens: Tensor) -> None:
    """The checksum of what follows, and the tokens as NumPy stores them."""
    content = io.BytesIO()
    np.save(content, tokens.numpy(), allow_pickle=False)
    with written_whole(path) as file:
        file.write(hashlib.sha256(content.getvalue()).digest() + content.getvalue())


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write into, beside its place, and moved there when all is written; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
