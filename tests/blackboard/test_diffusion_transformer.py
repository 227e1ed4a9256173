"""The diffusion transformer equals the blackboard, in values and in the gradient of every parameter, whatever it is told."""

import pytest
import torch

from workings.blackboard.diffusion_transformer import diffusion_transformer
from workings.models.diffusion_transformer import DiffusionTransformer
from workings.models.diffusion_transformer_settings import DiffusionTransformerSettings, diffusion_body

TINY = dict(image_size=(6, 4), patch_size=(2, 1), channels=2, time_waves=6)
CASES = {
    "nothing told": dict(),
    "classes, two outputs for a number": dict(classes=3, out_channels=4),
    "texts": dict(text_width=5),
    "turned queries and a gate": dict(classes=3, body=dict(position="rotary", phi="gated")),
    "learned places, normalized queries": dict(body=dict(position="learned", query_key_norm=True)),
}


def a_model(**switches) -> DiffusionTransformer:
    """A model in float64 whose every parameter is random."""
    torch.manual_seed(0)
    sizes = dict(width=8, layers=2, heads=3, head_width=4, ff_width=5) | switches.pop("body", {})
    model = DiffusionTransformer(DiffusionTransformerSettings(**(TINY | switches), body=diffusion_body(**sizes))).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.5)
    return model


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_equal_the_blackboard(case):
    model = a_model(**CASES[case])
    x, times = torch.randn(2, 2, 6, 4, dtype=torch.float64), torch.tensor([3.5, 700.0], dtype=torch.float64)
    condition, each = None, [{}, {}]
    if model.settings.classes:
        condition, each = torch.tensor([1, 3]), [dict(label=1), dict(label=3)]
    elif model.settings.text_width:
        vectors, visible = torch.randn(2, 3, 5, dtype=torch.float64), torch.tensor([[True, False, True], [False, False, False]])
        condition, each = (vectors, visible), [dict(text=list(some[seen])) for some, seen in zip(vectors, visible, strict=True)]
    parameters = dict(model.named_parameters())
    slow = torch.stack([diffusion_transformer(one, t, parameters, model.settings, **more) for one, t, more in zip(x, times, each, strict=True)])
    fast = model(x, times, condition)
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    names, leaves = zip(*model.named_parameters(), strict=True)
    weights = torch.randn_like(fast)
    one, other = (torch.autograd.grad((y * weights).sum(), leaves) for y in (fast, slow))
    for name, mine, right in zip(names, one, other, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")
    assert sum(gradient.abs().max() > 1e-6 for gradient in one) > 0.8 * len(one)
