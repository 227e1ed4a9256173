"""The sentence classifier (statement 3.1): `<cls>` joins the text, the transformer reads both, and an MLP on the vector of `<cls>` says the class."""

import torch
from torch import Tensor

from workings.blackboard.functions import PHI, softmax
from workings.blackboard.parameters import Parameters, affine, under
from workings.blackboard.prediction import smoothed_cross_entropy
from workings.blackboard.transformer import hidden


def asked(tokens: list[int], cls: int, causal: bool) -> tuple[list[int], int]:
    """The text with `<cls>`, and its place: last for a causal transformer, in which nothing else has seen the whole text; first for others."""
    return ([*tokens, cls], len(tokens)) if causal else ([cls, *tokens], 0)


def mlp(y: Tensor, parameters: Parameters, phi: str) -> Tensor:
    """H phi(W y + b) + c.  y: [D]; parameters: `mlp` W, b; `head` H, c. Returns [C]."""
    return affine(PHI[phi](affine(y, parameters, "mlp")), parameters, "head")


def logits(tokens: list[int], parameters: Parameters, settings) -> Tensor:
    """A logit for each class.

    tokens: w_1 ... w_T, one text without padding and without `<cls>`; settings: anything with the attributes of `SentenceSettings`;
    parameters: named as in `SentenceClassifier.named_parameters()`. A^0 gets one more row, `cls`, that of the new token. Returns [C].
    """
    body = under(parameters, "body")
    new = len(body["embedding.weight"])
    body["embedding.weight"] = torch.cat((body["embedding.weight"], parameters["cls"][None]))
    sequence, place = asked(tokens, new, settings.body.causal)
    return mlp(hidden(sequence, body, settings.body)[place], parameters, settings.phi)


def loss(z: Tensor, label: int, smoothing: float = 0.0) -> Tensor:
    """(1 - s) CE(softmax(z), c) + s / C sum_k CE(softmax(z), k).  z: [C]; label: c; smoothing: s. Returns a number."""
    return smoothed_cross_entropy(softmax(z), label, smoothing)
