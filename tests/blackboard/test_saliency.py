"""Saliency is the slope that changing a pixel shows, and what pixels contribute is the blackboard's and adds up."""

import pytest
import torch

from tests.blackboard.test_picture_models import random_model
from workings.blackboard import attribution as blackboard
from workings.blackboard.saliency import saliency as slow_saliency
from workings.generation.saliency import contributions, saliency
from workings.models.cnn_settings import CNNSettings
from workings.models.mlp_settings import MLPSettings
from workings.models.resnet_settings import ResNetSettings
from workings.models.row_recurrent_settings import RowRecurrentSettings
from workings.models.vision_settings import VisionSettings, body

PICTURE = dict(image_size=(6, 4), channels=2, classes=3)
KINDS = {
    "MLP": MLPSettings(**PICTURE, widths=(7,)),
    "CNN": CNNSettings(**PICTURE, widths=(3, 4), depths=(1, 1)),
    "ResNet": ResNetSettings(stem="3x3", stem_width=3, widths=(4, 8), depths=(1, 1), channels=2, classes=3),
    "GRU": RowRecurrentSettings(**PICTURE, width=5),
    "ViT": VisionSettings(**PICTURE, patch_size=(2, 2), body=body(width=8, layers=2, heads=2, ff_width=5)),
}


@pytest.fixture(params=KINDS)
def model(request):
    """Random parameters everywhere."""
    return random_model(KINDS[request.param], training=False)


@pytest.fixture
def picture():
    return torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def log_odds_of(model, which):
    return lambda x: blackboard.log_odds(model(x[None])[0], which)


def test_saliency_is_the_steepest_slope_of_each_pixel(model, picture):
    with torch.no_grad():
        slow = torch.tensor(slow_saliency(log_odds_of(model, 2), picture, 1e-6), dtype=torch.float64)
    torch.testing.assert_close(saliency(model, picture, 2), slow, rtol=1e-5, atol=1e-6)
    assert slow.max() > 0


def test_contributions_are_those_of_the_plain_sum_over_many_small_steps(model, picture):
    baseline = torch.full_like(picture, -0.5)
    found, end, start = contributions(model, picture, baseline, 1, points=128)
    pixels, black = (list(one.flatten(1).t()) for one in (picture, baseline))

    def f(xs):  # from the vectors of all pixels
        return log_odds_of(model, 1)(torch.stack(xs, 1).unflatten(1, (6, 4)))

    slow = torch.stack(blackboard.integrated_gradients(f, pixels, black, 200)).detach().view(6, 4)
    torch.testing.assert_close(found, slow, rtol=0, atol=3e-2 * float(slow.abs().max()))
    with torch.no_grad():
        assert (end, start) == pytest.approx((float(f(pixels)), float(f(black))), abs=1e-9)


def test_contributions_add_up_to_the_change_of_the_log_odds(model, picture):
    for which in range(3):
        found, end, start = contributions(model, picture, torch.zeros_like(picture), which, points=128)
        assert float(found.sum()) == pytest.approx(end - start, abs=2e-3)
        assert float(found.abs().max()) > 0.01


def test_as_many_points_are_taken_as_the_sum_needs(picture, monkeypatch):
    model = random_model(KINDS["CNN"], training=False)
    few, end, start = contributions(model, picture, torch.zeros_like(picture), 2, points=1)
    assert abs(float(few.sum()) - end + start) > 0.05
    monkeypatch.setattr("workings.generation.saliency.COUNTS", (1, 32, 64))
    enough, _, _ = contributions(model, picture, torch.zeros_like(picture), 2)
    assert torch.equal(enough, contributions(model, picture, torch.zeros_like(picture), 2, points=32)[0])


def test_pixels_that_are_the_baselines_contribute_nothing(model, picture):
    baseline = torch.zeros_like(picture)
    baseline[:, 2:4, 1] = picture[:, 2:4, 1]
    found, _, _ = contributions(model, picture, baseline, 0)
    assert {(i, j) for i, j in (found == 0).nonzero().tolist()} == {(2, 1), (3, 1)}


def test_of_a_linear_model_both_are_in_its_weights():
    """With two classes the log-odds are z_0 - z_1."""
    torch.manual_seed(0)
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2 * 3 * 4, 2)).double()
    x, baseline = torch.randn(2, 2, 3, 4, dtype=torch.float64)
    weights = (linear[1].weight[0] - linear[1].weight[1]).detach().view(2, 3, 4)
    torch.testing.assert_close(saliency(linear, x, 0), weights.abs().amax(0), rtol=0, atol=1e-12)
    torch.testing.assert_close(contributions(linear, x, baseline, 0, points=1)[0], (weights * (x - baseline)).sum(0), rtol=0, atol=1e-12)


def test_the_weights_are_not_touched(model, picture):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    saliency(model, picture, 0)
    contributions(model, picture, torch.zeros_like(picture), 0, points=2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
