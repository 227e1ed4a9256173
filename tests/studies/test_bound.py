"""The study of bounds: its known models have the evidence and the gap that they say, and its sums are those of the objective."""

import pytest
import torch

from workings.objectives.elbo import elbo, iwae
from workings.studies.bound import HALF, LATENT, OFF, PIXELS, SIGMA, TRAINED, WIDE, LinearGaussian, bound, judge, slopes, weights_of


def pictures(model: LinearGaussian, n: int = 3) -> torch.Tensor:
    g = torch.Generator().manual_seed(1)
    z = torch.randn(n, LATENT, generator=g, dtype=torch.float64)
    return z @ model.W.T + SIGMA * torch.randn(n, PIXELS, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("kind", [OFF, WIDE])
def test_the_bound_of_one_sample_lacks_what_the_closed_form_says(kind):
    model = LinearGaussian(0, kind)
    x = pictures(model)
    found = model.evidence(x).mean() - bound(weights_of(model, x, 40_000, 0), 1)
    assert float(found) == pytest.approx(model.gap(), rel=0.03)
    noise = torch.randn(3, 40_000, LATENT, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert float((model.evidence(x) - elbo(model, x, noise).value).mean()) == pytest.approx(model.gap(), rel=0.05)


def test_a_right_encoder_lacks_nothing_whatever_is_drawn():
    model = LinearGaussian(0, "right")
    x = pictures(model)
    assert bound(weights_of(model, x, 8, 0), 4) == pytest.approx(float(model.evidence(x).mean()), abs=1e-9)


def test_the_sums_are_those_of_the_objective():
    model = LinearGaussian(2, WIDE)
    x = pictures(model)
    noise = torch.randn(3, 12, LATENT, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    assert bound(weights_of(model, x, 12, 5), 4) == pytest.approx(float(iwae(model, x, noise, inner=4).value.mean()), rel=1e-12)


def test_the_gap_of_many_samples_is_half_the_variance_of_the_weights_over_their_number():
    """Of w / p(x), for an encoder that is s times too wide in n dimensions: (s / sqrt(2 s - 1))^n - 1."""
    model = LinearGaussian(0, WIDE)
    x = pictures(model, 16)
    gap = float(model.evidence(x).mean()) - bound(weights_of(model, x, 1 << 16, 0), 64)
    variance = (model.s / (2 * model.s - 1) ** 0.5) ** LATENT - 1
    assert gap == pytest.approx(variance / 128, rel=0.2)


def made_up(power: float, left: float, sign: float = 1.0) -> list[dict]:
    """Gaps that fall so, the VAE's from 5 nats to a part of them."""
    return [
        {"model": model, "samples": k, "seed": seed, "gap": gap, "bound": sign * -gap}
        for seed in (0, 1, 2)
        for model in (OFF, WIDE, TRAINED)
        for k in (1, 16, HALF, 256)
        for gap in [(5 + seed / 10) * left ** ((k > 1) + k / 1000) if model == TRAINED else k**-power]
    ]


def test_a_slope_is_that_of_the_gaps():
    assert slopes(made_up(0.7, 0.3), OFF) == pytest.approx([0.7] * 3)


def test_the_verdict_follows_rise_slope_and_what_is_left():
    assert judge(made_up(1.0, 0.3)).word == "supported"
    assert judge(made_up(0.5, 0.3)).word == "depends on"
    assert judge(made_up(1.0, 0.8)).word == "depends on"
    assert judge(made_up(1.0, 0.3, sign=-1)).word == "not supported here"
