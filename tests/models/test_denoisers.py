"""Both denoising networks are one function of picture, time and condition: what they begin as, what padding and nothing mean to them, and what they refuse."""

import pytest
import torch

from workings.errors import BadInput
from workings.models.build import build
from workings.models.denoiser import forgotten
from workings.models.diffusion_transformer_settings import (
    DiffusionTransformerSettings,
    diffusion_body,
    diffusion_transformer_settings,
)
from workings.models.unet_settings import UNETS, UNetSettings, unet_settings
from workings.weights.folder import load_folder, save_folder

BODY = diffusion_body(width=8, layers=2, heads=2)
UNET = dict(image_size=(8, 12), widths=(4, 6), groups=2, depth=1, attention=(1,), heads=(2,))
DIT = dict(image_size=(8, 12), body=BODY, time_waves=6)
NETWORKS = {"unet": (UNetSettings, UNET), "diffusion-transformer": (DiffusionTransformerSettings, DIT)}


@pytest.fixture(params=NETWORKS)
def make(request):
    """What makes a network whose every number is random, from switches."""
    cls, sizes = NETWORKS[request.param]

    def network(*, fresh: bool = False, **switches):
        torch.manual_seed(0)
        model = build(cls(**(sizes | switches))).eval()
        for parameter in [] if fresh else model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        return model

    return network


def noisy(channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(3, channels, 8, 12), torch.tensor([0.0, 3.5, 900.0])


@pytest.mark.parametrize("switches", [dict(), dict(classes=5), dict(text_width=7), dict(channels=1, out_channels=2)])
def test_the_first_output_is_nothing_and_the_first_step_learns(make, switches):
    model = make(fresh=True, **switches)
    x, time = noisy(model.settings.channels)
    y = model(x, time)
    assert y.shape == (3, model.settings.out_channels, 8, 12) and not y.any()
    y.sub(1).square().sum().backward()
    assert model.leave.bias.grad.any()


def test_time_and_class_change_what_is_said(make):
    model = make(classes=5)
    (x, time), labels = noisy(), torch.tensor([0, 1, 2])
    said = model(x, time, labels)
    assert not torch.allclose(said, model(x, time + 1, labels)) and not torch.allclose(said, model(x, time, labels + 1))


def test_no_condition_is_the_label_of_nothing(make):
    model = make(classes=5)
    x, time = noisy()
    assert torch.equal(model(x, time), model(x, time, torch.full((3,), 5)))
    dropped = forgotten(torch.tensor([0, 1, 2]), torch.tensor([True, False, True]), model.settings)
    assert dropped.tolist() == [5, 1, 5]


def test_a_text_of_which_nothing_is_seen_is_no_condition(make):
    model = make(text_width=7)
    (x, time), text = noisy(), (torch.randn(3, 4, 7), torch.ones(3, 4, dtype=torch.bool))
    nothing = forgotten(text, torch.tensor([True, False, True]), model.settings)
    said, told, untold = model(x, time, nothing), model(x, time, text), model(x, time)
    torch.testing.assert_close(said[[0, 2]], untold[[0, 2]])
    torch.testing.assert_close(said[1], told[1])
    assert not torch.allclose(said[0], told[0])


def test_what_stands_in_the_padding_of_a_text_changes_nothing(make):
    model = make(text_width=7)
    (x, time), vectors, visible = noisy(), torch.randn(3, 4, 7), torch.tensor([[1, 1, 1, 1], [0, 1, 1, 0], [1, 0, 0, 0]]).bool()
    garbage = torch.where(visible[..., None], vectors, 1e4)
    torch.testing.assert_close(model(x, time, (vectors, visible)), model(x, time, (garbage, visible)))
    torch.testing.assert_close(model(x, time, (vectors, visible))[2:], model(x[2:], time[2:], (vectors[2:, :1], visible[2:, :1])))


def test_a_picture_is_drawn_alone_as_in_a_batch(make):
    model = make(classes=5)
    (x, time), labels = noisy(), torch.tensor([0, 1, 5])
    together = model(x, time, labels)
    for row in range(3):
        torch.testing.assert_close(model(x[row : row + 1], time[row : row + 1], labels[row : row + 1])[0], together[row], rtol=1e-4, atol=1e-5)


def test_training_in_bfloat16_says_nearly_the_same(make):
    model = make(classes=5)
    x, time = noisy()
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(x, time, torch.tensor([0, 1, 5]))
    exact = model(x, time, torch.tensor([0, 1, 5]))
    assert (rough.float() - exact).abs().max() < 0.05 * exact.abs().max()


def test_a_folder_gives_back_the_same_network(make, tmp_path):
    model = make(text_width=7)
    save_folder(tmp_path / "model", "diffusion", model.settings, model.state_dict(), None, "# A model\n")
    again = load_folder(tmp_path / "model").model
    x, time = noisy()
    assert again.settings == model.settings and torch.equal(again(x, time), model(x, time))


@pytest.mark.parametrize(
    ("switches", "condition", "said"),
    [
        (dict(), torch.tensor([0, 1, 2]), "is told no classes"),
        (dict(), (torch.zeros(3, 1, 7), torch.ones(3, 1, dtype=torch.bool)), "is told no texts"),
        (dict(classes=5), (torch.zeros(3, 1, 7), torch.ones(3, 1, dtype=torch.bool)), "is told"),
        (dict(classes=5), torch.tensor([0, 1]), "one label, 0 to 5, for each of the 3"),
        (dict(classes=5), torch.tensor([0.0, 1.0, 2.0]), "one label, 0 to 5, for each of the 3"),
        (dict(classes=5, null_class=False), None, "every picture needs its class"),
        (dict(text_width=7), torch.tensor([0, 1, 2]), "is told"),
        (dict(text_width=7), (torch.zeros(3, 1, 6), torch.ones(3, 1, dtype=torch.bool)), "vectors [3, tokens, 7]"),
        (dict(text_width=7), (torch.zeros(3, 2, 7), torch.ones(3, 1, dtype=torch.bool)), "which tokens are visible"),
    ],
)
def test_a_condition_of_another_kind_is_refused(make, switches, condition, said):
    with pytest.raises(BadInput) as error:
        make(**switches)(*noisy(), condition)
    assert said in str(error.value)


def test_pictures_with_other_channels_and_times_of_another_number_are_refused(make):
    x, time = noisy(channels=2)
    with pytest.raises(BadInput, match=r"takes \[pictures, 3, height, width\]"):
        make()(x, time)
    with pytest.raises(BadInput, match="one number for each picture"):
        make()(noisy()[0], time[:1])


def test_a_network_without_a_label_for_nothing_forgets_no_class(make):
    with pytest.raises(BadInput, match="no label for nothing"):
        forgotten(torch.tensor([0]), torch.tensor([True]), make(classes=5, null_class=False).settings)


@pytest.mark.parametrize(
    ("cls", "switches", "said"),
    [
        (UNetSettings, dict(classes=3, text_width=5), "a class or a text"),
        (UNetSettings, dict(attention=(3,)), "levels 0 to 2"),
        (UNetSettings, dict(groups=5), "must divide every width"),
        (UNetSettings, dict(heads=(3,)), "heads is 3 at level 1"),
        (UNetSettings, dict(heads=(1, 2)), "one for each of the 3 levels"),
        (UNetSettings, dict(widths=()), "must be at least 1"),
        (UNetSettings, dict(dropout=1.0), "below 1"),
        (UNetSettings, dict(text_width=3, attention=(), middle="convolution"), "there is no attention"),
        (UNetSettings, dict(image_size=(0,)), "at least 1"),
        (UNetSettings, dict(class_names=("a",)), "one name for each class"),
        (DiffusionTransformerSettings, dict(patch_size=(5,)), "does not divide"),
        (DiffusionTransformerSettings, dict(time_waves=3), "must be even"),
        (DiffusionTransformerSettings, dict(body=diffusion_body(causal=True)), "model.body.causal is True"),
        (DiffusionTransformerSettings, dict(body=diffusion_body(width=6, heads=2)), "a multiple of 4"),
    ],
)
def test_settings_that_cannot_be_are_refused(cls, switches, said):
    with pytest.raises(BadInput) as error:
        cls(**switches)
    assert said in str(error.value)


def test_the_u_net_takes_pictures_that_do_not_halve_evenly():
    model = build(UNetSettings(**(UNET | dict(widths=(4, 4, 6)))))
    assert model(torch.randn(2, 3, 7, 5), torch.zeros(2)).shape == (2, 3, 7, 5)


def test_the_diffusion_transformer_knows_where_a_patch_stands():
    """Turned by half, the same patches are said something else."""
    model = build(DiffusionTransformerSettings(**DIT))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x, time = noisy()
    assert not torch.allclose(model(x.roll(4, 3), time).roll(-4, 3), model(x, time), atol=1e-3)


@pytest.mark.parametrize(("name", "millions"), [("dit-small", 33), ("dit-base", 130)])
def test_the_published_sizes_have_the_published_number_of_parameters(name, millions):
    """DiT-S/2 and DiT-B/2 of Peebles and Xie 2023 draw latents of 4 channels, give a variance too, and know 1,000 classes."""
    settings = diffusion_transformer_settings(name, channels=4, out_channels=8, classes=1000)
    with torch.device("meta"):
        model = build(settings)
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6) == millions


@pytest.mark.parametrize(("name", "millions"), [("unet-tiny", 1.0), ("unet-small", 1.9), ("unet-medium", 6.0), ("dit-tiny", 1.8), ("dit-mini", 5.5)])
def test_a_named_size_draws_gray_digits_and_has_the_parameters_that_are_said(name, millions):
    settings = (unet_settings if name in UNETS else diffusion_transformer_settings)(name, channels=1, image_size=(28,), classes=10)
    model = build(settings)
    assert model(torch.randn(2, 1, 28, 28), torch.zeros(2), torch.tensor([0, 10])).shape == (2, 1, 28, 28)
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == millions


def test_an_unknown_size_is_refused():
    with pytest.raises(BadInput, match="Did you mean 'unet-small'"):
        unet_settings("unet-smal")
    with pytest.raises(BadInput, match="Did you mean 'dit-small'"):
        diffusion_transformer_settings("dit-smal")
