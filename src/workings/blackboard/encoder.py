"""What stands on top of an encoder (BERT): the pooler and its classes, the head that guesses hidden tokens, and one vector for a whole text.

Devlin et al. 2019; for the mean Reimers and Gurevych 2019, "Sentence-BERT". y_0 ... y_{T-1} are the
encoder's vectors of one text, y_0 that of its first token.
"""

import torch
from torch import Tensor

from workings.blackboard.functions import PHI, norm, softmax
from workings.blackboard.parameters import Parameters, affine
from workings.blackboard.prediction import cross_entropy, predict


def pooled(y: list[Tensor], parameters: Parameters) -> Tensor:
    """tanh(W y_0 + b): the first token speaks for the text.  y: T of [D]; parameters: `pooler`. Returns [D]."""
    return torch.tanh(affine(y[0], parameters, "pooler"))


def classify(y: list[Tensor], parameters: Parameters) -> Tensor:
    """C tanh(W y_0 + b) + c, a logit for each class (3.1).  y: T of [D]; parameters: `pooler`, `classifier`. Returns [classes]."""
    return affine(pooled(y, parameters), parameters, "classifier")


def guess(y_t: Tensor, parameters: Parameters, settings) -> Tensor:
    """A^0 N(phi(W y_t + b)) + b_V: a logit for every token that may stand at t, with the embedding A^0 as the head (2.2b).

    y_t: [D]; parameters: `transform` W, `transform_norm` N, `bias` b_V [V], `body.embedding.weight` A^0 [V, D]; settings: those of the body. Returns [V].
    """
    z = norm(PHI[settings.phi](affine(y_t, parameters, "transform")), parameters, "transform_norm", settings)
    return predict(z, parameters["body.embedding.weight"]) + parameters["bias"]


def masked_language(y: list[Tensor], parameters: Parameters, settings) -> list[Tensor]:
    """The guess at every token of a text. Arguments as `guess`. Returns T of [V]."""
    return [guess(y_t, parameters, settings) for y_t in y]


def hide(tokens: list[int], u: list[float], other: list[int], mask: int, rate: float) -> tuple[list[int], list[int]]:
    """What is shown of a text, and the places that were chosen: those with u_t < rate. There the mask is shown (u_t < 0.8 rate), another token
    (u_t < 0.9 rate), or what was there.  tokens: w_1 ... w_T; u: T numbers, uniform in [0, 1); other: T tokens, uniform in the vocabulary.
    """
    chosen = [t for t in range(len(tokens)) if u[t] < rate]
    shown = [mask if u[t] < 0.8 * rate else other[t] if u[t] < 0.9 * rate else w for t, w in enumerate(tokens)]
    return shown, chosen


def masked_token_loss(P: list[Tensor], tokens: list[int], chosen: list[int]) -> Tensor:
    """L = sum over t in chosen of CE(softmax(P[:, t]), w_t).  P: T of [V], made from what was shown; tokens: w_1 ... w_T as they were. Returns a number."""
    return sum((cross_entropy(softmax(P[t]), tokens[t]) for t in chosen), torch.zeros((), dtype=P[0].dtype))


def mean(y: list[Tensor]) -> Tensor:
    """(y_0 + ... + y_{T-1}) / T, over the tokens of the text and no padding.  y: T of [D]. Returns [D]."""
    return sum(y[1:], y[0]) / len(y)


def unit(v: Tensor) -> Tensor:
    """v / |v|, so that the product of two is the cosine of the angle between them.  v: [D], not 0. Returns [D]."""
    return v / torch.sqrt((v**2).sum())


def cosine(u: Tensor, v: Tensor) -> Tensor:
    """u . v / (|u| |v|).  u, v: [D]. Returns a number."""
    return unit(u) @ unit(v)
