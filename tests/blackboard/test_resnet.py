"""The residual network equals the blackboard, in values, in the gradient of every parameter and in its running statistics."""

import itertools

import pytest
import torch

from workings.blackboard.resnet import batch_norm, convolution, max_pool, pixels, resnet, running_statistics
from workings.layers.convolution import NormalizedConvolution
from workings.models.resnet import ResNet
from workings.models.resnet_settings import ResNetSettings

SMALL = dict(channels=2, stem_width=3, classes=3)
CASES = {
    "basic layers, projections, large stem": dict(widths=(3, 5), depths=(1, 2), stem="7x7"),
    "basic layers, zeros, small stem": dict(widths=(3, 6, 7), depths=(1, 2, 1), stem="3x3", shortcut="padding"),
    "bottlenecks that halve in the middle": dict(widths=(4, 8), depths=(1, 1), layer="bottleneck", stem="3x3"),
    "bottlenecks that halve at once": dict(widths=(4, 8), depths=(1, 1), layer="bottleneck", stem="3x3", halve_in="1x1"),
    "a first stage that halves": dict(widths=(3, 5), depths=(1, 1), stem="3x3", halve_first=True),
    "features without classes": dict(widths=(5,), depths=(1,), stem="3x3", classes=0),
}


def a_model(training: bool, **switches) -> ResNet:
    """A model in float64 whose every parameter and running statistic is random."""
    torch.manual_seed(0)
    model = ResNet(ResNetSettings(**(SMALL | switches))).double().train(training)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point():
            torch.nn.init.normal_(tensor, mean=0.1, std=0.6) if "running_var" not in name else torch.nn.init.uniform_(tensor, 0.5, 2)
    return model


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_equal_the_blackboard(case, training):
    model = a_model(training, **CASES[case])
    pictures = torch.randn(2, 2, 7, 6, dtype=torch.float64)
    state = {name: tensor.clone() if "running" in name else tensor for name, tensor in model.state_dict(keep_vars=True).items()}
    slow = torch.stack(resnet([pixels(picture) for picture in pictures], state, model.settings, training))
    fast = model(pictures)
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    names, parameters = zip(*model.named_parameters(), strict=True)
    weights = torch.randn_like(fast)
    one, other = (torch.autograd.grad((y * weights).sum(), parameters) for y in (fast, slow))
    for name, fast_gradient, slow_gradient in zip(names, one, other, strict=True):
        torch.testing.assert_close(fast_gradient, slow_gradient, rtol=0, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")
    assert sum(gradient.abs().max() > 0 for gradient in one) > len(one) / 2


def test_running_statistics_move_a_tenth_of_the_way_with_the_unbiased_variance():
    model = a_model(True, widths=(3,), depths=(1,), stem="3x3").stem
    pictures = torch.randn(3, 2, 5, 4, dtype=torch.float64)
    maps = [convolution(pixels(picture), model.convolution.weight, 1) for picture in pictures]
    mean, variance = running_statistics(maps, dict(model.norm.named_buffers()))
    model(pictures)
    torch.testing.assert_close(model.norm.running_mean, mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(model.norm.running_var, variance, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("size", "stride", "height", "width"), [(*shape, h, w) for shape in itertools.product((1, 3, 7), (1, 2)) for h, w in ((5, 4), (1, 8))])
def test_a_convolution_is_a_sum_over_windows(size, stride, height, width):
    layer = NormalizedConvolution(2, 3, size, stride).double()
    picture = torch.randn(2, height, width, dtype=torch.float64)
    slow = convolution(pixels(picture), layer.convolution.weight, stride)
    fast = layer.convolution(picture[None])[0].permute(1, 2, 0)
    torch.testing.assert_close(torch.stack([torch.stack(row) for row in slow]), fast, rtol=0, atol=1e-12)


def test_a_pool_takes_the_largest_of_nine_around_every_second_pixel():
    picture = torch.randn(2, 5, 6, dtype=torch.float64)
    slow = torch.stack([torch.stack(row) for row in max_pool(pixels(picture))]).permute(2, 0, 1)
    assert torch.equal(slow, torch.nn.functional.max_pool2d(picture[None], 3, 2, 1)[0])


def test_batch_norm_in_training_makes_every_channel_standard():
    xs = [pixels(3 + 2 * torch.randn(2, 3, 4, dtype=torch.float64)) for _ in range(3)]
    parameters = dict(weight=torch.ones(2, dtype=torch.float64), bias=torch.zeros(2, dtype=torch.float64))
    normal = torch.stack([pixel for x in batch_norm(xs, parameters, training=True) for row in x for pixel in row])
    torch.testing.assert_close(normal.mean(0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(normal.var(0, correction=0), torch.ones(2, dtype=torch.float64), rtol=1e-4, atol=0)
