"""The first layer makes windows white, as the blackboard computes it, and is no parameter."""

import torch

from workings.blackboard.resnet import pixels
from workings.blackboard.whitened_cnn import moments, whitening
from workings.layers.whitening import Whitening


def smooth_pictures(count: int = 40, channels: int = 3) -> torch.Tensor:
    """Neighboring pixels and channels that are alike, as in photographs."""
    torch.manual_seed(0)
    x = torch.randn(count, channels, 9, 9, dtype=torch.float64)
    return x + x.roll(1, 3) + x.roll(1, 2) + x.roll(1, 1) + 0.3


def fitted(pictures: torch.Tensor) -> Whitening:
    layer = Whitening(pictures.shape[1]).double()
    layer.initialize()
    layer.fit(pictures)
    return layer


def test_the_filters_are_those_of_the_blackboard_up_to_a_sign_each():
    pictures = smooth_pictures(3)
    mine, right = fitted(pictures).weight.flatten(1), whitening([pixels(x) for x in pictures], Whitening.EPSILON)
    signs = (mine * right).sum(1).sign()
    torch.testing.assert_close(mine, right * signs[:, None], rtol=1e-7, atol=1e-9)


def test_the_filters_are_the_same_however_many_pictures_are_looked_at_together(monkeypatch):
    pictures = smooth_pictures()
    whole = fitted(pictures).weight
    monkeypatch.setattr(Whitening, "AT_ONCE", 7)
    torch.testing.assert_close(fitted(pictures).weight, whole, rtol=1e-9, atol=1e-12)


def test_what_leaves_is_uncorrelated_and_of_size_one_and_every_direction_comes_with_its_negative():
    pictures = smooth_pictures()
    layer = fitted(pictures)
    layer.bias.zero_()
    y = layer(pictures)
    one, other = y.transpose(0, 1).flatten(1).chunk(2)
    assert torch.equal(one, -other)
    torch.testing.assert_close(one @ one.T / one.shape[1], torch.eye(12, dtype=torch.float64), rtol=0, atol=5e-3)  # lambda / (lambda + epsilon)


def test_a_direction_without_anything_in_it_stays_small():
    gray = smooth_pictures(channels=1).expand(-1, 3, -1, -1)
    layer = fitted(gray)
    assert layer.weight.isfinite().all() and layer.weight.flatten(1).norm(dim=1).max() <= Whitening.EPSILON**-0.5 * 1.001
    noisy = gray + 1e-6 * torch.randn_like(gray)
    assert (layer(noisy) - layer(gray)).abs().max() < 1e-3


def test_before_it_is_fitted_it_passes_windows_on_as_they_are():
    layer = Whitening(2)
    layer.initialize()
    p = layer.weight.flatten(1)[:8]
    torch.testing.assert_close(p @ p.T, torch.eye(8) / (1 + Whitening.EPSILON))


def test_the_moments_are_those_of_every_window():
    x = torch.arange(9.0, dtype=torch.float64).view(1, 3, 3)
    squares = [[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]]
    p = torch.tensor(squares, dtype=torch.float64)
    torch.testing.assert_close(moments([pixels(x)]), p.T @ p / 4)


def test_it_is_saved_but_not_learned():
    layer = Whitening(3)
    assert not list(layer.parameters()) and set(layer.state_dict()) == {"weight", "bias"}
