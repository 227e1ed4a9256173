"""From settings to a model: the one place that knows which class an architecture is."""

from typing import Any

from torch import nn

from workings.models.settings import RecurrentSettings, TransformerSettings


def build(settings: Any) -> nn.Module:
    """The model that the settings describe, freshly initialized from torch's global generator."""
    if isinstance(settings, TransformerSettings):
        from workings.models.transformer import Transformer

        return Transformer(settings)
    if isinstance(settings, RecurrentSettings):
        from workings.models.recurrent import Recurrent

        return Recurrent(settings)
    raise TypeError(f"no model is made from {type(settings).__name__}")
