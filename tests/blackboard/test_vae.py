"""The variational autoencoder and its bounds equal the blackboard, in values and in the gradient of every parameter."""

import pytest
import torch
from torch import Tensor

from workings.blackboard import vae as board
from workings.models.vae import VAE
from workings.models.vae_settings import VAESettings
from workings.objectives.elbo import elbo, iwae

PICTURE = dict(image_size=(3, 2), channels=2, latent=3, widths=(7,))
CONVOLUTIONAL = dict(body="convolutional", image_size=(5, 4), widths=(3, 2), hidden=11)
CASES: dict[str, dict] = {
    "coins": dict(),
    "coins, told the class": dict(classes=4),
    "two hidden layers": dict(widths=(7, 5), phi="tanh"),
    "full covariance": dict(posterior="full"),
    "full covariance of one dimension": dict(posterior="full", latent=1),
    "variance of each pixel": dict(likelihood="gaussian", variance="pixel", classes=2),
    "variance of each picture": dict(likelihood="gaussian", variance="picture"),
    "variance shared": dict(likelihood="gaussian", variance="shared", posterior="full"),
    "variance fixed": dict(likelihood="gaussian", variance="fixed", sigma=0.7),
    "convolutions": CONVOLUTIONAL,
    "convolutions, variance of each pixel, told the class": dict(**CONVOLUTIONAL, likelihood="gaussian", variance="pixel", classes=3),
    "convolutions, variance of each picture": dict(**CONVOLUTIONAL, likelihood="gaussian", variance="picture", phi="gelu"),
}


def random_model(**changes) -> VAE:
    """A model in float64 whose every parameter is random."""
    torch.manual_seed(0)
    model = VAE(VAESettings(**(PICTURE | changes))).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.05, std=0.3)
    return model


def given(model: VAE, samples: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Pictures, noise and labels."""
    s = model.settings
    x = torch.rand(2, s.channels, *s.image_size, dtype=torch.float64)
    x = x.round() if s.likelihood == "bernoulli" else x
    return x, torch.randn(2, samples, s.latent, dtype=torch.float64), torch.tensor([1, 0]) if s.classes else None


def compare(model: VAE, fast: Tensor, slow: list[Tensor]) -> None:
    """Values, and the gradients of some weighted sum of them."""
    torch.testing.assert_close(fast, torch.stack(slow), rtol=0, atol=1e-8)
    names, parameters = zip(*model.named_parameters(), strict=True)
    weights = torch.tensor([0.7, -1.3], dtype=torch.float64)
    one, other = (torch.autograd.grad((y * weights).sum(), parameters) for y in (fast, torch.stack(slow)))
    for name, fast_gradient, slow_gradient in zip(names, one, other, strict=True):
        torch.testing.assert_close(fast_gradient, slow_gradient, rtol=1e-9, atol=1e-8, msg=lambda text, name=name: f"{name}: {text}")
    assert sum(gradient.abs().max() > 0 for gradient in one) > len(one) / 2


@pytest.mark.parametrize("analytic", [True, False], ids=["KL in closed form", "KL from the samples"])
@pytest.mark.parametrize("case", CASES)
def test_the_bound_of_two_samples_and_every_gradient_are_the_blackboards(case, analytic):
    model = random_model(**CASES[case])
    x, noise, labels = given(model, 2)
    bound = elbo(model, x, noise, labels, analytic=analytic)
    written = board.Model(dict(model.named_parameters()), model.settings)
    slow = [board.elbo(x[b], list(noise[b]), 0 if labels is None else int(labels[b]), written, analytic) for b in range(2)]
    compare(model, bound.value, slow)
    torch.testing.assert_close(bound.reconstruction - bound.divergence, bound.value)


@pytest.mark.parametrize("case", ["coins, told the class", "full covariance", "variance of each pixel", "convolutions"])
def test_the_importance_weighted_bound_of_three_sums_of_two_and_every_gradient_are_the_blackboards(case):
    model = random_model(**CASES[case])
    x, noise, labels = given(model, 6)
    written = board.Model(dict(model.named_parameters()), model.settings)
    groups = [[[noise[b, 2 * m + k] for k in range(2)] for m in range(3)] for b in range(2)]
    slow = [board.iwae(x[b], groups[b], 0 if labels is None else int(labels[b]), written) for b in range(2)]
    compare(model, iwae(model, x, noise, labels, inner=2).value, slow)


def test_two_sums_of_three_are_another_bound_than_three_of_two():
    model = random_model()
    x, noise, _ = given(model, 6)
    assert (iwae(model, x, noise, inner=2).value - iwae(model, x, noise, inner=3).value).abs().min() > 1e-3
    assert (iwae(model, x, noise, inner=6).value > iwae(model, x, noise, inner=1).value).all()


def test_the_divergence_of_two_normal_distributions_by_hand():
    """KL(N(1, 4) || N(0, 1)) = (4 + 1 - 1 - log 4) / 2."""
    mean, L = torch.tensor([1.0]), torch.tensor([[2.0]])
    assert board.kl(mean, L).item() == pytest.approx((4 - 2 * torch.tensor(2.0).log().item()) / 2)
