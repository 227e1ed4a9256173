"""What a model is made of, as a table: each kind of part with its shape, how many there are, parameters and memory."""

import re
from dataclasses import dataclass, fields, is_dataclass

from torch import nn

UNITS = ("B", "kB", "MB", "GB", "TB")

FIRST = ("embedding", "segments")
"""What text meets first; all else is in the model's own order."""


@dataclass
class Part:
    """Parameters of one name, over all layers."""

    name: str
    """The module's; * stands for the number of the layer."""
    shape: str
    """Of its weight; "various" where layers differ."""
    count: int
    """How many such modules there are."""
    parameters: int
    """Biases included; what several names share is counted once, under the first."""
    bytes: int


def parts_of(model: nn.Module) -> list[Part]:
    """The parts in the order in which a text meets them, each kind once."""
    parts: dict[str, Part] = {}
    modules: dict[str, set[str]] = {}
    for name, parameter in model.named_parameters():  # each once, however many names it has
        module, _, kind = name.rpartition(".")
        module = module or kind
        key = re.sub(r"\.\d+(?=\.|$)", ".*", module)
        shape = " x ".join(map(str, parameter.shape)) or "1"
        part = parts.setdefault(key, Part(key, shape, 0, 0, 0))
        modules.setdefault(key, set()).add(module)
        if kind != "bias" and part.shape != shape:
            part.shape = "various"
        part.count = len(modules[key])
        part.parameters += parameter.numel()
        part.bytes += parameter.numel() * parameter.element_size()
    return sorted(parts.values(), key=lambda part: part.name.rpartition(".")[2] not in FIRST)


def table(model: nn.Module) -> list[str]:
    """The parts as lines of text, with the sum below."""
    parts = parts_of(model)
    rows = [("part", "shape", "", "parameters", "memory")]
    rows += [(part.name, part.shape, f"x {part.count}" if part.count > 1 else "", f"{part.parameters:,}", memory(part.bytes)) for part in parts]
    rows.append(("all", "", "", f"{sum(part.parameters for part in parts):,}", memory(sum(part.bytes for part in parts))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) if place < 3 else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths, strict=True))) for row in rows
    ]


def memory(count: int) -> str:
    """A number of bytes, shortly.

    >>> memory(999), memory(497_759_232)
    ('999 B', '498 MB')
    """
    size, unit = float(count), 0
    while size >= 999.5 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {UNITS[unit]}"


def switches(settings: object) -> dict[str, object]:
    """The settings that are not the defaults, under dotted names."""
    found: dict[str, object] = {}
    for field in fields(settings):  # pyrefly: ignore
        value = getattr(settings, field.name)
        if is_dataclass(value):
            found |= {f"{field.name}.{name}": inner for name, inner in switches(value).items()}
        elif value != field.default:
            found[field.name] = value
    return found
