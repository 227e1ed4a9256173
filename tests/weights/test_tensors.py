"""A foreign folder's tensors: one file or many, mapped and not read, refused in a sentence when something is wrong with them."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from workings.errors import BadInput
from workings.weights.tensors import FILE, INDEX, Tensors, read_json, write_tensors


@pytest.fixture
def folder(tmp_path) -> Path:
    write_tensors(tmp_path, {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.bfloat16), "n": torch.tensor(3)})
    return tmp_path


def shard(folder: Path, promised: dict | None = None) -> Path:
    """Two files and an index."""
    save_file({"a": torch.zeros(2), "b": torch.ones(3)}, folder / "model-00001-of-00002.safetensors")
    save_file({"c": torch.full((4,), 2.0)}, folder / "model-00002-of-00002.safetensors")
    one, two = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": promised or {"a": one, "b": one, "c": two}}))
    return folder


def test_names_shapes_and_numbers_of_one_file(folder):
    tensors = Tensors(folder)
    assert tensors.names == {"a", "b", "n"} and tensors.shape("a") == (2, 3) and tensors.shape("n") == ()
    assert tensors.get("a").tolist() == [[0, 1, 2], [3, 4, 5]] and tensors.get("b", apart=True).dtype == torch.bfloat16
    assert tensors.bytes() == (folder / FILE).stat().st_size


def test_the_type_is_the_one_in_which_most_numbers_are_stored(folder):
    assert Tensors(folder).dtype == torch.float32
    write_tensors(folder, {"a": torch.zeros(3), "b": torch.zeros(4, dtype=torch.bfloat16), "n": torch.zeros(9, dtype=torch.int64)})
    assert Tensors(folder).dtype == torch.bfloat16
    write_tensors(folder, {"n": torch.zeros(9, dtype=torch.int64)})
    assert Tensors(folder).dtype == torch.float32


def test_shards_are_one_set_of_tensors(tmp_path):
    tensors = Tensors(shard(tmp_path))
    assert tensors.names == {"a", "b", "c"} and tensors.get("c").tolist() == [2, 2, 2, 2] and tensors.get("b").tolist() == [1, 1, 1]


def test_an_absent_shard_and_a_misplaced_tensor_are_refused_by_name(tmp_path):
    shard(tmp_path, {"a": "model-00002-of-00002.safetensors"})
    with pytest.raises(BadInput, match="says that a is in model-00002-of-00002.safetensors, where it is not"):
        Tensors(tmp_path)
    shard(tmp_path)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(BadInput, match="names model-00002-of-00002.safetensors, which the folder lacks"):
        Tensors(tmp_path)


@pytest.mark.parametrize("index", [{}, {"weight_map": []}, {"weight_map": {"a": "../model.safetensors"}}, {"weight_map": {"a": 3}}])
def test_an_index_that_is_none_is_refused(index, tmp_path):
    shard(tmp_path)
    (tmp_path / INDEX).write_text(json.dumps(index))
    with pytest.raises(BadInput, match="has no weight_map of tensor names to files beside it"):
        Tensors(tmp_path)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_file_that_is_cut_short_is_refused(keep, folder):
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:keep])
    with pytest.raises(BadInput, match=r"model\.safetensors is damaged or cut short"):
        Tensors(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pth", "last.ckpt"])
def test_pickles_are_refused_with_the_way_to_convert_them_and_never_opened(name, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BadInput, match=rf"has its weights in {name} only: .*save_pretrained"):
        Tensors(tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"has no weights: neither model\.safetensors nor"):
        Tensors(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\udcff"])
def test_json_that_is_broken_is_refused(text, tmp_path):
    (tmp_path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput, match=r"config\.json (is not valid JSON|holds no JSON object)"):
        read_json(tmp_path / "config.json")


def test_a_file_that_transformers_reads_says_its_format(folder):
    assert Tensors(folder).files[folder / FILE].metadata() == {"format": "pt"}


MEASURE = """
import sys, torch
from pathlib import Path
from workings.weights.tensors import Tensors
def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) * 1024
folder = Path(sys.argv[1])
before = resident()
tensors = Tensors(folder)
kept = {name: tensors.get(name) for name in tensors.names}
opened = resident() - before
for number in range(8):
    tensors.get("big", apart=True).sum()
apart = resident() - before
kept["big"].sum()
print(opened, apart, resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of a process as Linux tells it")
def test_tensors_cost_memory_once_they_are_looked_at_and_give_it_back_when_apart(tmp_path, root):
    size = 32_000_000
    write_tensors(tmp_path, {"big": torch.randn(size // 4)})
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    ran = subprocess.run([sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True, env=environment)
    opened, apart, looked_at = map(int, ran.stdout.split())
    assert opened < size / 4 and apart < size / 2 and size * 0.9 < looked_at < size * 1.5


def test_who_may_read_the_folder_may_read_its_weights(tmp_path):
    assert write_tensors(tmp_path, {"a": torch.zeros(2)}).stat().st_mode & 0o044 == 0o044
