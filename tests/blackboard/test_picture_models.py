"""The smaller picture models equal the blackboard, in values and in the gradient of every parameter."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from workings.blackboard.cnn import cnn, halved
from workings.blackboard.compact_transformer import compact_transformer
from workings.blackboard.hybrid import hybrid
from workings.blackboard.lenet import lenet
from workings.blackboard.mlp import mlp
from workings.blackboard.resnet import pixels
from workings.blackboard.row_recurrent import row_recurrent
from workings.blackboard.whitened_cnn import whitened_cnn
from workings.models.build import build
from workings.models.cnn_settings import CNNSettings
from workings.models.compact_settings import CompactSettings
from workings.models.hybrid_settings import HybridSettings
from workings.models.lenet_settings import LeNetSettings
from workings.models.mlp_settings import MLPSettings
from workings.models.resnet_settings import ResNetSettings
from workings.models.row_recurrent_settings import RowRecurrentSettings
from workings.models.vision_settings import body
from workings.models.whitened_settings import WhitenedSettings

PICTURE = dict(image_size=(6, 5), channels=2, classes=3)
TINY = dict(width=8, layers=2, heads=2, ff_width=5)
RESNET = ResNetSettings(stem="3x3", stem_width=3, widths=(4, 8), depths=(1, 1))


def one_by_one(equation: Callable) -> Callable:
    """A batch through an equation of one picture [C, H, W]."""
    return lambda pictures, state, settings, training: [equation(picture, state, settings) for picture in pictures]


def together(equation: Callable) -> Callable:
    """A batch through an equation of many pictures of pixels."""
    return lambda pictures, state, settings, training: equation([pixels(picture) for picture in pictures], state, settings, training)


def of_rows(equation: Callable) -> Callable:
    """A batch through an equation of one picture of pixels."""
    return lambda pictures, state, settings, training: [equation(pixels(picture), state, settings) for picture in pictures]


CASES: dict[str, tuple[object, Callable]] = {
    "MLP": (MLPSettings(**PICTURE, widths=(7, 5)), one_by_one(mlp)),
    "MLP without norms, with gelu": (MLPSettings(**PICTURE, widths=(7,), norm="none", phi="gelu"), one_by_one(mlp)),
    "MLP without classes": (MLPSettings(**(PICTURE | dict(classes=0)), widths=(7, 5)), one_by_one(mlp)),
    "MLP without hidden layers": (MLPSettings(**PICTURE, widths=()), one_by_one(mlp)),
    "CNN": (CNNSettings(**PICTURE, widths=(3, 4), depths=(1, 2)), together(cnn)),
    "CNN without norms, with means": (CNNSettings(**PICTURE, widths=(3, 4, 5), depths=(1, 1, 1), norm="none", pool="mean"), together(cnn)),
    "CNN of one row, with means": (CNNSettings(**(PICTURE | dict(image_size=(1, 11))), widths=(3, 4), depths=(1, 1), pool="mean"), together(cnn)),
    "CNN without classes": (CNNSettings(**(PICTURE | dict(classes=0)), widths=(3,), depths=(1,)), together(cnn)),
    "LeNet": (LeNetSettings(**(PICTURE | dict(image_size=(18, 21))), widths=(3, 4), hidden=7), of_rows(lenet)),
    "LeNet without classes": (LeNetSettings(**(PICTURE | dict(classes=0)), widths=(5,), hidden=7), of_rows(lenet)),
    "whitened CNN": (WhitenedSettings(**PICTURE, widths=(3, 4)), together(whitened_cnn)),
    "whitened CNN with an addend": (WhitenedSettings(**PICTURE, widths=(3,), depth=3), together(whitened_cnn)),
    "whitened CNN without classes": (WhitenedSettings(**(PICTURE | dict(classes=0)), widths=(4,), depth=1), together(whitened_cnn)),
    "GRU over rows": (RowRecurrentSettings(**PICTURE, width=5), one_by_one(row_recurrent)),
    "LSTM over rows": (RowRecurrentSettings(**PICTURE, width=5, layers=1, cell="lstm"), one_by_one(row_recurrent)),
    "RNN over rows without classes": (RowRecurrentSettings(**(PICTURE | dict(classes=0)), width=5, cell="rnn"), one_by_one(row_recurrent)),
    "compact transformer": (CompactSettings(**PICTURE, body=body(**TINY)), of_rows(compact_transformer)),
    "compact transformer with two convolutions": (
        CompactSettings(**PICTURE, convolutions=(3,), body=body(**TINY, position="sinusoidal")),
        of_rows(compact_transformer),
    ),
    "hybrid": (HybridSettings(**PICTURE, resnet=RESNET, body=body(**TINY)), together(hybrid)),
    "hybrid without classes": (HybridSettings(**(PICTURE | dict(classes=0)), resnet=RESNET, body=body(**TINY)), together(hybrid)),
}


def random_model(settings: object, training: bool) -> nn.Module:
    """A model in float64 whose every parameter and running statistic is random."""
    torch.manual_seed(0)
    model = build(settings).double().train(training)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point():
            torch.nn.init.normal_(tensor, mean=0.1, std=0.6) if "running_var" not in name else torch.nn.init.uniform_(tensor, 0.5, 2)
    return model


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_equal_the_blackboard(case, training):
    settings, equation = CASES[case]
    model = random_model(settings, training)
    pictures = torch.randn(2, 2, *settings.image_size, dtype=torch.float64)
    state = {name: tensor.clone() if "running" in name else tensor for name, tensor in model.state_dict(keep_vars=True).items()}
    slow = torch.stack(equation(pictures, state, settings, training))
    fast = model(pictures)
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    names, parameters = zip(*model.named_parameters(), strict=True)
    weights = torch.randn_like(fast)
    one, other = (torch.autograd.grad((y * weights).sum(), parameters) for y in (fast, slow))
    for name, fast_gradient, slow_gradient in zip(names, one, other, strict=True):
        torch.testing.assert_close(fast_gradient, slow_gradient, rtol=0, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")
    assert sum(gradient.abs().max() > 0 for gradient in one) > len(one) / 2


def test_what_is_halved_leaves_an_odd_last_row_out():
    picture = torch.arange(2 * 5 * 4, dtype=torch.float64).view(2, 5, 4)
    largest, mean = (torch.stack([torch.stack(row) for row in halved(pixels(picture), pool)]).permute(2, 0, 1) for pool in ("max", "mean"))
    assert torch.equal(largest, picture[:, 1:4:2, 1::2])
    assert torch.equal(mean, torch.nn.functional.avg_pool2d(picture, 2))
