"""`--to torch`: programs of PyTorch's own operations, which torch loads where this package is not installed."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from workings.weights.folder import Saved
from workings.weights.graph_cards import program_card
from workings.weights.graphs import Graph
from workings.weights.tracing import Run, export_graphs


def export_program(source: Path, out: Path) -> None:
    """Fill a folder with `program.pt2`, or `encoder_program.pt2` and `decoder_program.pt2`, with the tokenizer's files and a README.md that runs them."""
    export_graphs(source, out, "{}program.pt2", write_program, program_card)


def write_program(program: torch.export.ExportedProgram, graph: Graph, path: Path, saved: Saved) -> Run:
    """Write one file. It is the program that is run, since reading a .pt2 unpickles, which nothing here does."""
    program.example_inputs = None
    torch.export.save(program, path)
    module = program.module()

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        return list(module(*inputs))

    return run
