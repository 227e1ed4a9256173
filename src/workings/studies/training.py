"""What all studies that train have in common."""

import json
from typing import Any


def assignments(settings: dict[str, Any]) -> list[str]:
    """Settings by their full names, with a dot or with __ for it, as `workings.train` takes them.

    >>> assignments({"model.width": 8, "model__tau": "1"})
    ['model.width=8', 'model.tau="1"']
    """
    return [f"{name.replace('__', '.')}={json.dumps(value)}" for name, value in settings.items()]


def parameters(run: Any) -> int:
    """How many numbers a run's model has learned."""
    return sum(parameter.numel() for parameter in run.load().model.parameters())
