"""The variational autoencoder begins knowing nothing, stays within its bounds, learns, is told what it is to draw, and refuses what cannot be."""

import math

import pytest
import torch

from workings.errors import BadInput
from workings.models.build import build
from workings.models.vae import VAE
from workings.models.vae_settings import VAESettings
from workings.objectives.elbo import elbo
from workings.settings import from_dict, to_dict

SMALL = dict(image_size=(5, 7), latent=3, widths=(11,))
MODELS = {
    "mlp": SMALL,
    "convolutional": SMALL | dict(body="convolutional", widths=(7, 3), hidden=13, phi="silu"),
    "full": SMALL | dict(posterior="full"),
    **{variance: SMALL | dict(likelihood="gaussian", variance=variance) for variance in ("pixel", "picture", "shared", "fixed")},
}


@pytest.mark.parametrize("body", ["mlp", "convolutional"])
def test_the_first_bound_is_that_of_coins_that_know_nothing(body):
    torch.manual_seed(0)
    model = VAE(VAESettings(body=body))
    bound = elbo(model, torch.rand(20, 1, 28, 28).round(), torch.randn(20, 1, 20))
    assert -bound.value.mean().item() == pytest.approx(784 * math.log(2), rel=0.1)
    assert 0 <= bound.divergence.mean() < 5


@pytest.mark.parametrize("variance", ["pixel", "picture", "shared", "fixed"])
def test_a_gaussian_begins_with_the_deviation_that_is_set(variance):
    torch.manual_seed(0)
    model = VAE(VAESettings(**SMALL, likelihood="gaussian", variance=variance, sigma=0.3))
    p = model.decode(torch.randn(4, 2, 3))
    assert p.mean.shape == p.log_variance.shape == (4, 2, 35)
    torch.testing.assert_close((p.log_variance / 2).exp(), torch.full((4, 2, 35), 0.3), rtol=0.2, atol=0)


def test_one_variance_is_shared_by_a_picture_or_by_all_and_each_pixel_has_its_own():
    spread = {}
    for variance in ("pixel", "picture", "shared", "fixed"):
        model = VAE(VAESettings(**SMALL, likelihood="gaussian", variance=variance))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        v = model.decode(torch.randn(4, 1, 3)).log_variance[:, 0]
        spread[variance] = (bool(v.std(0).max() > 1e-3), bool(v.std(1).max() > 1e-3))
    assert spread == {"pixel": (True, True), "picture": (True, False), "shared": (False, False), "fixed": (False, False)}


@pytest.mark.parametrize("variance", ["pixel", "picture", "shared"])
def test_a_learned_deviation_has_a_floor_and_what_encoders_say_has_bounds(variance):
    model = VAE(VAESettings(**SMALL, likelihood="gaussian", variance=variance, floor=0.01))
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, -50.0)
    z = torch.ones(2, 1, 3)
    assert torch.allclose((model.decode(z).log_variance / 2).exp(), torch.tensor(0.01))
    q = model.encode(torch.ones(2, 1, 5, 7))
    assert q.log_variance.min() >= -14 and q.log_variance.max() <= 6
    with torch.no_grad():
        model.spread.bias.fill_(1e6)
    assert model.encode(torch.ones(2, 1, 5, 7)).log_variance.max() <= 6


@pytest.mark.parametrize("name", MODELS)
def test_a_small_one_learns_a_few_pictures_and_draws_in_their_range(name):
    torch.manual_seed(0)
    model = VAE(VAESettings(**MODELS[name]))
    x = torch.rand(4, 1, 5, 7).round()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    bounds = []
    for _ in range(100):
        optimizer.zero_grad()
        bound = model(x, torch.randn(4, 1, 3)).value.mean()
        (-bound).backward()
        optimizer.step()
        bounds.append(bound.item())
    assert bounds[-1] > bounds[0] + 2
    drawn = model.sample(torch.randn(5, 3))
    assert drawn.shape == (5, 1, 5, 7) and drawn.min() >= 0 and drawn.max() <= 1


@pytest.mark.parametrize("body", ["mlp", "convolutional"])
def test_encoder_and_decoder_are_both_told_the_class(body):
    model = VAE(VAESettings(**(MODELS[body] | dict(classes=3))))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x, z = torch.rand(2, 1, 5, 7), torch.randn(2, 3)
    one, other = torch.tensor([0, 1]), torch.tensor([0, 2])
    for told in (lambda labels: model.encode(x, labels).mean[:, 0], lambda labels: model.pictures(z, labels).flatten(1)):
        assert torch.equal(told(one)[0], told(other)[0]) and not torch.equal(told(one)[1], told(other)[1])
    with pytest.raises(BadInput, match="give labels"):
        model.sample(z)


@pytest.mark.parametrize("name", MODELS)
def test_settings_survive_being_written_down_and_build_the_same_model(name):
    settings = VAESettings(**MODELS[name])
    again = from_dict(VAESettings, to_dict(settings))
    assert again == settings
    shapes = [{key: tensor.shape for key, tensor in build(s).state_dict().items()} for s in (settings, again)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (dict(latent=0), "at least one latent dimension"),
        (dict(widths=(0,)), "must have at least one number"),
        (dict(body="convolutional", image_size=(3, 3)), "too small to be halved 2 times"),
        (dict(floor=0.0), "must be above 0"),
        (dict(floor=0.2), "below sigma"),
    ],
)
def test_what_cannot_be_is_refused(change, sentence):
    with pytest.raises(BadInput, match=sentence):
        VAESettings(**change)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(BadInput, match=r"takes \[pictures, 1, 5, 7\]"):
        VAE(VAESettings(**SMALL)).encode(torch.zeros(2, 1, 7, 5))
