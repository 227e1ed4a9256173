"""Why a model of pictures says a class: where it looks, what each pixel does for the class, and which pixels it is most sensitive to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from workings.data.picture_settings import Preparation, Views
from workings.data.pictures import numbers, pixels_of
from workings.data.views import averaged
from workings.errors import BadInput
from workings.generation.rollout import looks, over_picture
from workings.generation.saliency import contributions, saliency


@dataclass(frozen=True)
class PictureExplanation:
    """Maps of a picture, as the model is given it: log_odds = baseline + the sum of the contributions, but for the error of an integral."""

    name: str
    """The class."""
    probability: float
    """Of it."""
    log_odds: float
    """log p / (1 - p) of the class for the picture."""
    baseline: float
    """The same for a black picture."""
    pixels: Tensor
    """The picture, resized and cut for the model, uint8 [C, H, W]."""
    rollout: Tensor | None
    """The part of what the classifier reads that comes from the patch in which a pixel lies, [H, W]; None of a model without attention."""
    contributions: Tensor
    """What each pixel adds to the log-odds, in nats, [H, W]."""
    saliency: Tensor
    """How much the log-odds change with each pixel, by its most sensitive channel, in nats for one unit of the model's numbers, [H, W]."""


def explain(model: Any, x: Tensor, how: Preparation, names: Sequence[str], views: Views = "one") -> PictureExplanation:
    """Why the model says the likeliest class of a picture. x: prepared [C, H, W]; how: it was prepared; names: of the classes.

    views: whose answers are averaged; where the model looks is told of the picture as it is.
    """
    if len(names) < 2:
        raise BadInput("This model knows a single class, which it says of every picture; there is nothing to explain.")
    x = x.to(next(model.parameters()).dtype)
    say = partial(averaged, model, views=views)
    with torch.no_grad():
        probability, which = say(x[None])[0].double().softmax(-1).max(-1)
    black = numbers(torch.zeros(x.shape), replace(how, crop=())).to(x.dtype)
    found, log_odds, baseline = contributions(say, x, black, int(which))
    places = looks(model, x[None])
    return PictureExplanation(
        name=names[int(which)],
        probability=float(probability),
        log_odds=log_odds,
        baseline=baseline,
        pixels=pixels_of(x.float(), how),
        rollout=None if places is None else over_picture(places[0].float(), *x.shape[1:]),
        contributions=found.float(),
        saliency=saliency(say, x, int(which)).float(),
    )
