"""The layers of players that grow: equalized rates, pixel norm, minibatch deviation, and labels, each as the blackboard has it."""

import pytest
import torch
from torch import Tensor

from workings.blackboard import gan
from workings.blackboard.resnet import pixels
from workings.layers.equalized import GAIN, EqualizedConvolution, EqualizedLinear, initialize_equalized
from workings.layers.labels import LabelPlane, Projection
from workings.layers.picture_norms import PixelNorm, minibatch_deviation, pixel_norm


def tensor(picture: list[list[Tensor]]) -> Tensor:
    """Rows of pixels as [C, H, W]."""
    return torch.stack([torch.stack(row) for row in picture]).permute(2, 0, 1)


def drawn(*shape: int) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(*shape, dtype=torch.float64)


def random(layer: torch.nn.Module) -> torch.nn.Module:
    for parameter in layer.double().parameters():
        torch.nn.init.normal_(parameter)
    return layer


def test_equalized_layers_and_their_gradients_are_those_of_the_blackboard():
    linear, convolution = random(EqualizedLinear(5, 7)), random(EqualizedConvolution(2, 5, 3, gain=1.0))
    x, picture = drawn(5), drawn(2, 3, 7)
    pairs = [
        (linear, linear(x), gan.equalized_linear(x, linear.weight, linear.bias, GAIN)),
        (convolution, convolution(picture[None])[0], tensor(gan.equalized_convolution(pixels(picture), convolution.weight, convolution.bias, 1.0))),
    ]
    for layer, fast, slow in pairs:
        torch.testing.assert_close(fast, slow, rtol=0, atol=1e-12)
        weights = torch.randn_like(fast)
        for one, other in zip(*(torch.autograd.grad((y * weights).sum(), list(layer.parameters())) for y in (fast, slow)), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_the_scale_is_that_of_he_for_every_fan_in_and_is_not_in_the_weights():
    for layer, fan_in in ((EqualizedLinear(2048, 64), 2048), (EqualizedConvolution(128, 64, 3), 128 * 9)):
        initialize_equalized(layer)
        assert layer.weight.std().item() == pytest.approx(1, rel=0.02)
        assert layer.scale == pytest.approx((2 / fan_in) ** 0.5) and not layer.bias.any()


def test_a_bias_is_not_scaled():
    layer = EqualizedLinear(100, 3)
    torch.nn.init.ones_(layer.bias)
    torch.nn.init.zeros_(layer.weight)
    assert layer(torch.randn(2, 100)).tolist() == [[1.0] * 3] * 2
    layer = EqualizedConvolution(100, 3, 3)
    torch.nn.init.ones_(layer.bias)
    torch.nn.init.zeros_(layer.weight)
    assert torch.equal(layer(torch.randn(2, 100, 4, 4)), torch.ones(2, 3, 4, 4))


def test_one_rate_moves_wide_and_narrow_layers_alike():
    """A step of Adam has one size for every weight; relative to the weights it is the same whatever the fan-in."""
    moved = []
    for inputs in (3, 300):
        layer = EqualizedLinear(inputs, 5)
        initialize_equalized(layer)
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
        before = layer.weight.detach().clone()
        layer(torch.randn(11, inputs)).square().sum().backward()
        optimizer.step()
        moved.append(float((layer.weight.detach() - before).abs().mean()))
    assert moved[0] == pytest.approx(moved[1], rel=1e-3) == pytest.approx(0.01, rel=1e-3)


def test_pixel_norm_is_that_of_the_blackboard_and_leaves_pixels_of_length_root_channels():
    x = drawn(2, 5, 3, 7)
    y = pixel_norm(x)
    for picture, result in zip(x, y, strict=True):
        torch.testing.assert_close(result, tensor(gan.pixel_norm(pixels(picture))), rtol=0, atol=1e-12)
    torch.testing.assert_close(y.norm(dim=1), torch.full((2, 3, 7), 5**0.5, dtype=torch.float64), rtol=1e-6, atol=0)
    assert torch.equal(PixelNorm()(x), y)
    torch.testing.assert_close(pixel_norm(17 * x), y, rtol=0, atol=1e-7)
    assert pixel_norm(torch.zeros(1, 3)).tolist() == [[0, 0, 0]] and pixel_norm(x.bfloat16()).dtype == torch.bfloat16


def test_minibatch_deviation_and_its_gradient_are_those_of_the_blackboard_group_by_group():
    x = drawn(6, 2, 3, 5).requires_grad_()
    fast = minibatch_deviation(x, 3)
    slow = torch.stack([tensor(y) for group in x.split(3) for y in gan.minibatch_deviation([pixels(picture) for picture in group])])
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-12)
    weights = torch.randn_like(fast)
    torch.testing.assert_close(*(torch.autograd.grad((y * weights).sum(), x)[0] for y in (fast, slow)), rtol=0, atol=1e-12)


def test_a_group_is_of_one_size_so_that_a_batch_cut_between_groups_gives_the_same():
    x = drawn(8, 2, 3, 5)
    whole = minibatch_deviation(x, 4)
    assert torch.equal(whole, torch.cat([minibatch_deviation(half, 4) for half in x.split(4)]))
    assert not torch.equal(whole[:, -1], minibatch_deviation(x, 8)[:, -1])


def test_a_group_that_is_left_short_is_filled_and_a_small_batch_is_one_group():
    x = drawn(7, 2, 3, 5)
    y = minibatch_deviation(x, 3)
    assert torch.equal(y[:6], minibatch_deviation(x[:6], 3))
    assert torch.equal(y[6, -1], minibatch_deviation(x[4:], 3)[0, -1])
    assert torch.equal(minibatch_deviation(x[:2], 3), minibatch_deviation(x[:2], 2))


def test_pictures_that_are_all_alike_have_no_deviation_and_deviation_grows_with_the_pictures():
    x = drawn(1, 2, 3, 5).expand(4, -1, -1, -1)
    assert minibatch_deviation(x, 4)[:, -1].max() <= 1e-3
    x = drawn(4, 2, 3, 5)
    torch.testing.assert_close(minibatch_deviation(3 * x, 4)[:, -1], 3 * minibatch_deviation(x, 4)[:, -1], rtol=1e-6, atol=0)


def test_a_label_is_a_channel_or_a_direction_as_on_the_blackboard():
    plane, projection = random(LabelPlane(3, (2, 3))), random(Projection(3, 5, 1.0, 0.25))
    x, labels = drawn(2, 5, 4, 6), torch.tensor([2, 0])
    for picture, label, told, score in zip(x, labels, plane(x, labels), projection(x, labels), strict=True):
        torch.testing.assert_close(told, tensor(gan.plane(pixels(picture), plane.planes.weight[label].view(2, 3))), rtol=0, atol=0)
        torch.testing.assert_close(score, gan.projection(pixels(picture), projection.directions.weight[label], 0.25), rtol=0, atol=1e-12)


def test_short_precisions_stay_short_and_deviations_are_taken_in_float32():
    x = drawn(4, 2, 3, 5).float()
    y = minibatch_deviation(x.bfloat16(), 4)
    assert y.dtype == torch.bfloat16 and torch.equal(y[:, -1], minibatch_deviation(x.bfloat16().float(), 4)[:, -1].bfloat16())


def test_every_layer_can_be_differentiated_twice():
    x = drawn(4, 3, 4, 4).requires_grad_()
    layers = [random(EqualizedConvolution(3, 2, 3)), PixelNorm(), lambda x: minibatch_deviation(x, 2), lambda x: random(EqualizedLinear(4, 3))(x)]
    for layer in layers:
        (gradient,) = torch.autograd.grad(layer(x).tanh().sum(), x, create_graph=True)
        (again,) = torch.autograd.grad(gradient.square().sum(), x)
        assert again.abs().max() > 0
