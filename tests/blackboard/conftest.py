"""Transformers with tiny prime sizes and random parameters, in float64."""

from types import SimpleNamespace

import pytest
import torch

from workings.models.settings import TransformerSettings
from workings.models.transformer import Transformer


def random_case(seed: int = 0, length: int = 5, **switches) -> SimpleNamespace:
    """A model whose every parameter is random (norms and biases too), its parameters by name, a sequence of tokens, and a memory if it attends to one."""
    torch.manual_seed(seed)
    rotary = switches.get("position", "rotary") == "rotary"
    sizes = dict(vocabulary=13, context=17, width=7, layers=2, heads=3, head_width=4 if rotary else 3, ff_width=11)
    settings = TransformerSettings(**(sizes | switches))
    model = Transformer(settings).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.6)
    return SimpleNamespace(
        settings=settings,
        model=model,
        parameters=dict(model.named_parameters()),
        tokens=torch.randint(settings.vocabulary, (length,)),
        segments=torch.arange(length) * max(settings.segments, 1) // max(length, 1),
        memory=torch.randn(3, settings.width, dtype=torch.float64, requires_grad=True) if settings.cross_attention else None,
    )


@pytest.fixture(scope="session")
def make_case():
    """`random_case`."""
    return random_case
