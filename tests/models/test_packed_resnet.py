"""The packed residual network says what the model says."""

import pytest
import torch

from workings.layers.fast.convolution import available
from workings.models.packed import prepare
from workings.models.packed_resnet import PackedResNet
from workings.models.resnet import ResNet
from workings.models.resnet_settings import ResNetSettings

CASES = {
    "basic layers": dict(widths=(8, 16), depths=(2, 1)),
    "basic layers, zeros, small stem": dict(stem="3x3", stem_width=8, widths=(8, 16), depths=(1, 2), shortcut="padding"),
    "bottlenecks": dict(widths=(16, 32), depths=(2, 1), layer="bottleneck"),
    "bottlenecks that halve at once": dict(widths=(16, 32), depths=(1, 1), layer="bottleneck", halve_in="1x1", halve_first=True),
    "features": dict(widths=(8,), depths=(1,), classes=0),
}


def a_model(**switches) -> ResNet:
    """A model whose every parameter and running statistic is random."""
    torch.manual_seed(0)
    model = ResNet(ResNetSettings(**(dict(classes=5) | switches))).eval()
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.ndim == 1:
            torch.nn.init.uniform_(tensor, 0.5, 1.5) if "var" in name or name.endswith("norm.weight") else torch.nn.init.normal_(tensor, std=0.3)
    return model


@pytest.mark.skipif(not available(), reason="torch is built without oneDNN's convolutions here")
@pytest.mark.parametrize("case", CASES)
def test_it_says_what_the_model_says(case):
    model, pictures = a_model(**CASES[case]), torch.randn(3, 3, 37, 32)
    fast = prepare(model, torch.float32)
    assert isinstance(fast, PackedResNet)
    with torch.inference_mode():
        wanted = model(pictures)
        assert wanted.std() > 0.01
        torch.testing.assert_close(fast(pictures), wanted, rtol=1e-4, atol=1e-5 + 1e-5 * float(wanted.abs().max()))
        torch.testing.assert_close(prepare(model, torch.bfloat16)(pictures), wanted, rtol=0, atol=0.1 * float(wanted.abs().max()))


def test_other_precisions_stay_with_the_model():
    model = a_model(**CASES["features"]).double()
    assert prepare(model, torch.float64) is model


def test_without_fast_paths_everything_stays_with_the_model(monkeypatch):
    monkeypatch.setenv("WORKINGS_FAST", "0")
    model = a_model(**CASES["features"])
    assert prepare(model, torch.float32) is model
