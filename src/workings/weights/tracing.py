"""From a model to files that run without this package: traced once by PyTorch, written, run at other sizes and compared with the model itself."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._sympy.value_ranges import ValueRanges

from workings.data.picture_settings import Preparation
from workings.settings import from_dict
from workings.weights.families.preparation import write_preparation
from workings.weights.folder import Saved, load_folder
from workings.weights.graphs import BATCH, HEIGHT, NEW, PAST, SOURCE, TOTAL, WIDTH, Dims, Graph, graphs
from workings.weights.tokenizer_files import write_tokenizer

TRACED = {BATCH: 2, NEW: 3, PAST: 4, SOURCE: 5, HEIGHT: 512, WIDTH: 640}
"""The sizes of the example that is traced; none is 0 or 1, which PyTorch takes for constants, and no map of a picture so large is one pixel."""

COMPARED = ({BATCH: 3, NEW: 6, PAST: 0, SOURCE: 7, HEIGHT: 50, WIDTH: 39}, {BATCH: 1, NEW: 1, PAST: 5, SOURCE: 1, HEIGHT: 32, WIDTH: 64})
"""The sizes at which a file is run: rows of different lengths without a past, and one more token for one row."""

RTOL, ATOL = 1e-4, 1e-5

Run = Callable[[Sequence[Tensor]], list[Tensor]]
"""A file in use: its inputs in their order -> its outputs."""

Write = Callable[[torch.export.ExportedProgram, Graph, Path, Saved], Run]
"""What makes a file of what was traced, and opens it."""


def export_graphs(source: Path, out: Path, files: str, write: Write, card: Callable[[Saved, list[Graph], float], str]) -> None:
    """Fill a folder with a file for each graph of a model in float32, its tokenizer and a card.

    files: what the files are called, such as "{}model.onnx". card: from the model, its graphs and the largest difference, relative to the size of the numbers.
    """
    saved = load_folder(source, torch.float32)
    found, worst = graphs(saved.model), 0.0
    for graph in found:
        path = out / files.format(graph.part)
        say(f"{path.name}: tracing the model")
        program = trace(graph)
        say(f"{path.name}: writing")
        run = write(program, graph, path, saved)
        say(f"{path.name}: {path.stat().st_size / 1e6:,.1f} MB; running it at other lengths")
        worst = max(worst, largest_difference(graph, run))
    if saved.tokenizer is not None:
        write_tokenizer(out, saved.tokenizer)
    if "preparation" in saved.facts:
        write_preparation(out, from_dict(Preparation, saved.facts["preparation"]))
    (out / "README.md").write_text(card(saved, found, worst), encoding="utf-8")


def say(sentence: str) -> None:
    """What is being done, for the person who waits."""
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def plain_paths() -> Iterator[None]:
    """PyTorch's own operations only, none of `layers.fast`."""
    before = os.environ.get("WORKINGS_FAST")
    os.environ["WORKINGS_FAST"] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ["WORKINGS_FAST"]
        else:
            os.environ["WORKINGS_FAST"] = before


def trace(graph: Graph) -> torch.export.ExportedProgram:
    """The graph as PyTorch's operations; sizes that have a name stay open."""
    example = graph.example(TRACED)
    named = {dim for _, dims in graph.inputs.values() for dim in dims if isinstance(dim, str)}
    sizes: dict[str, Any] = {name: torch.export.Dim(name, min=TRACED[name] if name in (HEIGHT, WIDTH) else 0) for name in named - {TOTAL}}
    sizes |= {TOTAL: torch.export.Dim.AUTO}  # the sum of two others
    shapes: Any = torch.export.ShapesCollection()
    for tensor, (_, dims) in zip(example, graph.inputs.values(), strict=True):
        shapes[tensor] = {axis: sizes[dim] for axis, dim in enumerate(dims) if isinstance(dim, str)}
    with plain_paths(), torch.no_grad():
        program = torch.export.export(graph.module.eval(), example, dynamic_shapes=shapes, strict=False)
    for size, found in program.range_constraints.items():  # what is true of the example's sizes is no bound
        program.range_constraints[size] = ValueRanges(0, found.upper)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names folders of this machine
    return program


@torch.no_grad()
def largest_difference(graph: Graph, run: Run) -> float:
    """The largest difference between a file and the model where there is no padding, at sizes that were not traced, divided by 1 or the number's own size.

    More than `RTOL` and `ATOL` allow is a mistake of ours.
    """
    worst = 0.0
    for sizes in COMPARED:
        new = min(sizes[NEW], graph.longest)
        example = graph.example(sizes | {NEW: new, PAST: min(sizes[PAST], graph.longest - new), SOURCE: min(sizes[SOURCE], graph.longest)}, padding=2)
        masks = {dims[1]: x.bool() for (name, (_, dims)), x in zip(graph.inputs.items(), example, strict=True) if name.endswith("mask")}
        masks |= {NEW: masks[TOTAL][:, -new:]} if TOTAL in masks else {}
        for (name, dims), wanted, got in zip(graph.outputs.items(), graph.module(*example), run(example), strict=True):
            wanted, got = visible(wanted, dims, masks), visible(got, dims, masks)
            torch.testing.assert_close(got, wanted, rtol=RTOL, atol=ATOL, msg=lambda said, name=name: f"the {graph.part}graph differs in {name}: {said}")
            worst = max(worst, ((got - wanted).abs() / wanted.abs().clamp(min=1)).max().item())
    return worst


def visible(x: Tensor, dims: Dims, masks: Mapping[int | str, Tensor]) -> Tensor:
    """What is no padding: the rows of x that its mask [B, T] shows, whichever dimension T is. [B, ..., T, ...] -> [N, ...]; everything where there is no T."""
    axis = next((axis for axis, dim in enumerate(dims) if dim in masks), None)
    return x if axis is None else x.movedim(axis, 1)[masks[dims[axis]]]
