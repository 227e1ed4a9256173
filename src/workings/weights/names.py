"""The name map: one `Entry` is one tensor of a foreign file and what it is here. Read and written through the same list, bit for bit.

A family's `entries` is a plain list made with the helpers below. What an entry does may only rearrange numbers (cut, transpose, join, reshape), so that
gradients map as weights do and a round trip gives the same bits.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workings.errors import BadInput
from workings.weights.tensors import STORED, Tensors

PIECE = 1 << 18
"""How many numbers are looked at together, so that looking takes little memory."""
MENTIONED = 6
"""How many names a sentence lists before it says "and n more"."""


def keep(tensor: Tensor) -> tuple[Tensor, ...]:
    """A tensor that is the same here."""
    return (tensor,)


def only(tensor: Tensor) -> Tensor:
    """The inverse of `keep`."""
    return tensor


@dataclass(frozen=True)
class Entry:
    """One foreign tensor and what it is here."""

    theirs: str
    """Its name in the file."""
    ours: tuple[str, ...] = ()
    """The names here of the parts that it is read into; none for a tensor that may be in the file and says nothing (a copy of tied weights, a constant)."""
    read: Callable[[Tensor], tuple[Tensor, ...]] = keep
    """Theirs -> ours, as views where that is possible."""
    write: Callable[..., Tensor] = only
    """Ours -> theirs; the inverse of `read`. It is also applied to tensors without content, to say which shape a file should have."""
    optional: bool = False
    """The file may lack it; what it is here is then 0."""
    aliases: tuple[str, ...] = ()
    """Other names that the same tensor has in some files."""
    copy_of: str = ""
    """Their name of the tensor that this one must equal where it is in the file."""
    formula: Callable[[torch.Size], Tensor] | None = None
    """For a constant that is stored: what it must be, from its shape."""


def plain(theirs: str, ours: str, **more) -> Entry:
    """The same tensor under another name."""
    return Entry(theirs, (ours,), **more)


def transposed(theirs: str, ours: str, **more) -> Entry:
    """A matrix that is stored [inputs, outputs] there (GPT-2's Conv1D) and [outputs, inputs] here."""
    return Entry(theirs, (ours,), read=lambda x: (x.t(),), write=lambda x: x.t(), **more)


def split(theirs: str, ours: Sequence[str], rows: Sequence[int] | None = None, **more) -> Entry:
    """One tensor there, several here that lie below each other in it: equally many rows each, or as many as `rows` says."""
    return Entry(theirs, tuple(ours), read=lambda x: cut(x, len(ours), rows, 0), write=lambda *parts: torch.cat(parts), **more)


def split_transposed(theirs: str, ours: Sequence[str], rows: Sequence[int] | None = None, **more) -> Entry:
    """The same for a matrix [inputs, outputs]: its columns are cut, and each part is transposed (GPT-2's c_attn)."""
    read = lambda x: tuple(part.t() for part in cut(x, len(ours), rows, 1))  # noqa: E731
    return Entry(theirs, tuple(ours), read=read, write=lambda *parts: torch.cat(parts).t(), **more)


def cut(x: Tensor, count: int, sizes: Sequence[int] | None, dim: int) -> tuple[Tensor, ...]:
    """`count` parts of x along a dimension, of these sizes or equal ones."""
    return x.split(list(sizes) if sizes is not None else x.shape[dim] // count, dim)


def linear(theirs: str, ours: str, bias: bool = True, **more) -> list[Entry]:
    """The weight [outputs, inputs] of a linear map and, if it has one, its bias."""
    return [plain(f"{theirs}.{name}", f"{ours}.{name}", **more) for name in ("weight", "bias")[: 1 + bias]]


def norm(theirs: str, ours: str, bias: bool = True) -> list[Entry]:
    """The gain and the shift of a norm; very old files call them gamma and beta."""
    names = (("weight", "gamma"), ("bias", "beta"))[: 1 + bias]
    return [plain(f"{theirs}.{name}", f"{ours}.{name}", aliases=(f"{theirs}.{old}",)) for name, old in names]


def unsaid(*theirs: str) -> list[Entry]:
    """Tensors that may be in the file and say nothing: constants, parts that are not used. Not read, not written."""
    return [Entry(name, optional=True) for name in theirs]


def copy(theirs: str, of: str) -> Entry:
    """A tensor that may be in the file and must then equal another one there (tied weights). Not written."""
    return Entry(theirs, optional=True, copy_of=of)


def prefixed(entries: Sequence[Entry], prefix: str) -> list[Entry]:
    """The same entries with a prefix before each of their names."""
    return [
        replace(entry, theirs=prefix + entry.theirs, aliases=tuple(prefix + alias for alias in entry.aliases), copy_of=entry.copy_of and prefix + entry.copy_of)
        for entry in entries
    ]


def either(entries: Sequence[Entry], prefix: str) -> list[Entry]:
    """The same entries, each also known by its name without the prefix if it begins with it, else also with it."""

    def other(name: str) -> str:
        return name.removeprefix(prefix) if name.startswith(prefix) else prefix + name

    return [replace(entry, aliases=(*entry.aliases, *(other(name) for name in (entry.theirs, *entry.aliases)))) for entry in entries]


def read_all(
    tensors: Tensors, entries: Sequence[Entry], expected: Mapping[str, Tensor], dtype: torch.dtype | None = None, ignorable: Sequence[str] = ()
) -> dict[str, Tensor]:
    """Our tensors by name, from a file's. All that is wrong with the file is one BadInput.

    expected: the state dict of the model, on the meta device: shapes and which are floating. dtype: of the floating ones; None keeps what is stored.
    ignorable: patterns of names that may be in the file and say nothing; a name must match one whole.
    What lies in the file as it is needed here stays mapped to the file; the rest is copied, one tensor at a time.
    """
    untold = set(expected) - {name for entry in entries for name in entry.ours}
    if untold:
        raise ValueError(f"the name map lacks {sorted(untold)}")
    found = {entry.theirs: next((name for name in (entry.theirs, *entry.aliases) if name in tensors.names), None) for entry in entries}
    known = {name for entry in entries for name in (entry.theirs, *entry.aliases)}
    wrong: dict[str, list[str]] = {
        "missing": [],
        "not known here": [],
        "of a type that is not read": [],
        "misshapen": [],
        "not finite": [],
        "not the copy that it should be": [],
    }
    wrong["not the constants that they should be"] = []
    wrong["not known here"] = sorted(name for name in tensors.names if name not in known and not any(re.fullmatch(pattern, name) for pattern in ignorable))
    ours: dict[str, Tensor] = {}
    for entry in entries:
        name = found[entry.theirs]
        if name is None:
            if entry.optional:
                ours |= {part: torch.zeros_like(expected[part], device="cpu", dtype=kind(expected[part], dtype)) for part in entry.ours}
            else:
                wrong["missing"].append(entry.theirs)
            continue
        if not entry.ours:
            source = found.get(entry.copy_of)
            if source is not None and not equal(tensors, name, source):
                wrong["not the copy that it should be"].append(f"{name} of {source}")
            if entry.formula is not None and not is_constant(tensors.get(name, apart=True), entry.formula):
                wrong["not the constants that they should be"].append(name)
            continue
        stored = tensors.get(name)
        if stored.is_floating_point() != expected[entry.ours[0]].is_floating_point() or (stored.is_floating_point() and stored.dtype not in STORED.values()):
            wrong["of a type that is not read"].append(f"{name} ({str(stored.dtype).removeprefix('torch.')})")
            continue
        if not fits(stored, entry, expected):
            shape = entry.write(*(expected[part] for part in entry.ours)).shape
            wrong["misshapen"].append(f"{name} {list(tensors.shape(name))} instead of {list(shape)}")
            continue
        parts = take(tensors, name, entry, dtype)
        if not all(map(finite, parts)):
            wrong["not finite"].append(name)
        ours |= dict(zip(entry.ours, parts, strict=True))
    said = [f"{what}: {some(names)}" for what, names in wrong.items() if names]
    if said:
        raise BadInput(f"The weights in {tensors.folder} do not fit their config.json; {'; '.join(said)}. Copy the folder again, or correct the config.")
    return ours


def fits(stored: Tensor, entry: Entry, expected: Mapping[str, Tensor]) -> bool:
    """Whether a tensor of the file can be read into parts of the shapes that are expected; a view of it tells."""
    try:
        return [part.shape for part in entry.read(stored)] == [expected[name].shape for name in entry.ours]
    except (RuntimeError, ValueError, IndexError):  # it cannot even be cut
        return False


def kind(tensor: Tensor, dtype: torch.dtype | None) -> torch.dtype:
    """The type that a tensor is to have: the one asked for, but whole numbers stay whole."""
    return dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype


def take(tensors: Tensors, name: str, entry: Entry, dtype: torch.dtype | None) -> list[Tensor]:
    """Our parts of one foreign tensor, each contiguous and of the type asked for; still in the file if it lies there so."""
    parts = entry.read(tensors.get(name))
    if all(part.is_contiguous() and part.dtype == kind(part, dtype) for part in parts):
        return list(parts)
    parts = [cut_out(part) for part in entry.read(tensors.get(name, apart=True))]
    return [torch.empty(part.shape, dtype=kind(part, dtype)).copy_(part) for part in parts]


def cut_out(part: Tensor) -> Tensor:
    """The same numbers; columns of a wider matrix, to be transposed, are first laid side by side, which makes transposing several times faster."""
    return part.t().contiguous().t() if part.dim() == 2 and part.stride(0) == 1 else part


def finite(x: Tensor) -> bool:
    """Whether no number is infinite or NaN. Such a one shows in the sum of its piece; one by one they are looked at only where a sum is too large."""
    if not x.is_floating_point():
        return True
    wide = torch.promote_types(x.dtype, torch.float32)
    return all(bool(piece.sum(dtype=wide).isfinite()) or bool(piece.isfinite().all()) for piece in x.flatten().split(PIECE))


def equal(tensors: Tensors, one: str, other: str) -> bool:
    """Whether two tensors of a file have the same numbers."""
    return tensors.shape(one) == tensors.shape(other) and torch.equal(tensors.get(one, apart=True), tensors.get(other, apart=True))


def is_constant(stored: Tensor, formula: Callable[[torch.Size], Tensor]) -> bool:
    """Whether a tensor is what a formula says, as precisely as it is stored."""
    wanted = formula(stored.shape)
    return torch.allclose(stored.to(wanted.dtype), wanted, rtol=0, atol=1e-5 if stored.dtype in (torch.float32, torch.float64) else 1e-2)


def some(names: Sequence[str]) -> str:
    """The first few names and how many more."""
    return ", ".join(names[:MENTIONED]) + (f" and {len(names) - MENTIONED:,} more" if len(names) > MENTIONED else "")


def write_all(state: Mapping[str, Tensor], entries: Sequence[Entry]) -> dict[str, Tensor]:
    """Foreign tensors by name, from ours; contiguous, on the CPU."""
    return {entry.theirs: entry.write(*(state[name].detach().cpu() for name in entry.ours)).contiguous() for entry in entries if entry.ours}
