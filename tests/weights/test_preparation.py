"""Pictures are prepared as the processors of transformers do it, for everything that their files can say."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from workings.data.picture_settings import IMAGENET_MEAN, IMAGENET_STD, Preparation
from workings.data.pictures import prepared
from workings.errors import BadInput
from workings.weights.families.preparation import from_config, read_preparation, write_preparation

SIDES = st.integers(5, 40)
PAIRS = st.fixed_dictionaries({"height": SIDES, "width": SIDES})
COMMON = {
    "resample": st.sampled_from([0, 1, 2, 3, 4, 5]),
    "do_resize": st.booleans(),
    "do_rescale": st.booleans(),
    "rescale_factor": st.sampled_from([1 / 255, 1 / 127.5]),
    "do_normalize": st.booleans(),
    "image_mean": st.sampled_from([[0.5, 0.5, 0.5], list(IMAGENET_MEAN)]),
    "image_std": st.sampled_from([[0.5, 0.25, 1.0], list(IMAGENET_STD)]),
}
SQUARES = st.fixed_dictionaries({}, optional=COMMON | {"size": PAIRS | SIDES, "do_center_crop": st.booleans()})
PLAIN = st.fixed_dictionaries({"size": PAIRS | SIDES | st.fixed_dictionaries({"shortest_edge": SIDES}), "crop_size": PAIRS | SIDES}, optional=COMMON)
SHORT = st.fixed_dictionaries(
    {"size": st.fixed_dictionaries({"shortest_edge": SIDES | st.just(385)}) | SIDES}, optional=COMMON | {"crop_pct": st.sampled_from([0.875, 0.95, 1.0])}
)


def processor(kind: str, config: dict):
    """A processor of transformers that works on Pillow's pictures."""
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
    from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    return {"ViT": ViTImageProcessorPil, "DeiT": DeiTImageProcessorPil, "ConvNext": ConvNextImageProcessorPil}[kind](**config)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["ViT", "DeiT", "ConvNext"]), height=SIDES, width=SIDES)
def test_pictures_are_prepared_as_transformers_does_it(data, kind, height, width):
    config = data.draw({"ViT": SQUARES, "DeiT": PLAIN, "ConvNext": SHORT}[kind])
    if config.get("do_center_crop") and "crop_size" not in config:
        config["crop_size"] = 11
    picture = Image.fromarray(np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8))
    theirs = processor(kind, config)(picture, return_tensors="pt")["pixel_values"][0]
    ours = prepared(picture, from_config({"image_processor_type": f"{kind}ImageProcessor"} | config))
    torch.testing.assert_close(ours, theirs.float(), rtol=1e-5, atol=1e-4 if config.get("do_rescale") is False else 1e-5)


def test_old_files_are_read_too():
    how = from_config(
        {"do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor", "size": 224, "resample": 2, "image_mean": [0.5] * 3}
    )
    assert how == Preparation(size=(224, 224), mean=(0.5,) * 3, std=(0.5,) * 3)
    how = from_config({"crop_pct": 0.875, "do_resize": True, "feature_extractor_type": "ConvNextFeatureExtractor", "resample": 3, "size": 224})
    assert (how.resize, how.size, how.crop, how.filter) == ("shortest", (256,), (224, 224), "bicubic")


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"image_processor_type": "CLIPImageProcessor"}, "CLIPImageProcessor"),
        ({"do_reduce_labels": True}, "do_reduce_labels"),
        ({"do_pad": True}, "do_pad"),
        ({"resample": 9}, "resample = 9"),
        ({"size": {"longest_edge": 3}}, "longest_edge"),
        ({"image_mean": [0.5, 0.5]}, "mean"),
        ({"image_processor_type": 3}, "is of a 3"),
        ({"image_processor_type": "ViTImageProcessor", "image_mean": ["a"]}, "where numbers should be"),
        ({"image_processor_type": "ViTImageProcessor", "resample": [1]}, "resample = "),
        ({"image_processor_type": "ViTImageProcessor", "size": {"height": "a", "width": -1}}, "size of"),
        ({"crop_pct": 0, "size": 224}, "crop_pct = 0"),
    ],
)
def test_what_is_not_supported_is_named(config, named):
    with pytest.raises(BadInput, match=named):
        from_config(config)


@pytest.mark.parametrize(
    "how", [Preparation(mean=(0.5,)), Preparation(resize="shortest", size=(9,), crop=(7, 5), filter="bicubic"), Preparation(resize="none", size=(), scale=1.0)]
)
def test_what_is_written_reads_the_same_here_and_prepares_the_same_there(how, tmp_path):
    write_preparation(tmp_path, how)
    again = read_preparation(tmp_path, 3)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (13, 8, 3), dtype=np.uint8))
    config = json.loads((tmp_path / "preprocessor_config.json").read_text())
    theirs = processor("ViT", config)(picture, return_tensors="pt")["pixel_values"][0]
    torch.testing.assert_close(prepared(picture, again), prepared(picture, how))
    torch.testing.assert_close(prepared(picture, how), theirs, rtol=1e-5, atol=1e-4)


def test_a_folder_that_does_not_say_has_no_preparation(tmp_path):
    assert read_preparation(tmp_path, 3) is None
