"""Residual networks read here are those of transformers, and those of the files for CIFAR; written again they are the same files."""

import json
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from tests.weights.oracles import change_config, close, close_gradients, import_from, oracle, round_trip
from workings.data.picture_settings import CIFAR10_CLASSES, Preparation
from workings.data.pictures import prepared_pixels
from workings.errors import BadInput
from workings.models.resnet import ResNet
from workings.models.resnet_settings import RESNETS, resnet_settings
from workings.settings import from_dict
from workings.weights.bare import bare_file, read_bare
from workings.weights.exporting import write_foreign
from workings.weights.families import resnet
from workings.weights.importing import read_foreign

transformers = pytest.importorskip("transformers")

DATA = Path(os.environ.get("WORKINGS_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")).resolve()
OF_DETECTORS = ["out_features", "out_indices", "stage_names"]
"""Fields that say which maps a detector takes."""
CONFIG = dict(embedding_size=6, hidden_sizes=[8, 12], depths=[1, 2])


def resnet_oracle(seed: int = 0, base: bool = False, labels: int = 5, **changes):
    config = transformers.ResNetConfig(**(CONFIG | changes), num_labels=labels)
    return oracle((transformers.ResNetModel if base else transformers.ResNetForImageClassification)(config), seed)


@pytest.fixture
def folder(tmp_path):
    """A folder that transformers saved."""
    resnet_oracle().save_pretrained(tmp_path)
    return tmp_path


stages = st.lists(st.tuples(st.sampled_from([4, 8, 12]), st.integers(1, 3)), min_size=1, max_size=3)
configs = st.fixed_dictionaries(
    {
        "layer_type": st.sampled_from(["basic", "bottleneck"]),
        "embedding_size": st.sampled_from([4, 7, 8]),
        "num_channels": st.sampled_from([1, 3]),
        "downsample_in_first_stage": st.booleans(),
        "downsample_in_bottleneck": st.booleans(),
    }
)


ranges = dict(config=configs, stages=stages, size=st.tuples(st.integers(32, 45), st.integers(32, 45)), training=st.booleans(), seed=st.integers(0, 2**20))


@settings(max_examples=15, deadline=None)
@given(**ranges)
def test_logits_maps_gradients_and_running_statistics_are_those_of_the_original(tmp_path_factory, **drawn):
    compare(tmp_path_factory, **drawn)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(**ranges)
def test_many_more_maps_gradients_and_running_statistics_are_those_of_the_original(tmp_path_factory, **drawn):
    compare(tmp_path_factory, **drawn)


def compare(tmp_path_factory, config, stages, size, training, seed):
    """Everything that transformers says of a few pictures, what a batch leaves behind, and the files before and after."""
    folder = tmp_path_factory.mktemp("resnet")
    widths, depths = zip(*stages, strict=True)
    theirs = resnet_oracle(seed, **config, hidden_sizes=list(widths), depths=list(depths))
    found = import_from(theirs, folder)
    round_trip(found, folder, OF_DETECTORS)
    theirs.train(training), found.model.train(training)
    pictures, record = torch.randn(3, config["num_channels"], *size, generator=torch.Generator().manual_seed(seed)), {}
    logits, wanted = found.model(pictures, record=record), theirs(pictures, output_hidden_states=True)
    close(logits, wanted.logits)
    for ours, state in zip([record["embedding"], *(record[f"hidden.{stage}"] for stage in range(len(depths)))], wanted.hidden_states, strict=True):
        close(ours, state)
    for entry in resnet.entries(found.settings, found.facts["architecture"]):
        if "running" in entry.theirs or "batches" in entry.theirs:
            close(found.model.state_dict()[entry.ours[0]], theirs.state_dict()[entry.theirs])
    close_gradients(found, theirs, logits, wanted.logits)


def test_a_model_without_classifier_gives_the_pooled_map(tmp_path):
    theirs = resnet_oracle(base=True)
    found, pictures = import_from(theirs, tmp_path), torch.randn(2, 3, 40, 33)
    close(found.model(pictures), theirs(pictures).pooler_output.flatten(1))
    close(found.model.hidden(pictures), theirs(pictures).last_hidden_state)
    round_trip(found, tmp_path, [*OF_DETECTORS, "id2label", "label2id"])


def test_classes_keep_their_names(tmp_path):
    theirs = resnet_oracle(labels=3)
    theirs.config.id2label = {0: "cat", 1: "dog", 2: "bird"}
    theirs.config.label2id = {"cat": 0, "dog": 1, "bird": 2}
    found = import_from(theirs, tmp_path)
    assert found.settings.class_names == ("cat", "dog", "bird") and found.settings.classes == 3
    round_trip(found, tmp_path, OF_DETECTORS)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"hidden_act": "gelu"}, "hidden_act = 'gelu'"),
        ({"layer_type": "wide"}, "layer_type = 'wide'"),
        ({"groups": 32}, "groups = 32"),
        ({"depths": 3}, "depths = 3, which should be a list"),
        ({"id2label": None, "num_labels": "two"}, "num_labels = 'two'"),
        ({"depths": [1]}, "must have one number a stage each"),
        ({"id2label": {"0": "a", "2": "b"}}, "id2label"),
    ],
)
def test_a_field_that_would_change_the_result_is_refused_by_name(fields, said, folder):
    change_config(folder, **fields)
    with pytest.raises(BadInput) as error:
        read_foreign(folder)
    assert said in str(error.value)


def test_a_damaged_file_is_described_in_one_sentence(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["classifier.1.bias"][0] = torch.nan
    tensors["extra"] = torch.zeros(1)
    tensors["resnet.embedder.embedder.convolution.weight"] = torch.zeros(6, 3, 5, 5)
    del tensors["resnet.embedder.embedder.normalization.running_mean"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(BadInput) as error:
        read_foreign(folder)
    for said in ("missing: resnet.embedder.embedder.normalization.running_mean", "not known here: extra", "not finite: classifier.1.bias", "[6, 3, 5, 5]"):
        assert said in str(error.value)


@pytest.mark.parametrize(
    ("name", "number"),
    [("resnet-18", 11_689_512), ("resnet-34", 21_797_672), ("resnet-50", 25_557_032), ("resnet-101", 44_549_160), ("resnet-152", 60_192_808)],
)
def test_the_named_sizes_have_the_published_number_of_parameters(name, number):
    with torch.device("meta"):
        model = ResNet(resnet_settings(name, classes=1000))
    assert sum(parameter.numel() for parameter in model.parameters()) == number


@pytest.mark.parametrize(("name", "millions"), [("cifar-resnet-20", 0.27), ("cifar-resnet-32", 0.46), ("cifar-resnet-44", 0.66), ("cifar-resnet-56", 0.85)])
def test_the_small_sizes_have_the_published_number_of_parameters(name, millions):
    with torch.device("meta"):
        model = ResNet(resnet_settings(name, classes=10))
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 2) == millions
    with pytest.raises(BadInput, match="model.stem='3x3' has no place in transformers' ResNet, which has '7x7'"):
        resnet.home(model.settings)


@pytest.mark.parametrize("name", [name for name in RESNETS if name.startswith("cifar")])
def test_a_small_file_without_config_is_recognized_and_written_again(name, tmp_path):
    model = oracle(ResNet(resnet_settings(name, classes=10)))
    write_foreign(tmp_path, model.settings, model.state_dict(), resnet.CIFAR)
    tensors = {key: tensor for key, tensor in load_file(tmp_path / "model.safetensors").items() if "batches" not in key}
    (tmp_path / "config.json").unlink()
    save_file(tensors, tmp_path / "model.safetensors")
    assert bare_file(tmp_path) == tmp_path / "model.safetensors"
    found = read_bare(tmp_path / "model.safetensors")
    assert found.settings == model.settings
    pictures = torch.randn(2, 3, 32, 32)
    assert torch.equal(found.model(pictures), model(pictures))
    write_foreign(tmp_path / "again", found.settings, found.model.state_dict(), resnet.CIFAR)
    again = load_file(tmp_path / "again" / "model.safetensors")
    assert all(torch.equal(again[key], tensor) for key, tensor in tensors.items()) and len(again) > len(tensors)


def test_a_file_of_something_else_is_refused(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "a.safetensors")
    with pytest.raises(BadInput, match="tensors of no model that is known by them alone"):
        read_bare(tmp_path / "a.safetensors")
    (tmp_path / "config.json").write_text("{}")
    assert bare_file(tmp_path) is None and bare_file(tmp_path / "config.json") is None


@pytest.mark.parametrize(("switch", "value"), [("stem", "3x3"), ("shortcut", "padding")])
def test_a_switch_without_a_place_there_is_refused_by_name(switch, value):
    with pytest.raises(BadInput, match=f"model.{switch}='{value}' has no place"):
        resnet.home(resnet_settings("resnet-50", **{switch: value}))


def cifar10() -> tuple[torch.Tensor, torch.Tensor]:
    """The test pictures, uint8 [10000, 3, 32, 32], and their classes."""
    import numpy as np

    places = [DATA / "benchmark" / "cifar10.npz", Path.home() / ".cache" / "workings" / "cifar10.npz"]
    path = next((path for path in places if path.exists()), None)
    if path is None or not (DATA / "weights").exists():
        pytest.skip("CIFAR-10 or its networks are not here; get_cifar10.py of the data folder fetches the pictures")
    with np.load(path) as arrays:
        return torch.from_numpy(arrays["xte"]).permute(0, 3, 1, 2), torch.from_numpy(arrays["yte"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "right"), [("cifar10_resnet20", 9173), ("cifar10_resnet56", 9339)])
@torch.inference_mode()
def test_the_networks_for_cifar_10_score_what_was_published(name, right):
    pixels, classes = cifar10()
    found = read_bare(DATA / "weights" / f"{name}.safetensors")
    assert found.settings == resnet_settings(name.replace("10_resnet", "-resnet-"), classes=10, class_names=CIFAR10_CLASSES)
    how = from_dict(Preparation, found.facts["preparation"])
    counted = sum(
        int((found.model(prepared_pixels(some, how)).argmax(1) == truth).sum()) for some, truth in zip(pixels.split(500), classes.split(500), strict=True)
    )
    assert abs(counted - right) <= 1  # one picture may lie on the edge


def test_the_file_for_cifar_10_says_where_it_comes_from():
    path = DATA / "weights" / "cifar10_resnet20.safetensors"
    if not path.exists():
        pytest.skip("the networks for CIFAR-10 are not here")
    found = read_bare(path)
    assert found.facts["license"] == "BSD-2-Clause" and json.dumps(found.facts)
    assert found.settings.class_names[3] == "cat"
