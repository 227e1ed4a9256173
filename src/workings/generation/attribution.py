"""Why a sentence classifier says a class: what each token does for it (integrated gradients, Sundararajan et al. 2017), and what `<cls>` looks at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workings.models.encoder import Encoder
from workings.models.sentence_classifier import SentenceClassifier

POINTS = 32
"""At how many points of the way from the baseline to the text gradients are taken at first; then at twice as many until they add up, but not at over 512."""
CLOSE = 0.02
"""How far, in nats, the contributions may be from adding up."""
TOKENS = 4096
"""So many tokens or pixels, of all points together, go through the model at once."""


@dataclass(frozen=True)
class Attribution:
    """Why a class is said of one text of S tokens, `<cls>` included."""

    which: int
    """The number of the class."""
    contributions: Tensor
    """What each token adds to the log-odds of the class, in nats, float64 [S]; 0 where the baseline is the token itself."""
    log_odds: float
    """F(x): log p / (1 - p) of the class for the text."""
    baseline: float
    """F(x'): the same where every token of the text is the zero vector; log_odds - baseline is the sum of the contributions."""
    attention: Tensor
    """What `<cls>` looks at in each layer l and head m: a^lm_ts with t its place, [L, M, S], each row summing to 1."""
    place: int
    """Where `<cls>` stands: first, or last in a causal model."""


def log_odds(logits: Tensor, which: int) -> Tensor:
    """log p_c / (1 - p_c) = z_c - log sum over k != c of e^{z_k}, of the class c = which. logits: z [n, C] -> [n]."""
    others = torch.cat((logits[:, :which], logits[:, which + 1 :]), 1)
    return logits[:, which] - others.logsumexp(1)


def integrated_gradients(f: Callable[[Tensor], Tensor], x: Tensor, baseline: Tensor, points: int = POINTS) -> Tensor:
    """(x_i - x'_i) integral over a from 0 to 1 of dF / dx_i at x' + a (x - x'), of every element i; their sum is F(x) - F(x').

    f: F of several inputs at once, [n, S, D] -> [n], each by itself; x, baseline: x and x', [S, D], of S tokens or pixels;
    points: Gauss and Legendre's u, at a = u^2.
    Returns float64 [S, D].
    """
    u, weights = (torch.from_numpy(part).to(x.device) / 2 for part in np.polynomial.legendre.leggauss(points))  # on -1/2 .. 1/2
    u = u + 0.5
    a, weights = u**2, 2 * u * weights  # more points near the baseline, where norms turn zero vectors into directions
    way = x - baseline
    total = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
    for some in torch.arange(points).split(max(1, TOKENS // len(x))):
        between = (baseline + a[some, None, None].to(x.dtype) * way).detach().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(f(between).sum(), between)
        total += torch.einsum("n,nsd->sd", weights[some], gradient.double())
    return total * way.double()


def complete(f: Callable[[Tensor], Tensor], x: Tensor, baseline: Tensor, change: float, counts: Iterable[int], close: float = CLOSE) -> Tensor:
    """`integrated_gradients` with the first of these numbers of points whose contributions add up to F(x) - F(x') = change, or else with the last.

    close: how far from that they may be, in nats.
    """
    for count in counts:
        found = integrated_gradients(f, x, baseline, count)
        if abs(float(found.sum()) - change) <= close:
            break
    return found


@torch.no_grad()
def attribute(model: SentenceClassifier | Encoder, tokens: Tensor, text: slice, which: int | None = None, points: int | None = None) -> Attribution:
    """Why the model says a class (the likeliest, or `which`) of a text.

    tokens: [T], as `Framing.frame` gives them. text: where in them the text stands; there the baseline's embeddings are zero, as in the paper: of all that was
    tried it has the least to say (a norm makes a direction of any other vector, the mean of all embeddings too, and the model an opinion of that). Everything
    else (`<cls>`, the tokenizer's template, the positions) is the same in both. points: of the integral; as many as it needs if not given.
    """
    x, place, before, say = entrance(model, tokens)
    baseline = x.clone()
    baseline[before + text.start : before + text.stop] = model.body.enter(torch.zeros_like(x[0]))
    record: dict[str, Tensor] = {}
    logits = say(x[None], record=record)
    which = int(logits[0].argmax()) if which is None else which
    end, start = (float(log_odds(z.double(), which)) for z in (logits, say(baseline[None])))
    counts = [POINTS * 2**n for n in range(5)] if points is None else [points]
    found = complete(lambda some: log_odds(say(some), which), x, baseline, end - start, counts).sum(-1)
    attention = torch.stack([record[f"attention.{layer}"][0, :, place] for layer in range(len(model.body.blocks))])
    return Attribution(which, found.cpu(), end, start, attention.float().cpu(), place)


def entrance(model: SentenceClassifier | Encoder, tokens: Tensor) -> tuple[Tensor, int, int, Callable[..., Tensor]]:
    """Where a text enters the model.

    tokens: [T]. Returns x [S, D], what the first layer is given, before positions; the place of `<cls>` in it; how many vectors the model puts before the text;
    and the rest of the model, [n, S, D] -> logits [n, C], which takes `record` as `Stack.run` does.
    """
    body = model.body
    tokens = tokens[None].to(body.embedding.weight.device)
    if isinstance(model, Encoder):  # its `<cls>` is a token of the tokenizer's template
        return body.embed(tokens)[0], 0, 0, lambda x, **given: model.class_logits(body.run(x, **given))
    row, _, places = model.ask(tokens, None)
    place = int(places[0])
    return model.embed(row, places)[0], place, int(place == 0), lambda x, **given: model.say(body.run(x, **given)[:, place])
