"""The autoencoder equals the blackboard, in values and in the gradient of every parameter."""

import pytest
import torch

from workings.blackboard.autoencoder import decode, encode
from workings.blackboard.resnet import pixels
from workings.models.autoencoder import Autoencoder
from workings.models.autoencoder_settings import AutoencoderSettings

TINY = dict(channels=2, latent=3, width=5, halvings=2, depth=1)
CASES = {"plain": dict(), "normalized": dict(smallest="normalized", groups=4, depth=2), "one halving, a tight bound": dict(halvings=1, bound=0.7)}


def an_autoencoder(**switches) -> Autoencoder:
    """One in float64 whose every parameter is random."""
    torch.manual_seed(0)
    model = Autoencoder(AutoencoderSettings(**(TINY | switches))).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.02, std=0.25)
    torch.nn.init.normal_(model.decoder.leave.weight, std=0.002)
    torch.nn.init.constant_(model.decoder.leave.bias, 0.5)  # most of a picture is then not cut
    return model


def stacked(pictures) -> torch.Tensor:
    """Pictures of the blackboard as [B, C, H, W]."""
    return torch.stack([torch.stack([torch.stack(row) for row in picture]) for picture in pictures]).permute(0, 3, 1, 2)


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_equal_the_blackboard(case):
    model = an_autoencoder(**CASES[case])
    x, parameters = torch.rand(2, 2, 8, 4, dtype=torch.float64), dict(model.named_parameters())
    codes = [encode(pixels(one), parameters, model.settings) for one in x]
    made = [decode(code, parameters, model.settings) for code in codes]
    fast = model.encode(x)
    assert fast.shape == (2, 3, 8 // model.settings.cell, 4 // model.settings.cell)
    back = model.decode(fast)
    assert float(((back > 0) & (back < 1)).double().mean()) > 0.3  # else nothing but the cut is compared
    torch.testing.assert_close(fast, stacked(codes), rtol=0, atol=1e-10)
    torch.testing.assert_close(back, stacked(made), rtol=0, atol=1e-10)
    names, leaves = zip(*model.named_parameters(), strict=True)
    weights, more = torch.randn_like(fast), torch.randn_like(back)
    one = torch.autograd.grad((fast * weights).sum() + (back * more).sum(), leaves)
    other = torch.autograd.grad((stacked(codes) * weights).sum() + (stacked(made) * more).sum(), leaves)
    for name, mine, right in zip(names, one, other, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-9, atol=1e-9, msg=lambda said, name=name: f"{name}: {said}")
        assert bool(right.abs().max() > 0), name


def test_a_normalized_map_knows_of_all_its_places_and_a_plain_one_does_not():
    """The window of a plain encoder with one halving and one block is 2 (2 + 3) + 2 + 3 + 1 pixels at most to either side."""
    x = torch.rand(1, 2, 4, 64, dtype=torch.float64)
    changed = x.clone()
    changed[..., -1] = 0
    for smallest, reaches in (("plain", False), ("normalized", True)):
        model = an_autoencoder(halvings=1, smallest=smallest)
        assert bool((model.encode(x) != model.encode(changed))[..., 0].any()) == reaches
