"""The network of sets of points equals the blackboard, in values and in the gradient of every parameter; and the order of the points is nothing to it."""

import pytest
import torch

from workings.blackboard.point_denoiser import point_denoiser
from workings.errors import BadInput
from workings.models.diffusion_transformer_settings import diffusion_body
from workings.models.point_denoiser import PointDenoiser
from workings.models.point_denoiser_settings import PointDenoiserSettings


def a_model(body: dict | None = None, **switches) -> PointDenoiser:
    """A model in float64 whose every parameter is random."""
    torch.manual_seed(0)
    sizes = dict(width=6, layers=2, heads=3, head_width=4, ff_width=5) | (body or {})
    model = PointDenoiser(PointDenoiserSettings(**(dict(image_size=(7, 1), channels=3, time_waves=6) | switches), body=diffusion_body(**sizes))).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.5)
    return model


def noisy() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, 7, 1, dtype=torch.float64, generator=generator), torch.tensor([3.5, 700.0], dtype=torch.float64)


@pytest.mark.parametrize("switches", [dict(), dict(classes=3, out_channels=5), dict(body=dict(phi="gated", query_key_norm=True))])
def test_values_and_gradients_equal_the_blackboard(switches):
    model, (x, times) = a_model(**switches), noisy()
    labels = [1, 3] if model.settings.classes else [None, None]
    parameters = dict(model.named_parameters())
    rows = zip(x, times, labels, strict=True)
    slow = torch.stack([torch.stack(point_denoiser(list(one[..., 0].T), t, parameters, model.settings, label), 1)[..., None] for one, t, label in rows])
    fast = model(x, times, torch.tensor(labels) if model.settings.classes else None)
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    names, leaves = zip(*model.named_parameters(), strict=True)
    weights = torch.randn_like(fast)
    one, other = (torch.autograd.grad((y * weights).sum(), leaves) for y in (fast, slow))
    for name, mine, right in zip(names, one, other, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")
    assert sum(gradient.abs().max() > 1e-6 for gradient in one) > 0.8 * len(one)


def test_permuted_points_are_said_permuted():
    model, (x, times) = a_model(classes=3), noisy()
    order = torch.tensor([4, 0, 6, 2, 5, 1, 3])
    said = model(x, times, torch.tensor([0, 2]))
    torch.testing.assert_close(model(x[:, :, order], times, torch.tensor([0, 2])), said[:, :, order], rtol=0, atol=1e-12)
    assert not torch.allclose(said, said[:, :, order])


def test_every_point_hears_of_every_other():
    model, (x, times) = a_model(), noisy()
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(model(x, times)[0, :, 0].sum(), x)
    assert bool((gradient[0].abs().amax(0) > 1e-6).all()) and not gradient[1].any()


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        (dict(image_size=(8, 8)), "sets of points"),
        (dict(text_width=3), "told a class"),
        (dict(time_waves=5), "even"),
        (dict(body=dict(position="rotary")), "no place"),
    ],
)
def test_what_points_have_no_use_for_is_refused(switches, said):
    with pytest.raises(BadInput, match=said):
        a_model(**switches)
