"""FID's Inception-v3 is the published one: its features equal those of another implementation with the same random weights."""

import importlib
import importlib.util
import sys
import types

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from workings.errors import BadInput
from workings.models.inception import WIDTH, Inception, resized
from workings.weights.inception import convolution_names, entries, read_inception
from workings.weights.names import write_all


@torch.no_grad()
def random(model: nn.Module) -> nn.Module:
    """Weights that keep numbers of one size through many layers, and norms that do something."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        if tensor.ndim > 1:
            tensor.normal_(std=(2 / tensor[0].numel()) ** 0.5, generator=generator)
        elif tensor.is_floating_point():
            low, high = (-0.2, 0.2) if name.endswith(("bias", "mean")) else (0.7, 1.3)
            tensor.uniform_(low, high, generator=generator)
    return model.eval()


@pytest.fixture(scope="module")
def model() -> Inception:
    return random(Inception())


@pytest.fixture
def theirs(model, monkeypatch):
    """torch-fidelity's extractor with the same weights; only what it is made of is loaded, as the package itself asks for torchvision."""
    found = importlib.util.find_spec("torch_fidelity")
    if found is None:
        pytest.skip("torch-fidelity is not installed")
    package = types.ModuleType("torch_fidelity")
    package.__path__ = list(found.submodule_search_locations)
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    before = set(sys.modules)
    module = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    state = write_all(model.state_dict(), entries()) | {"fc.weight": torch.zeros(1008, WIDTH), "fc.bias": torch.zeros(1008)}
    monkeypatch.setattr(module, "load_state_dict_from_url", lambda *_, **__: state)
    yield module.FeatureExtractorInceptionV3("inception", ["2048"])
    for name in set(sys.modules) - before:
        if name.startswith("torch_fidelity"):
            del sys.modules[name]


def some_pixels(height: int = 32, width: int = 40) -> Tensor:
    return torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_features_are_those_of_another_implementation(model, theirs):
    pixels = some_pixels()
    (wanted,) = theirs(pixels)
    ours = model(pixels.float())
    assert ours.shape == (2, WIDTH) and ours.std() > 0.1
    torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-5)


def test_resizing_puts_first_pixels_on_each_other():
    """One row 0, 10, 20 to six: 0, 5, 10, 15, 20, and behind the last pixel that one again. Other ways of resizing begin between pixels."""
    row = torch.tensor([0.0, 10, 20]).view(1, 1, 1, 3).expand(1, 1, 3, 3)
    assert torch.equal(resized(row, 6)[0, 0, 4], torch.tensor([0.0, 5, 10, 15, 20, 20]))
    assert torch.equal(resized(row.mT, 6), resized(row, 6).mT)
    assert torch.equal(resized(row, 3), row)
    assert torch.equal(resized(row, 2)[0, 0, 0], torch.tensor([0.0, 15]))


def test_means_leave_out_what_lies_outside_and_the_last_block_takes_the_largest(model):
    ones = torch.ones(1, 1, 4, 5)
    assert torch.equal(model.blocks[0].pool(ones), ones) and torch.equal(model.blocks[9].pool(ones), ones)
    x = torch.randn(1, 1, 4, 5)
    torch.testing.assert_close(model.blocks[9].pool(x)[0, 0, 0, 0], x[0, 0, :2, :2].mean())
    assert model.blocks[10].pool(x)[0, 0, 0, 0] == x[0, 0, :2, :2].max()
    assert {part.eps for part in model.modules() if isinstance(part, nn.BatchNorm2d)} == {1e-3}


def test_every_tensor_has_one_published_name_and_comes_back_from_its_file(model, tmp_path):
    names = convolution_names()
    assert len(names) == len(set(names.values())) == 94
    assert {ours for entry in entries() for ours in entry.ours} == set(model.state_dict())
    tensors = {name: tensor for name, tensor in write_all(model.state_dict(), entries()).items() if "batches" not in name}
    save_file(tensors | {"fc.weight": torch.zeros(1008, WIDTH), "fc.bias": torch.zeros(1008)}, tmp_path / "inception.safetensors")
    again = read_inception(tmp_path / "inception.safetensors")
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in again.state_dict().items() if tensor.is_floating_point())
    assert not again.training and sum(parameter.numel() for parameter in again.parameters()) == 21_785_568


def test_what_is_no_such_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match="There is no file .*leave scores.inception empty"):
        read_inception(tmp_path / "nothing.safetensors")
    (tmp_path / "pickled.pth").write_bytes(b"")
    with pytest.raises(BadInput, match="a pickle can run any program .*weights_only=True"):
        read_inception(tmp_path / "pickled.pth")
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(BadInput, match="does not hold FID's Inception-v3"):
        read_inception(tmp_path / "other.safetensors")
