"""The Python in the README.md beside an exported graph runs, and does what this package does."""

import contextlib

import numpy
import pytest
import torch
from PIL import Image

import workings
from tests.weights.graph_models import TEXT, saved_folder
from tests.weights.oracles import close
from workings.data.picture_settings import Preparation
from workings.data.pictures import prepared
from workings.data.tokenizers import train_tokenizer
from workings.weights.folder import load_folder
from workings.weights.graph_cards import ONNX, TORCH, preparing, read, see, translate, write
from workings.weights.graphs import graphs
from workings.weights.tokenizer_files import write_tokenizer

MEANS = dict(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.1))


@pytest.mark.parametrize(
    "how",
    [
        Preparation(size=(24, 16), filter="bicubic", **MEANS),
        Preparation(resize="shortest", size=(20,), crop=(16, 18), **MEANS),
        Preparation(resize="none", size=(), channels=1, scale=1 / 127),
    ],
)
def test_a_picture_is_prepared_as_here(how):
    picture = Image.fromarray(numpy.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=numpy.uint8))
    names = {"Image": Image, "numpy": numpy, "picture": picture.convert("RGB" if how.channels == 3 else "L")}
    exec("\n".join(preparing(how)), names)
    close(torch.from_numpy(names["pixels"])[0], prepared(picture, how))


@pytest.mark.parametrize("form", [ONNX, TORCH], ids=["onnx", "torch"])
def test_every_program_is_python(form, tmp_path):
    for name, make in (("gpt", write), ("vectors", read), ("translation", translate), ("resnet", see)):
        saved = load_folder(saved_folder(name, tmp_path / name))
        compile(make(saved, graphs(saved.model), form), name, "exec")


@pytest.mark.slow
def test_a_text_is_read_as_here(tmp_path, monkeypatch):
    out = workings.export(saved_folder("vectors", tmp_path / "ours"), to="torch", out=tmp_path / "out")
    tokenizer = train_tokenizer("character", [TEXT], 0)
    write_tokenizer(out, tokenizer)
    saved = load_folder(tmp_path / "ours")
    names: dict = {}
    monkeypatch.chdir(out)
    exec(read(saved, graphs(saved.model), TORCH).replace("One text.", "once").replace("Another, longer text.", "upon a time"), names)
    for text, vector in zip(("once", "upon a time"), names["vectors"], strict=True):
        close(vector, saved.model(tokenizer.encode(text)[None])[0].mean(0))


@pytest.mark.slow
def test_a_translation_is_ours_token_for_token(tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    out = workings.export(saved_folder("translation", tmp_path / "ours"), to="torch", out=tmp_path / "out")
    saved = load_folder(tmp_path / "ours")
    model, source = saved.model, [7, 3, 19, 2]

    class Stub:
        """A tokenizer that knows one text."""

        input_ids = source

        def __call__(self, text):
            return self

        def decode(self, tokens, skip_special_tokens):
            return tokens

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda folder: Stub())
    monkeypatch.chdir(out)
    names: dict = {}
    program = translate(saved, graphs(model), TORCH).replace("range(128)", "range(12)")
    with contextlib.redirect_stdout(None):
        exec(program, names)
    wanted = [model.settings.start]
    with torch.no_grad():
        while len(wanted) < 13 and (len(wanted) == 1 or wanted[-1] != model.settings.end):
            wanted.append(int(model(torch.tensor([source]), torch.tensor([wanted]))[0, -1].argmax()))
    assert names["tokens"][0].tolist() == wanted
