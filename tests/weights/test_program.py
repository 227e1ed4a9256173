"""A program of torch's own operations says what the model says, in a process that does not know this package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import workings
from tests.weights.graph_models import OTHER_PICTURES, SIZES, check_language, check_other, check_translation, language_folder, ragged, random, saved_folder
from workings.errors import BadInput
from workings.models.build import build
from workings.models.settings import model_settings
from workings.weights.folder import load_folder
from workings.weights.graphs import graphs
from workings.weights.tracing import trace


def programs(name: str, folder: Path) -> tuple:
    """A model of random numbers, and each graph of it, traced."""
    model = load_folder(saved_folder(name, folder / "ours")).model
    return model, [trace(graph).module() for graph in graphs(model)]


@pytest.mark.parametrize("name", ["llama", *(pytest.param(name, marks=pytest.mark.slow) for name in ("gpt", "lecture"))])
def test_a_program_reads_prompts_and_goes_on_with_its_cache_for_every_batch_and_length(name, tmp_path):
    model, (program,) = programs(name, tmp_path)
    check_language(model, program)


@pytest.mark.parametrize(
    "name",
    ["vectors", "vision-transformer", *(pytest.param(name, marks=pytest.mark.slow) for name in ("masked", "classes", "resnet", "maps", *OTHER_PICTURES))],
)
def test_encoders_and_models_of_pictures_say_the_same(name, tmp_path):
    model, (program,) = programs(name, tmp_path)
    check_other(model, program)


@pytest.mark.slow
def test_an_encoder_and_a_decoder_are_two_programs(tmp_path):
    model, (encoder, decoder) = programs("translation", tmp_path)
    check_translation(model, encoder, decoder)
    assert not [name for name, _ in decoder.named_parameters() if name.startswith("encoder")]


@pytest.mark.slow
def test_a_file_is_run_where_this_package_is_not_and_its_readme_writes_what_we_write(tmp_path):
    ours = language_folder(tmp_path / "ours")
    out = workings.export(ours, to="torch", out=tmp_path / "out")
    page = (out / "README.md").read_text()
    assert "load it only from people whom you trust" in page
    program = "import sys; sys.modules['workings'] = None\n" + page.split("```python\n")[1].split("```")[0]
    said = subprocess.run([sys.executable, "-c", program], cwd=out, capture_output=True, text=True, check=True).stdout
    assert said.removesuffix("\n") == workings.load(ours).write("Once upon a time", tokens=12, temperature=0.0)
    with pytest.raises(BadInput, match="exists; give another folder with --out, or --overwrite"):
        workings.export(ours, to="torch", out=out)
    assert workings.export(ours, to="torch", out=out, overwrite=True) == out
    assert str(Path(workings.__file__).parents[1]).encode() not in (out / "program.pt2").read_bytes()


def test_a_mask_that_does_not_cover_every_token_is_an_error_and_so_is_a_text_longer_than_the_positions(tmp_path):
    model, (program,) = programs("gpt", tmp_path)
    tokens, mask = ragged(2, 5, 37)
    past = [torch.zeros(2, 4, 3, 6)] * 4
    with pytest.raises(AssertionError, match="Guard failed"):
        program(tokens, mask, *past)
    long = torch.zeros(2, SIZES["context"] + 1, dtype=torch.long)
    with pytest.raises(IndexError):
        program(long, long + 1, *[x[:, :, :0] for x in past])


def test_no_fast_path_is_traced_however_large_the_model_is(monkeypatch):
    monkeypatch.setenv("WORKINGS_FAST", "1")
    model = random(build(model_settings("gpt", vocabulary=2048, width=512, heads=8, layers=1, context=2048)))
    program = trace(graphs(model)[0])
    targets = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert targets and not [name for name in targets if not name.startswith(("aten.", "<built-in", "_operator"))], targets
    assert os.environ["WORKINGS_FAST"] == "1"
