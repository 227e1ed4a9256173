"""`--to onnx`: files for onnxruntime and everything else that reads ONNX, with the names of inputs and outputs that `optimum` gives."""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import workings
from workings.errors import BadInput
from workings.models.architectures import name_of
from workings.settings import to_dict
from workings.weights.folder import Saved
from workings.weights.graph_cards import onnx_card
from workings.weights.graphs import Graph
from workings.weights.tracing import Run, export_graphs

OPSET = 20
"""The version of ONNX's operations (2023); onnxruntime 1.17 and later run it."""

LARGEST = 2_000_000_000
"""Bytes of weights in the file itself; larger ones lie beside it, since a protobuf ends at 2 GiB."""

NEEDED = ("onnx", "onnxscript", "onnxruntime")


def export_onnx(source: Path, out: Path) -> None:
    """Fill a folder with `model.onnx`, or `encoder_model.onnx` and `decoder_model.onnx`, with the tokenizer's files and a README.md that runs them."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise BadInput(f"--to onnx needs {', '.join(NEEDED)}, and {', '.join(missing)} cannot be found; install them with: pip install 'workings[onnx]'")
    export_graphs(source, out, "{}model.onnx", write_onnx, onnx_card)


def write_onnx(program: torch.export.ExportedProgram, graph: Graph, path: Path, saved: Saved) -> Run:
    """Write one file, check it against the standard and open it."""
    import onnx
    import onnx_ir
    import onnxruntime

    with silence():
        translated = torch.onnx.export(
            program, (), input_names=list(graph.inputs), output_names=list(graph.outputs), opset_version=OPSET, dynamo=True, verbose=False
        )
    assert translated is not None
    model: Any = translated.model
    describe(model, graph, saved)
    size = sum(value.const_value.nbytes for value in model.graph.initializers.values())
    onnx_ir.save(model, path, external_data=f"{path.name}.data" if size > LARGEST else None)
    onnx.checker.check_model(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        return [torch.from_numpy(output) for output in session.run(None, dict(zip(graph.inputs, (x.numpy() for x in inputs), strict=True)))]

    return run


@contextmanager
def silence() -> Iterator[None]:
    """Without what the translation says to its developers."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)


def describe(model: Any, graph: Graph, saved: Saved) -> None:
    """Say in the file what it is, and give its sizes their names; what the translation noted of this machine is taken out."""
    settings = saved.model.settings
    facts = {"workings": workings.__version__, "task": saved.task, "architecture": name_of(settings), "settings": json.dumps(to_dict(settings))}
    model.producer_name, model.producer_version, model.graph.name = "workings", workings.__version__, f"{graph.part}model"
    names = {
        str(size): dim for value, (_, dims) in zip(model.graph.inputs, graph.inputs.values(), strict=True) for size, dim in zip(value.shape, dims, strict=True)
    }
    values = [*model.graph.inputs, *(value for node in model.graph.all_nodes() for value in node.outputs)]
    for part in (*values, *model.graph.all_nodes(), model.graph, model):
        part.metadata_props.clear()
    model.metadata_props.update(facts | {"vocabulary": str(graph.vocabulary)})
    for value in values:
        if value.shape is not None:
            value.shape = type(value.shape)([names.get(str(size), size) for size in value.shape])
    for value, dims in zip(model.graph.outputs, graph.outputs.values(), strict=True):
        value.shape = type(value.shape)(dims)
