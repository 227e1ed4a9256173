"""U-Nets read here are those of diffusers, and written again they are the same files."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.weights.oracles import change_config, close, close_gradients, oracle
from workings.errors import BadInput
from workings.models.unet import UNet
from workings.models.unet_settings import UNETS, UNetSettings, unet_settings
from workings.weights.exporting import export_model, write_foreign
from workings.weights.families import unet
from workings.weights.folder import load_folder, save_folder, task_of
from workings.weights.importing import Imported, read_foreign

diffusers = pytest.importorskip("diffusers")

DOWN, UP, ATTEND, RISE = "DownBlock2D", "UpBlock2D", "AttnDownBlock2D", "AttnUpBlock2D"
PLAIN = dict(block_out_channels=(8, 12), norm_num_groups=4, layers_per_block=1, attention_head_dim=4, sample_size=(8, 12))
PLAIN |= dict(down_block_types=(DOWN, ATTEND), up_block_types=(RISE, UP))
TEXT = dict(block_out_channels=(8, 12), norm_num_groups=4, layers_per_block=1, attention_head_dim=2, sample_size=8, cross_attention_dim=7)
TEXT |= dict(down_block_types=(DOWN, "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", UP), in_channels=3, out_channels=3)
CASES = {
    "attention below": dict(),
    "as google/ddpm-cifar10-32": dict(
        attention_head_dim=None,
        downsample_padding=0,
        flip_sin_to_cos=False,
        freq_shift=1,
        norm_eps=1e-6,
        dropout=0.1,
        down_block_types=(ATTEND,) * 2,
        up_block_types=(RISE,) * 2,
    ),
    "classes that scale and shift": dict(num_class_embeds=5, resnet_time_scale_shift="scale_shift", attn_norm_num_groups=4),
    "three levels, attention above": dict(
        block_out_channels=(8, 8, 12), layers_per_block=2, down_block_types=(ATTEND, DOWN, DOWN), up_block_types=(UP, UP, RISE), add_attention=False
    ),
    "no middle, gray, a variance": dict(mid_block_type=None, in_channels=1, out_channels=2, time_embedding_dim=11, attention_head_dim=6),
}
EVERYWHERE = dict(down_block_types=("CrossAttnDownBlock2D",) * 2, up_block_types=("CrossAttnUpBlock2D",) * 2)
TEXTS = {
    "a text": dict(),
    "two layers, heads of each level": EVERYWHERE | dict(transformer_layers_per_block=2, attention_head_dim=[4, 3]),
    "a matrix where others have a window of one pixel": dict(use_linear_projection=True, resnet_time_scale_shift="scale_shift"),
    "attention at every level but not in the middle": EVERYWHERE | dict(mid_block_type=None),
}


def read(theirs, folder) -> Imported:
    """What we read of a model that diffusers saved."""
    theirs.save_pretrained(folder / "theirs")
    return read_foreign(folder / "theirs")


def round_trip(found: Imported, theirs, folder) -> None:
    """Written again, it has the same tensors to the bit and the same config as diffusers sees it, and diffusers loads it."""
    architecture = found.facts["architecture"]
    write_foreign(folder / "again", found.settings, found.model.state_dict(), architecture)
    before, after = (load_file(folder / name / "diffusion_pytorch_model.safetensors") for name in ("theirs", "again"))
    assert before.keys() == after.keys() and all(torch.equal(after[name].view_as(tensor), tensor) for name, tensor in before.items())
    assert read_foreign(folder / "again").settings == found.settings and unet.home(found.settings) == architecture
    again = type(theirs).from_pretrained(folder / "again")
    skipped = {"_name_or_path", "_diffusers_version", "dropout", "use_linear_projection", "_use_default_values"}
    changed = {name for name, value in theirs.config.items() if name not in skipped and json.dumps(again.config[name]) != json.dumps(value)}
    assert not changed, {name: (theirs.config[name], again.config[name]) for name in changed}


@pytest.mark.parametrize("case", CASES)
def test_what_the_network_says_and_its_gradients_are_those_of_the_original(case, tmp_path):
    theirs = oracle(diffusers.UNet2DModel(**(PLAIN | CASES[case])))
    found = read(theirs, tmp_path)
    assert found.task == task_of(tmp_path / "theirs") == "diffusion" and not found.settings.null_class
    x, time = torch.randn(3, theirs.config.in_channels, 8, 12), torch.tensor([0.0, 17.5, 990.0])
    labels = torch.tensor([0, 3, 4]) if found.settings.classes else None
    said, wanted = found.model(x, time, labels), theirs(x, time, labels).sample
    close(said, wanted)
    close_gradients(found, theirs, said, wanted)
    round_trip(found, theirs, tmp_path)


@pytest.mark.parametrize("case", TEXTS)
def test_what_a_network_says_of_a_text_and_its_gradients_are_those_of_the_original(case, tmp_path):
    theirs = oracle(diffusers.UNet2DConditionModel(**(TEXT | TEXTS[case])))
    found = read(theirs, tmp_path)
    x, time, text = torch.randn(3, 3, 8, 10), torch.tensor([0.0, 17.5, 990.0]), torch.randn(3, 5, 7)
    visible = torch.arange(5) < torch.tensor([5, 1, 3])[:, None]
    said, wanted = found.model(x, time, (text, visible)), theirs(x, time, text, encoder_attention_mask=visible).sample
    close(said, wanted)
    close_gradients(found, theirs, said, wanted)
    round_trip(found, theirs, tmp_path)


def test_old_names_of_attention_are_read(tmp_path):
    theirs = oracle(diffusers.UNet2DModel(**PLAIN))
    found = read(theirs, tmp_path)
    path = tmp_path / "theirs" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    for new, old in unet.OLD.items():
        tensors = {name.replace(f".{new}.", f".{old}."): tensor for name, tensor in tensors.items()}
    save_file(tensors, path)
    again = read_foreign(tmp_path / "theirs").model
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in found.model.state_dict().items())


def test_a_model_of_ours_goes_to_diffusers_and_comes_back_with_its_label_for_nothing(tmp_path):
    settings = unet_settings("unet-tiny", channels=1, classes=3, image_size=(12,), widths=(8, 16), attention=(1,), heads=(2,))
    model = oracle(UNet(settings))
    save_folder(tmp_path / "ours", "diffusion", settings, model.state_dict(), None, "# A model\n")
    folder = export_model(tmp_path / "ours", "hf", tmp_path / "hf")
    theirs = diffusers.UNet2DModel.from_pretrained(folder)
    x, time = torch.randn(2, 1, 12, 12), torch.tensor([3.0, 500.0])
    close(model(x, time), theirs(x, time, torch.tensor([3, 3])).sample)
    back = load_folder(folder).model
    assert back.settings == settings and torch.equal(back(x, time), model(x, time))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"act_fn": "mish"}, "act_fn = 'mish'"),
        ({"time_embedding_type": "fourier"}, "time_embedding_type = 'fourier'"),
        ({"class_embed_type": "timestep"}, "class_embed_type = 'timestep'"),
        ({"resnet_time_scale_shift": "ada_group"}, "resnet_time_scale_shift = 'ada_group'"),
        ({"resnet_time_scale_shift": "scale_shift"}, "no attn_norm_num_groups"),
        ({"down_block_types": ["SkipDownBlock2D", DOWN]}, "down_block_types = ['SkipDownBlock2D'"),
        ({"up_block_types": [UP, RISE]}, "attention must be at the levels"),
        ({"downsample_type": "resnet"}, "downsample_type = 'resnet'"),
        ({"attention_head_dim": 5}, "attention_head_dim = 5, which does not divide"),
        ({"center_input_sample": True}, "center_input_sample = True"),
        ({"mid_block_scale_factor": 2}, "mid_block_scale_factor = 2"),
        ({"a_new_switch": 1}, "a_new_switch = 1"),
    ],
)
def test_a_field_that_would_change_the_result_is_refused_by_name(fields, said, tmp_path):
    diffusers.UNet2DModel(**PLAIN).save_pretrained(tmp_path)
    change_config(tmp_path, **fields)
    with pytest.raises(BadInput) as error:
        read_foreign(tmp_path)
    assert said in str(error.value)


@pytest.mark.parametrize(("name", "value"), [("encoder_hid_dim", 3), ("addition_embed_type", "text"), ("only_cross_attention", True), ("num_class_embeds", 4)])
def test_a_field_of_texts_that_would_change_the_result_is_refused_by_name(name, value):
    with pytest.raises(BadInput, match=f"{name} = {value!r}"):
        unet.read_config({"_class_name": unet.TEXT, **json.loads(json.dumps(TEXT)), name: value})


def test_a_switch_without_a_place_there_is_refused_by_name():
    with pytest.raises(BadInput, match="model.middle is 'convolution'"):
        unet.home(UNetSettings(text_width=3, middle="convolution"))
    with pytest.raises(BadInput, match=r"heads of the widths \[32, 128\]"):
        unet.home(UNetSettings(heads=(1, 4, 2)))


@pytest.mark.parametrize("name", UNETS)
def test_every_named_size_has_a_place_there(name):
    assert unet.home(unet_settings(name, classes=10)) == unet.PLAIN and unet.home(unet_settings(name, text_width=48)) == unet.TEXT
