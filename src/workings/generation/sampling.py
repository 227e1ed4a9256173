"""From logits to the next token: pure functions on logits [B, V], each one published trick.

Dropped tokens get the logit -inf. The functions do not change their inputs.
"""

import math

import torch
from torch import Tensor

from workings.generation.settings import WriteSettings
from workings.layers.randomness import generator

DROPPED = float("-inf")


def penalize(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make seen tokens less likely: l / penalty where l > 0, else l * penalty (Keskar et al. 2019, CTRL).

    logits [B, V], seen [B, V] bool -> [B, V].
    """
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the k largest logits of a row (Fan et al. 2018); exactly k, also when logits tie. [B, V] -> [B, V]."""
    values, tokens = logits.topk(min(k, logits.shape[-1]), dim=-1)
    return torch.full_like(logits, DROPPED).scatter(-1, tokens, values)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the fewest tokens, likeliest first, whose probabilities sum to at least p (Holtzman et al. 2019, the nucleus). [B, V] -> [B, V].

    A token stays when the mass before it is below p, so the likeliest one always stays.
    """
    values, tokens = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = values.double().softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    values = values.masked_fill(before >= p, DROPPED)
    values[..., 0] = logits.amax(-1)
    return torch.empty_like(logits).scatter(-1, tokens, values)


def keep_min_p(logits: Tensor, share: float) -> Tensor:
    """Keep tokens with P >= share * max P (Nguyen et al. 2024), that is l >= max l + ln share. [B, V] -> [B, V]."""
    if share == 0:
        return logits
    floor = logits.amax(-1, keepdim=True) + math.log(share)
    return logits.masked_fill(logits < floor, DROPPED)


def draw(logits: Tensor, uniform: Tensor) -> Tensor:
    """One token a row from softmax(logits), by inverting the distribution function at a uniform number.

    logits [B, V], uniform [B] in [0, 1) -> [B]. A dropped token is never drawn: its step of the function has no height.
    """
    mass = logits.double().softmax(-1).cumsum(-1)
    point = uniform.double()[:, None] * mass[:, -1:]
    return torch.searchsorted(mass, point, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)


def choose(logits: Tensor, settings: WriteSettings, uniform: Tensor, seen: Tensor | None = None) -> Tensor:
    """The next token of every row under the settings.

    logits [B, V], uniform [B] (one number a row and step), seen [B, V] bool (needed with a repetition penalty) -> [B] int64.
    """
    logits = logits.float()
    if settings.repetition_penalty != 1 and seen is not None:
        logits = penalize(logits, seen, settings.repetition_penalty)
    if settings.temperature == 0:
        return logits.argmax(-1)
    if settings.temperature != 1:
        logits = logits / settings.temperature
    if settings.top_k:
        logits = keep_top_k(logits, settings.top_k)
    if settings.top_p < 1:
        logits = keep_top_p(logits, settings.top_p)
    if settings.min_p:
        logits = keep_min_p(logits, settings.min_p)
    return draw(logits, uniform)


def uniforms(seed: int, sample: int, count: int) -> Tensor:
    """The uniform numbers of one text, [count] float64: a function of the seed and of the sample's number alone.

    So a text does not depend on what else is in the batch, and a longer text begins with the shorter one.
    """
    return torch.rand(count, generator=generator(seed, sample), dtype=torch.float64)
