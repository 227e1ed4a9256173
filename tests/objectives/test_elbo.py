"""The bounds lie where theory puts them: below log p(x), tight at the true posterior, rising with the samples in one sum; their gradients are right."""

import math

import pytest
import torch
from torch import Tensor

from workings.layers.distributions import Bernoulli, DiagonalGaussian, FullGaussian
from workings.models.vae import VAE
from workings.models.vae_settings import VAESettings
from workings.objectives.elbo import active_units, bits_per_dimension, elbo, iwae, log_likelihood

LATENT, PIXELS, SIGMA = 3, 5, 0.7


class LinearGaussian:
    """p(z) = N(0, I), p(x|z) = N(W z + b, sigma^2 I), so that p(x) = N(b, W W^T + sigma^2 I), and q(z|x) = N(mean, L L^T) of which the true one is known."""

    def __init__(self, off: float = 0.0, diagonal: bool = False):
        torch.manual_seed(0)
        self.W, self.b = torch.randn(PIXELS, LATENT, dtype=torch.float64), torch.randn(PIXELS, dtype=torch.float64)
        self.covariance = torch.linalg.inv(torch.eye(LATENT).double() + self.W.T @ self.W / SIGMA**2)  # of the true posterior
        self.off, self.diagonal = off, diagonal

    def evidence(self, x: Tensor) -> Tensor:
        """log p(x)."""
        covariance = self.W @ self.W.T + SIGMA**2 * torch.eye(PIXELS).double()
        return torch.distributions.MultivariateNormal(self.b, covariance).log_prob(x)

    def true_mean(self, x: Tensor) -> Tensor:
        return (x - self.b) @ self.W @ self.covariance / SIGMA**2

    def encode(self, x: Tensor, labels: Tensor | None = None):
        mean = self.true_mean(x)[:, None] + self.off
        if self.diagonal:
            return DiagonalGaussian(mean, self.covariance.diagonal().log().expand_as(mean))
        return FullGaussian(mean, torch.linalg.cholesky(self.covariance).expand(len(x), -1, -1))

    def decode(self, z: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        mean = z @ self.W.T + self.b
        return DiagonalGaussian(mean, torch.full_like(mean, 2 * math.log(SIGMA)))


def some_pictures(model: LinearGaussian, n: int = 2) -> Tensor:
    """Drawn from the model itself."""
    z = torch.randn(n, LATENT, dtype=torch.float64)
    return z @ model.W.T + model.b + SIGMA * torch.randn(n, PIXELS, dtype=torch.float64)


def noise_for(x: Tensor, samples: int) -> Tensor:
    return torch.randn(len(x), samples, LATENT, dtype=torch.float64)


def test_at_the_true_posterior_every_bound_is_the_evidence_whatever_is_drawn():
    """log p(x|z) + log p(z) - log q(z|x) is then log p(x) for every z: no bound has a variance or a gap."""
    model = LinearGaussian()
    x = some_pictures(model)
    noise = noise_for(x, 6)
    for value in (elbo(model, x, noise, analytic=False).value, iwae(model, x, noise, inner=3).value, log_likelihood(model, x, noise)):
        torch.testing.assert_close(value, model.evidence(x), rtol=0, atol=1e-9)
    many = elbo(model, x, noise_for(x, 100_000)).value  # with the KL in closed form, in the mean alone
    torch.testing.assert_close(many, model.evidence(x), rtol=0, atol=0.05)


@pytest.mark.parametrize("how", [dict(off=0.3), dict(diagonal=True)], ids=["another mean", "no covariances"])
def test_away_from_it_the_bounds_rise_from_the_elbo_to_the_evidence(how):
    model = LinearGaussian(**how)
    x = some_pictures(model)
    noise = noise_for(x, 5 * 40_000)
    bounds = [iwae(model, x, noise, inner=inner).value for inner in (1, 5, 50)]
    evidence = model.evidence(x)
    gaps = torch.stack([evidence - bound for bound in bounds])
    assert (gaps > 0).all() and (gaps.diff(dim=0) < 0).all()
    assert (gaps[2] < 0.2 * gaps[0]).all()


def test_the_gap_of_the_elbo_is_the_divergence_from_the_true_posterior():
    """log p(x) - ELBO = KL(q || p(z|x)), here d^T C^-1 d / 2 for a mean that is off by d."""
    model = LinearGaussian(off=0.3)
    x = some_pictures(model)
    d = torch.full((LATENT,), 0.3, dtype=torch.float64)
    gap = d @ torch.linalg.inv(model.covariance) @ d / 2
    found = model.evidence(x) - elbo(model, x, noise_for(x, 200_000)).value
    torch.testing.assert_close(found, gap.expand(2), rtol=0.02, atol=0)


def test_the_closed_form_of_the_divergence_is_the_mean_over_samples():
    torch.manual_seed(0)
    mean, factor = torch.randn(2, 1, 3), torch.tril(torch.randn(2, 3, 3), -1) + torch.diag_embed(torch.rand(2, 3) + 0.3)
    for q in (FullGaussian(mean, factor), DiagonalGaussian(mean, torch.randn(2, 1, 3))):
        z = q.sample(torch.randn(2, 200_000, 3))
        sampled = (q.log_density(z) + 0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)).mean(1)
        torch.testing.assert_close(q.divergences().sum((1, 2)), sampled, rtol=0.02, atol=0.02)


def test_a_full_covariance_without_covariances_is_a_diagonal_one():
    mean, log_variance, noise = torch.randn(2, 1, 3), torch.randn(2, 1, 3), torch.randn(2, 4, 3)
    one, other = DiagonalGaussian(mean, log_variance), FullGaussian(mean, torch.diag_embed((log_variance[:, 0] / 2).exp()))
    torch.testing.assert_close(one.sample(noise), other.sample(noise))
    torch.testing.assert_close(one.log_density(noise), other.log_density(noise))
    torch.testing.assert_close(one.divergences().sum((1, 2)), other.divergences().sum((1, 2)))


def test_densities_are_those_of_torch():
    torch.manual_seed(0)
    mean, log_variance, x, logits = (torch.randn(2, 3, 5) for _ in range(4))
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    torch.testing.assert_close(DiagonalGaussian(mean, log_variance).log_density(x), normal.log_prob(x).sum(-1))
    coins, binary = torch.distributions.Bernoulli(logits=30 * logits), (x > 0).float()
    torch.testing.assert_close(Bernoulli(30 * logits).log_density(binary), coins.log_prob(binary).sum(-1))


def test_the_gradient_through_the_samples_is_that_of_the_score_function():
    """d/dt E_q[f(z)] = E[df/dz dz/dt] (through the sample) = E[f(z) d log q(z)/dt] (the score function), for f = log p(x|z) and t = mu and log sigma^2."""
    model = LinearGaussian()
    x = some_pictures(model, 1)
    mean, log_variance = model.true_mean(x)[:, None].clone().requires_grad_(), torch.full((1, 1, LATENT), -2.0, dtype=torch.float64, requires_grad=True)
    q, n = DiagonalGaussian(mean, log_variance), 400_000
    z = q.sample(noise_for(x, n))
    through = torch.autograd.grad(model.decode(z).log_density(x[:, None]).mean(), [mean, log_variance], retain_graph=True)
    still = z.detach()
    f = model.decode(still).log_density(x[:, None])
    score = torch.autograd.grad(((f - f.mean()) * q.log_density(still)).mean(), [mean, log_variance])
    for one, other in zip(through, score, strict=True):
        assert one.abs().max() > 0.3
        torch.testing.assert_close(one, other, rtol=0.03, atol=0.05)


def test_the_value_is_one_of_each_picture_summed_over_pixels_and_dimensions():
    """A mean over pixels or dimensions would hide a weight of the KL."""
    model = VAE(VAESettings(image_size=(3, 2), latent=3, widths=(7,)))
    x, noise = torch.rand(4, 1, 3, 2).round(), torch.randn(4, 2, 3)
    whole = elbo(model, x, noise)
    assert whole.value.shape == (4,)
    alone = torch.cat([elbo(model, x[b : b + 1], noise[b : b + 1]).value for b in range(4)])
    torch.testing.assert_close(whole.value, alone)
    p = model.decode(model.encode(x).sample(noise))
    by_pixel = torch.stack([Bernoulli(p.logits[..., i : i + 1]).log_density(x.flatten(1)[:, None, i : i + 1]) for i in range(6)]).sum(0).mean(1)
    torch.testing.assert_close(whole.reconstruction, by_pixel)
    torch.testing.assert_close(whole.divergence, sum(model.encode(x).divergences()[:, 0, i] for i in range(3)))


def test_one_sample_in_each_sum_is_the_elbo_of_the_samples():
    model = LinearGaussian(off=0.2)
    x = some_pictures(model)
    noise = noise_for(x, 7)
    one, other = iwae(model, x, noise, inner=1), elbo(model, x, noise, analytic=False)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b)


def test_the_estimate_of_the_likelihood_is_the_same_however_its_samples_are_cut_and_is_one_great_sum():
    model = LinearGaussian(off=0.2)
    x = some_pictures(model)
    noise = noise_for(x, 23)
    whole = iwae(model, x, noise, inner=23).value
    for at_once in (1, x.numel() * 7, 10**9):
        torch.testing.assert_close(log_likelihood(model, x, noise, at_once=at_once), whole, rtol=0, atol=1e-9)


def test_warm_up_and_free_bits_change_what_is_asked_and_never_the_bound_that_is_told():
    model = LinearGaussian(off=0.2, diagonal=True)
    x = some_pictures(model)
    noise = noise_for(x, 2)
    plain, half = elbo(model, x, noise), elbo(model, x, noise, weight=0.5)
    assert torch.equal(plain.objective, plain.value) and torch.equal(half.value, plain.value)
    torch.testing.assert_close(half.objective, plain.reconstruction - plain.divergence / 2)
    parts = model.encode(x).divergences()[:, 0]
    free = float(parts.median())
    bits = elbo(model, x, noise, free=free)
    assert torch.equal(bits.value, plain.value) and (bits.objective < plain.objective).any()
    torch.testing.assert_close(bits.objective, plain.reconstruction - parts.clamp(min=free).sum(1))
    full = elbo(LinearGaussian(), x, noise, free=100.0)
    torch.testing.assert_close(full.objective, full.reconstruction - 100.0 * LATENT)


def test_free_bits_take_the_gradient_from_what_says_too_little():
    mean = torch.tensor([[[0.1, 3.0]]], requires_grad=True)
    parts = DiagonalGaussian(mean, torch.zeros(1, 1, 2)).divergences()
    (gradient,) = torch.autograd.grad(parts.clamp(min=0.5).sum(), mean)
    assert gradient[0, 0, 0] == 0 and gradient[0, 0, 1] == 3


def test_samples_that_cannot_be_cut_into_such_sums_are_refused():
    model = LinearGaussian()
    x = some_pictures(model)
    with pytest.raises(ValueError, match="7 samples"):
        iwae(model, x, noise_for(x, 7), inner=2)


def test_bits_of_uniform_noise_are_those_of_its_levels():
    """A density of 1 over [0, 1] says that all 256 levels are alike: 8 bits."""
    assert bits_per_dimension(0.0, 31, 256) == 8.0
    assert bits_per_dimension(31 * math.log(2), 31) == pytest.approx(1.0)


def test_units_that_say_nothing_are_not_counted():
    means = torch.randn(1000, 3) * torch.tensor([1.0, 0.05, 0.2])
    assert active_units(means) == 2
