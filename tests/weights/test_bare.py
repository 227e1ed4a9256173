"""Files without a config are known by the names and shapes of their tensors, and say what their model is for."""

import lzma
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from workings.data.picture_settings import Preparation
from workings.data.pictures import prepared_pixels
from workings.errors import BadInput
from workings.models.lenet_settings import lenet_settings
from workings.models.resnet import ResNet
from workings.models.resnet_settings import resnet_settings
from workings.settings import from_dict
from workings.tasks.picture_classifier import PictureClassifier
from workings.weights.bare import RECOGNIZED, bare_task, read_bare
from workings.weights.families import lenet, resnet
from workings.weights.folder import task_of
from workings.weights.names import write_all

DATA = Path(os.environ.get("WORKINGS_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")).resolve()
DIGITS = tuple("0123456789")


def lenet_file(folder: Path, classes: int = 10) -> Path:
    """A file in the layout of LeNet-5 with random numbers."""
    torch.manual_seed(0)
    inputs = {"convnet.c1": (6, 1, 5, 5), "convnet.c3": (16, 6, 5, 5), "convnet.c5": (120, 16, 5, 5), "fc.f6": (84, 120), "fc.f7": (classes, 84)}
    tensors = {f"{name}.weight": torch.randn(shape) for name, shape in inputs.items()}
    save_file(tensors | {f"{name}.bias": torch.randn(shape[0]) for name, shape in inputs.items()}, folder / "digits.safetensors")
    return folder / "digits.safetensors"


def mnist() -> tuple[torch.Tensor, torch.Tensor]:
    """The test pictures of MNIST, uint8 [10000, 1, 28, 28], and their classes."""
    folder = DATA / "benchmark" / "mnist"
    if not (folder.exists() and (DATA / "weights" / "mnist_lenet5.safetensors").exists()):
        pytest.skip("MNIST or its LeNet-5 is not here (set WORKINGS_DATA)")
    pictures, classes = (lzma.decompress((folder / f"t10k-{name}-ubyte.xz").read_bytes()) for name in ("images-idx3", "labels-idx1"))
    pixels = torch.frombuffer(bytearray(pictures), dtype=torch.uint8, offset=16)
    return pixels.view(-1, 1, 28, 28), torch.frombuffer(bytearray(classes), dtype=torch.uint8, offset=8).long()


def test_a_file_of_lenet_is_recognized_and_written_again(tmp_path):
    found = read_bare(lenet_file(tmp_path))
    assert found.settings == lenet_settings("lenet-5", classes=10, class_names=DIGITS) and found.task == "pictures"
    assert from_dict(Preparation, found.facts["preparation"]) == Preparation(channels=1, size=(32, 32))
    again = write_all(found.model.state_dict(), lenet.entries(found.settings, lenet.LENET))
    save_file(again, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "digits.safetensors").read_bytes()
    assert read_bare(lenet_file(tmp_path, classes=3)).settings.class_names == ()


def test_every_family_knows_its_own_files_and_no_others(tmp_path):
    model = ResNet(resnet_settings("cifar-resnet-20", classes=3))
    save_file(write_all(model.state_dict(), resnet.cifar_entries(model.settings)), tmp_path / "small.safetensors")
    found = {name: read_bare(path).facts["architecture"] for name, path in (("resnet", tmp_path / "small.safetensors"), ("lenet", lenet_file(tmp_path)))}
    assert found == {"resnet": resnet.CIFAR, "lenet": lenet.LENET}
    shapes = {"weight": (3,)}
    assert all(family.recognized(shapes, {}) is None for family in RECOGNIZED)


def test_what_a_file_is_for_is_said_without_loading_it(tmp_path):
    path = lenet_file(tmp_path)
    assert task_of(path) == bare_task(path) == task_of(tmp_path) == "pictures"
    save_file({"weight": torch.zeros(3)}, tmp_path / "digits.safetensors")
    with pytest.raises(BadInput, match="tensors of no model that is known by them alone"):
        task_of(path)


@torch.inference_mode()
def test_the_lenet_for_mnist_scores_what_was_published():
    pixels, classes = mnist()
    found = read_bare(DATA / "weights" / "mnist_lenet5.safetensors")
    how = from_dict(Preparation, found.facts["preparation"])
    right = sum(
        int((found.model(prepared_pixels(some, how)).argmax(1) == truth).sum()) for some, truth in zip(pixels.split(500), classes.split(500), strict=True)
    )
    assert abs(right - 9908) <= 1  # one picture may lie on the edge
    (said,) = PictureClassifier(DATA / "weights" / "mnist_lenet5.safetensors").classify(pixels[:1], top=1)
    assert said.name == str(int(classes[0]))
