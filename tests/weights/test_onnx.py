"""A file for onnxruntime says what the model says: at sizes that were not traced, with padding, step by step as in one pass, greedy text token for token."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import workings
from tests.weights.graph_models import GRAPHS, OTHER_PICTURES, check_language, check_other, check_translation, language_folder, saved_folder
from workings.cli.main import main
from workings.errors import BadInput
from workings.weights import onnx as onnx_form
from workings.weights.folder import load_folder

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


class Session:
    """An ONNX file that takes tensors in their order, as the program of torch does."""

    def __init__(self, path: Path):
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.names = [given.name for given in self.session.get_inputs()]
        self.outputs = [given.name for given in self.session.get_outputs()]

    def __call__(self, *tensors):
        given = dict(zip(self.names, (x.long().numpy() if x.dtype == torch.bool else x.numpy() for x in tensors), strict=True))
        return [torch.from_numpy(output) for output in self.session.run(None, given)]


def exported(name: str, folder: Path) -> tuple[Path, Path]:
    """A model folder of random numbers, and what is exported of it."""
    ours = saved_folder(name, folder / "ours")
    return ours, workings.export(ours, to="onnx", out=folder / "out")


@pytest.mark.parametrize("name", ["llama", pytest.param("gpt", marks=pytest.mark.slow), pytest.param("lecture", marks=pytest.mark.slow)])
def test_one_file_reads_prompts_and_goes_on_with_its_cache_for_every_batch_and_length(name, tmp_path):
    ours, out = exported(name, tmp_path)
    session = Session(out / "model.onnx")
    assert session.names[:4] == ["input_ids", "attention_mask", "past_key_values.0.key", "past_key_values.0.value"]
    assert session.outputs[:3] == ["logits", "present.0.key", "present.0.value"]
    assert session.session.get_inputs()[2].shape == ["batch_size", session.session.get_inputs()[2].shape[1], "past_sequence_length", 6]
    check_language(load_folder(ours).model, session)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vectors", "masked", "classes", "vision-transformer", "resnet", "maps", *OTHER_PICTURES])
def test_encoders_and_models_of_pictures_say_the_same(name, tmp_path):
    ours, out = exported(name, tmp_path)
    session = Session(out / "model.onnx")
    assert session.names == GRAPHS[name].inputs and session.outputs == GRAPHS[name].outputs
    check_other(load_folder(ours).model, session)


@pytest.mark.slow
def test_the_encoder_runs_once_and_the_decoder_goes_on_with_what_it_made(tmp_path):
    ours, out = exported("translation", tmp_path)
    encoder, decoder = Session(out / "encoder_model.onnx"), Session(out / "decoder_model.onnx")
    assert encoder.outputs[:2] == ["last_hidden_state", "present.0.encoder.key"]
    assert decoder.names[:4] == ["input_ids", "decoder_attention_mask", "encoder_attention_mask", "past_key_values.0.decoder.key"]
    check_translation(load_folder(ours).model, encoder, decoder)


def test_the_readme_beside_it_writes_what_we_write_and_the_file_says_what_it_is(tmp_path):
    ours = language_folder(tmp_path / "ours")
    out = workings.export(ours, to="onnx", out=tmp_path / "out")
    program = (out / "README.md").read_text().split("```python\n")[1].split("```")[0]
    said = subprocess.run([sys.executable, "-c", program], cwd=out, capture_output=True, text=True, check=True).stdout
    assert said.removesuffix("\n") == workings.load(ours).write("Once upon a time", tokens=12, temperature=0.0)
    session = Session(out / "model.onnx").session
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["task"] == "language" and facts["vocabulary"] == str(session.get_outputs()[0].shape[2])
    assert json.loads(facts["settings"]) == json.loads((ours / "config.json").read_text())["settings"]
    model = onnx.load(out / "model.onnx")
    assert [found.version for found in model.opset_import if not found.domain] == [onnx_form.OPSET]
    assert str(Path(workings.__file__).parents[1]).encode() not in (out / "model.onnx").read_bytes()
    tokens = torch.zeros(1, 25, dtype=torch.long)
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument, match="out of data bounds"):  # of the 24 positions
        Session(out / "model.onnx")(tokens, tokens + 1, *[torch.zeros(1, 2, 0, 6)] * 4)
    with pytest.raises(BadInput, match="exists; give another folder with --out, or --overwrite"):
        workings.export(ours, to="onnx", out=out)


@pytest.mark.slow
def test_weights_that_are_too_large_for_the_file_lie_beside_it_and_an_export_may_be_replaced(tmp_path, monkeypatch):
    ours, out = exported("gpt", tmp_path)
    before = (out / "model.onnx").stat().st_size
    monkeypatch.setattr(onnx_form, "LARGEST", 1000)
    workings.export(ours, to="onnx", out=out, overwrite=True)
    assert (out / "model.onnx").stat().st_size + (out / "model.onnx.data").stat().st_size > before > (out / "model.onnx").stat().st_size
    check_language(load_folder(ours).model, Session(out / "model.onnx"))


def test_what_cannot_be_exported_is_refused_in_one_sentence(tmp_path, monkeypatch, capsys):
    ours = saved_folder("recurrent", tmp_path / "ours")
    with pytest.raises(BadInput, match="The model is a recurrent one, which has no graph for every length"):
        workings.export(ours, to="onnx", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadInput, match="attends to a second sequence"):
        workings.export(saved_folder("second", tmp_path / "second"), to="onnx", out=tmp_path / "out")
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(ours), "--to", "onx"])
    assert "There is no form 'onx' to export to. Did you mean 'onnx'?" in capsys.readouterr().err
    monkeypatch.setattr(onnx_form, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(BadInput, match=r"and onnxscript cannot be found; install them with: pip install 'workings\[onnx\]'"):
        workings.export(ours, to="onnx", out=tmp_path / "out")
