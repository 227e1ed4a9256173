"""The U-Net equals the blackboard, in values and in the gradient of every parameter, whatever it is told."""

import pytest
import torch

from workings.blackboard.resnet import pixels
from workings.blackboard.unet import unet, waves
from workings.layers.time_embedding import waves as fast_waves
from workings.models.unet import UNet
from workings.models.unet_settings import UNetSettings

TINY = dict(channels=2, widths=(4, 6), groups=2, depth=1, attention=(1,), heads=(2,), time_width=5)
CASES = {
    "attention below": dict(),
    "attention above, not in the middle": dict(attention=(0,), middle="convolution", heads=(1, 3)),
    "no middle, two outputs for a number": dict(middle="none", out_channels=4),
    "classes that scale and shift": dict(classes=3, conditioning="scale-shift"),
    "classes without a label for nothing": dict(classes=3, null_class=False, depth=2, attention=()),
    "texts": dict(text_width=3, text_layers=2),
    "texts in the middle alone": dict(text_width=3, attention=(), time_order="sines first", time_shift=1),
    "three levels with zeros at the end": dict(widths=(4, 4, 6), halving_edge="end", attention=(2,)),
}


def a_model(**switches) -> UNet:
    """A model in float64 whose every parameter is random."""
    torch.manual_seed(0)
    model = UNet(UNetSettings(**(TINY | switches))).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.5)
    return model


def told(settings: UNetSettings):
    """A condition of two pictures for the fast path, and one for each picture as the equations take it."""
    if settings.classes:
        labels = [1, settings.labels - 1]
        return torch.tensor(labels), [dict(label=label) for label in labels]
    if settings.text_width:
        vectors, visible = torch.randn(2, 5, settings.text_width, dtype=torch.float64), torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0]]).bool()
        return (vectors, visible), [dict(text=list(some[seen])) for some, seen in zip(vectors, visible, strict=True)]
    return None, [{}, {}]


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_equal_the_blackboard(case):
    model = a_model(**CASES[case])
    x, times = torch.randn(2, 2, 6, 5, dtype=torch.float64), torch.tensor([3.5, 700.0], dtype=torch.float64)
    if case == "three levels with zeros at the end":
        x = torch.randn(2, 2, 8, 4, dtype=torch.float64)
    condition, each = told(model.settings)
    parameters = dict(model.named_parameters())
    pictures = [unet(pixels(one), t, parameters, model.settings, **more) for one, t, more in zip(x, times, each, strict=True)]
    slow = torch.stack([torch.stack([torch.stack(row) for row in picture]) for picture in pictures]).permute(0, 3, 1, 2)
    fast = model(x, times, condition)
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    names, leaves = zip(*model.named_parameters(), strict=True)
    weights = torch.randn_like(fast)
    one, other = (torch.autograd.grad((y * weights).sum(), leaves) for y in (fast, slow))
    for name, mine, right in zip(names, one, other, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")
    assert sum(gradient.abs().max() > 1e-6 for gradient in one) > 0.8 * len(one)


@pytest.mark.parametrize(("sines_first", "shift"), [(False, 0), (True, 1)])
def test_the_waves_of_a_time_equal_the_blackboard_and_differ_by_order_and_shift(sines_first, shift):
    times = torch.tensor([0.0, 0.3, 999.0], dtype=torch.float64)
    slow = torch.stack([waves(t, 14, sines_first, shift) for t in times])
    torch.testing.assert_close(fast_waves(times, 14, sines_first, shift), slow, rtol=0, atol=1e-9)
    assert (slow - fast_waves(times, 14, not sines_first, shift)).abs().max() > 0.1
    assert (slow - fast_waves(times, 14, sines_first, 1 - shift)).abs().max() > 0.1
