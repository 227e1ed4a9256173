"""ViT and DeiT read here are those of transformers: logits, hidden states, gradients; written again they are the same files."""

import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from tests.weights.oracles import change_config, close, close_gradients, close_hidden, import_from, oracle, round_trip
from workings.errors import BadInput
from workings.models.vision_settings import VISION_TRANSFORMERS, body, vision_settings
from workings.models.vision_transformer import VisionTransformer, interpolated
from workings.weights.exporting import write_foreign
from workings.weights.families import vision_transformer as family
from workings.weights.importing import read_foreign

transformers = pytest.importorskip("transformers")

CONFIG = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, image_size=8, patch_size=4)
WITH_CLASSES = ["ViTForImageClassification", "DeiTForImageClassification", "DeiTForImageClassificationWithTeacher"]


def vision_oracle(architecture: str = "ViTForImageClassification", seed: int = 0, labels: int = 5, **changes):
    kind = transformers.ViTConfig if architecture.startswith("ViT") else transformers.DeiTConfig
    config = kind(**(CONFIG | changes), num_labels=labels, attn_implementation="eager")
    return oracle(getattr(transformers, architecture)(config), seed)


@pytest.fixture
def folder(tmp_path):
    """A folder that transformers saved."""
    vision_oracle().save_pretrained(tmp_path)
    return tmp_path


def pictures_for(found, count: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, found.settings.channels, *found.settings.image_size, generator=torch.Generator().manual_seed(seed))


patches = st.sampled_from([2, 4, [2, 3], [3, 1]])
configs = st.fixed_dictionaries(
    {
        "num_attention_heads": st.integers(1, 4),
        "num_hidden_layers": st.integers(1, 3),
        "intermediate_size": st.sampled_from([5, 48]),
        "hidden_act": st.sampled_from(["gelu", "relu", "gelu_new", "silu", "gelu_pytorch_tanh"]),
        "layer_norm_eps": st.sampled_from([1e-12, 1e-6, 1e-2]),
        "num_channels": st.sampled_from([1, 3, 4]),
        "patch_size": patches,
    }
)


ranges = dict(
    config=configs,
    grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    architecture=st.sampled_from(WITH_CLASSES),
    head_width=st.integers(4, 12),  # a norm of one or two numbers divides by nothing
    labels=st.integers(1, 7),
    seed=st.integers(0, 2**20),
)


@settings(max_examples=20, deadline=None)
@given(**ranges)
def test_logits_hidden_states_and_gradients_are_those_of_the_original(tmp_path_factory, **drawn):
    compare(tmp_path_factory, **drawn)


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(**ranges)
def test_many_more_logits_hidden_states_and_gradients_are_those_of_the_original(tmp_path_factory, **drawn):
    compare(tmp_path_factory, **drawn)


def compare(tmp_path_factory, config, grid, architecture, head_width, labels, seed):
    """Everything that transformers says of a few pictures, and the files before and after."""
    folder = tmp_path_factory.mktemp("vision")
    patch = config["patch_size"] if isinstance(config["patch_size"], list) else [config["patch_size"]] * 2
    size = [count * side for count, side in zip(grid, patch, strict=True)]
    theirs = vision_oracle(architecture, seed, labels, **config, hidden_size=config["num_attention_heads"] * head_width, image_size=size)
    found = import_from(theirs, folder)
    pictures, record = pictures_for(found, seed=seed), {}
    logits, wanted = found.model(pictures, record=record), theirs(pictures, output_hidden_states=True, output_attentions=True)
    close(logits, wanted.logits)
    layers = config["num_hidden_layers"]
    close_hidden(record, [*wanted.hidden_states[:layers], record["output"]])
    close(record[f"hidden.{layers - 1}"], wanted.hidden_states[layers])  # theirs ends before the last norm
    for layer, weights in enumerate(wanted.attentions):
        close(record[f"attention.{layer}"], weights)
    close_gradients(found, theirs, logits, wanted.logits)
    round_trip(found, folder, ["hidden_act", "encoder_stride", "image_size", "patch_size"])  # squares and nonlinearities in our way of writing


@pytest.mark.parametrize("architecture", ["ViTModel", "DeiTModel"])
@pytest.mark.parametrize("width", [None, 7])
def test_models_without_classes_give_vectors_and_the_pooler_stays(architecture, width, tmp_path):
    theirs = vision_oracle(architecture, pooler_output_size=width)
    found = import_from(theirs, tmp_path)
    pictures = pictures_for(found)
    y, wanted = found.model(pictures), theirs(pictures)
    close(y, wanted.last_hidden_state)
    close(found.model.pooled(y), wanted.pooler_output)
    close_gradients(found, theirs, found.model.pooled(y), wanted.pooler_output)
    round_trip(found, tmp_path, ["encoder_stride", "id2label", "label2id"])


def test_a_file_without_a_pooler_gives_a_model_without_one(tmp_path):
    theirs = oracle(transformers.ViTModel(transformers.ViTConfig(**CONFIG), add_pooling_layer=False))
    found = import_from(theirs, tmp_path)
    close(found.model(pictures_for(found)), theirs(pictures_for(found)).last_hidden_state)
    with pytest.raises(BadInput, match="has no pooler"):
        found.model.pooled(torch.zeros(1, 5, 12))


def test_both_classifiers_of_a_distilled_model_can_be_asked(tmp_path):
    theirs = vision_oracle("DeiTForImageClassificationWithTeacher")
    found = import_from(theirs, tmp_path)
    pictures = pictures_for(found)
    wanted, said = theirs(pictures), found.model.predictions(found.model.hidden(pictures))
    close(said[0], wanted.cls_logits)
    close(said[1], wanted.distillation_logits)
    close(found.model(pictures), (wanted.cls_logits + wanted.distillation_logits) / 2)
    for one, other in zip(found.model.heads(pictures), (wanted.cls_logits, wanted.distillation_logits), strict=True):
        close(one, other)


def test_a_model_without_classes_has_no_heads(tmp_path):
    found = import_from(vision_oracle("ViTModel"), tmp_path)
    with pytest.raises(BadInput, match="no classes"):
        found.model.heads(pictures_for(found))


@pytest.mark.parametrize("architecture", WITH_CLASSES)
@pytest.mark.parametrize("size", [(16, 16), (12, 20), (4, 8)])
def test_positions_for_another_size_are_interpolated_as_transformers_does_it(architecture, size, tmp_path):
    theirs = vision_oracle(architecture)
    found = import_from(theirs, tmp_path)
    larger, state = interpolated(found.settings, found.model.state_dict(), size)
    model = VisionTransformer(larger).eval()
    model.load_state_dict(state)
    pictures = torch.randn(2, 3, *size)
    close(model(pictures), theirs(pictures, interpolate_pos_encoding=True).logits)
    with pytest.raises(BadInput, match=r"this model has learned positions for \[pictures, 3, 8, 8\]"):
        found.model(pictures)


def test_positions_for_the_same_size_stay_the_same(folder):
    found = read_foreign(folder)
    _, state = interpolated(found.settings, found.model.state_dict(), found.settings.image_size)
    torch.testing.assert_close(state["body.positions.weight"], found.model.state_dict()["body.positions.weight"])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_stored_precision_is_kept_or_changed(dtype, tmp_path):
    vision_oracle().to(dtype).save_pretrained(tmp_path)
    kept = torch.float32 if dtype == torch.float16 else dtype
    assert read_foreign(tmp_path).model.cls.dtype == kept
    assert read_foreign(tmp_path, torch.float32).model.cls.dtype == torch.float32


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"qkv_bias": False}, "qkv_bias = False"),
        ({"pooler_act": "relu"}, "pooler_act = 'relu'"),
        ({"hidden_act": "quick_gelu"}, "hidden_act = 'quick_gelu'"),
        ({"layerscale_value": 1e-5}, "layerscale_value"),
        ({"num_attention_heads": 5}, "does not divide by model.heads 5"),
        ({"head_dim": 8}, "head_dim = 8"),
        ({"image_size": 9}, "does not divide by patch_size"),
        ({"patch_size": [1, 2, 3]}, "patch_size = [1, 2, 3]"),
        ({"architectures": ["ViTForMaskedImageModeling"]}, "ViTForMaskedImageModeling"),
        ({"image_size": 12}, "misshapen: vit.embeddings.position_embeddings"),
    ],
)
def test_a_field_that_would_change_the_result_is_refused_by_name(fields, said, folder):
    change_config(folder, **fields)
    with pytest.raises(BadInput) as error:
        read_foreign(folder)
    assert said in str(error.value)


def test_a_damaged_file_is_described_in_one_sentence(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["vit.embeddings.cls_token"][0, 0, 1] = torch.inf
    tensors["head.weight"] = torch.zeros(1)
    del tensors["vit.layernorm.bias"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(BadInput) as error:
        read_foreign(folder)
    for said in ("missing: vit.layernorm.bias", "not known here: head.weight", "not finite: vit.embeddings.cls_token"):
        assert said in str(error.value)


def test_the_config_of_a_published_model_is_read():
    config = json.loads(
        """{"_name_or_path": "x", "architectures": ["ViTForImageClassification"], "attention_probs_dropout_prob": 0.0, "encoder_stride": 16,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0, "hidden_size": 192, "id2label": {"0": "tench", "1": "goldfish"}, "image_size": 224, "initializer_range": 0.02,
        "intermediate_size": 768, "label2id": {"goldfish": 1, "tench": 0}, "layer_norm_eps": 1e-06, "model_type": "vit", "num_attention_heads": 3,
        "num_channels": 3, "num_hidden_layers": 12, "patch_size": 16, "qkv_bias": true, "torch_dtype": "float32", "transformers_version": "4.28.0"}"""
    )
    task, found = family.read_config(config)
    assert task == "pictures" and found == vision_settings("vit-tiny-16", classes=2, class_names=("tench", "goldfish"))


@pytest.mark.parametrize(
    ("name", "millions"), [("vit-tiny-16", 5.7), ("vit-small-16", 22.1), ("vit-base-16", 86.6), ("vit-large-16", 304.3), ("vit-base-32", 88.2)]
)
def test_the_named_sizes_have_the_published_number_of_parameters(name, millions):
    with torch.device("meta"):
        model = VisionTransformer(vision_settings(name))
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == millions


@pytest.mark.parametrize("name", VISION_TRANSFORMERS)
def test_every_named_size_has_a_home(name):
    assert family.home(vision_settings(name)) in family.ARCHITECTURES


@pytest.mark.parametrize(
    ("switch", "value"), [("norm", "rms"), ("biases", "none"), ("tau", "learned"), ("key_value_heads", 1), ("position", "rotary"), ("phi", "gated")]
)
def test_a_switch_without_a_place_there_is_refused_by_name(switch, value):
    there = vision_settings("vit-tiny-16", body=body(width=24, heads=3, **{switch: value}))
    with pytest.raises(BadInput, match=f"model.body.{switch}={value!r} has no place"):
        family.home(there)


def test_a_model_that_was_made_here_is_read_by_transformers(tmp_path):
    ours = VisionTransformer(vision_settings("deit-tiny-16", body=body(width=24, heads=3, layers=2), image_size=(32, 32), classes=3)).eval()
    write_foreign(tmp_path, ours.settings, ours.state_dict(), family.home(ours.settings))
    theirs = transformers.DeiTForImageClassificationWithTeacher.from_pretrained(tmp_path)
    pictures = torch.randn(2, 3, 32, 32)
    close(ours(pictures), theirs(pictures).logits)
    assert dataclasses.replace(read_foreign(tmp_path).settings, class_names=()) == ours.settings
