"""The packed vision transformer says what the model says."""

import pytest
import torch

from workings.layers.fast.compiler import library
from workings.layers.fast.packed import available
from workings.models.packed import prepare
from workings.models.packed_vision import PackedVision
from workings.models.vision_settings import VisionSettings, body
from workings.models.vision_transformer import VisionTransformer

needs_kernels = pytest.mark.skipif(not available() or library() is None, reason="this machine has no compiler or no oneDNN for the packed layers")

CASES = {
    "ViT": {},
    "DeiT": dict(distillation="classifier"),
    "DeiT without its teacher": dict(distillation="token"),
    "one layer": dict(body=dict(layers=1)),
    "odd heads and a wide look": dict(body=dict(heads=3, head_width=7, tau="1", phi="relu")),
    "rectangles": dict(image_size=(8, 12), patch_size=(4, 2), channels=1, body=dict(phi="silu", norm_epsilon=1e-2)),
}


def a_model(**switches) -> VisionTransformer:
    """A model whose every parameter is random."""
    torch.manual_seed(0)
    sizes = dict(width=32, heads=2, layers=3, ff_width=40) | switches.pop("body", {})
    model = VisionTransformer(VisionSettings(**(dict(image_size=(16, 16), patch_size=(4, 4), classes=5) | switches), body=body(**sizes))).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3 if parameter.ndim == 1 else parameter[0].numel() ** -0.5)
    return model


@needs_kernels
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_it_says_what_the_model_says(case, count):
    model = a_model(**CASES[case])
    pictures = torch.randn(count, model.settings.channels, *model.settings.image_size)
    fast = prepare(model, torch.float32)
    assert isinstance(fast, PackedVision)
    with torch.inference_mode():
        wanted = model(pictures)
        torch.testing.assert_close(fast(pictures), wanted, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(prepare(model, torch.bfloat16)(pictures), wanted, rtol=0, atol=0.1 * float(wanted.std()) + 0.02)


@needs_kernels
def test_pictures_do_not_know_of_each_other():
    model = a_model()
    pictures, fast = torch.randn(4, 3, 16, 16), prepare(model, torch.float32)
    alone = torch.cat([fast(picture[None]) for picture in pictures])
    torch.testing.assert_close(fast(pictures), alone, rtol=1e-5, atol=1e-6)


def test_what_it_does_not_know_stays_with_the_model():
    others = [
        a_model(classes=0),
        a_model(body=dict(residuals="one")),
        a_model(body=dict(norm="rms")),
        a_model(body=dict(tau="learned")),
        a_model(body=dict(phi="gated")),
        a_model(body=dict(key_value_heads=1)),
    ]
    assert all(prepare(model, torch.float32) is model for model in others)
    assert prepare(model := a_model().double(), torch.float64) is model
