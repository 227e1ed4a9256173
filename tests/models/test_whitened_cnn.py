"""The whitened network begins as the identity and at the loss of knowing nothing, learns, and keeps its whitening."""

import math

import pytest
import torch
import torch.nn.functional as F

from workings.errors import BadInput
from workings.layers.convolution import ActivatedConvolution
from workings.models.whitened_cnn import WhitenedCNN
from workings.models.whitened_settings import WHITENED, WhitenedSettings, whitened_settings
from workings.settings import from_dict, to_dict


def some_pictures(count: int = 20, channels: int = 3, size: int = 32) -> torch.Tensor:
    torch.manual_seed(0)
    x = torch.randn(count, channels, size, size)
    return (x + x.roll(1, 2) + x.roll(1, 3)) / 3**0.5


def test_the_usual_size_has_two_million_parameters_that_are_learned():
    model = WhitenedCNN(whitened_settings("whitened", classes=10))
    filters = 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256)
    assert sum(p.numel() for p in model.parameters()) == filters + 2 * (64 + 256 + 256) + 2560


def test_the_first_loss_is_that_of_knowing_nothing():
    pictures, model = some_pictures(), WhitenedCNN(whitened_settings("whitened", classes=10))
    model.prepare(pictures)
    assert F.cross_entropy(model(pictures), torch.arange(20) % 10).item() == pytest.approx(math.log(10), rel=0.1)


def test_the_first_filters_hand_their_input_through():
    layer = ActivatedConvolution(5, 8, pool=False)
    layer.initialize()
    x = torch.randn(2, 5, 6, 6)
    assert torch.allclose(F.conv2d(x, layer.weight, padding=1)[:, :5], x)
    assert layer.weight[5:].abs().max() <= 45**-0.5 and layer.weight[5:].std() > 0.08


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_small_one_learns_eight_pictures_by_heart(depth):
    torch.manual_seed(0)
    model = WhitenedCNN(WhitenedSettings(image_size=(9,), channels=1, widths=(16, 16), depth=depth, classes=2))
    pictures, classes = torch.randn(8, 1, 9, 9), torch.arange(8) % 2
    model.prepare(pictures)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(model(pictures), classes).backward()
        optimizer.step()
    assert F.cross_entropy(model(pictures), classes).item() < 0.05


def test_preparing_changes_the_answers_and_is_part_of_the_weights():
    torch.manual_seed(0)
    settings, pictures = WhitenedSettings(widths=(8, 8), classes=3), 0.2 * some_pictures() + 0.5
    model, other = WhitenedCNN(settings), WhitenedCNN(settings)
    before = model.eval()(pictures)
    model.prepare(pictures)
    assert not torch.allclose(model(pictures), before)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.eval()(pictures), model(pictures))


def test_training_takes_much_of_each_batch_into_the_running_statistics():
    layer = ActivatedConvolution(3, 4, pool=True)
    layer.initialize()
    z = F.max_pool2d(F.conv2d(x := torch.randn(6, 3, 8, 8), layer.weight, padding=1), 2)
    layer(x)
    torch.testing.assert_close(layer.running_mean, 0.4 * z.mean((0, 2, 3)))
    torch.testing.assert_close(layer.running_var, 0.6 + 0.4 * z.var((0, 2, 3)))


def test_bfloat16_is_near_float32_in_answers_and_gradients():
    pictures, model = some_pictures(), WhitenedCNN(WhitenedSettings(widths=(16, 32), depth=3, classes=5))
    model.prepare(pictures)
    results = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            y = model(pictures).float()
        results.append((y, *torch.autograd.grad((y * torch.linspace(-1, 1, 100).view(20, 5)).sum(), list(model.parameters()))))
    for exact, rounded in zip(*results, strict=True):
        assert F.cosine_similarity(exact.flatten(), rounded.flatten(), dim=0) > 0.95  # rounding changes which pixel is the largest


@pytest.mark.parametrize("name", WHITENED)
def test_settings_survive_being_written_down(name):
    settings = whitened_settings(name, classes=2, class_names=("a", "b"))
    assert from_dict(WhitenedSettings, to_dict(settings)) == settings


@pytest.mark.parametrize("change", [dict(widths=()), dict(depth=0), dict(image_size=(8,)), dict(widths=(4, 0)), dict(channels=0)])
def test_contradictions_are_refused(change):
    with pytest.raises(BadInput):
        WhitenedSettings(**change)


def test_a_name_that_is_not_known_and_pictures_of_another_size_are_refused():
    with pytest.raises(BadInput, match="Did you mean 'whitened-deep'"):
        whitened_settings("whitened-dep")
    with pytest.raises(BadInput, match=r"this model takes \[pictures, 3, 32, 32\]"):
        WhitenedCNN(WhitenedSettings()).prepare(torch.zeros(2, 3, 28, 28))
