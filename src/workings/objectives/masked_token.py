"""The masked-token loss (statement 3.1): some tokens of a text are hidden, and what they were is guessed from both sides (Devlin et al. 2019)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from workings.data.draws import Draws
from workings.objectives.next_token import next_token_loss

MASKED, REPLACED = 0.8, 0.1
"""Of the chosen tokens, the part that becomes the mask token and the part that becomes any token; the rest stay, as no text to be read later has masks."""


def hide(tokens: Tensor, draws: Draws, mask: int, size: int, rate: float = 0.15, kept: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
    """Choose each token with probability `rate`, and show the mask token in its place (0.8), any of the `size` tokens (0.1), or itself (0.1).

    tokens: w [B, T]; draws: of these B rows; mask: the id of the mask token; kept: tokens that are never chosen, such as the end of a text.
    Returns what the model is shown, [B, T], and which tokens it has to guess, [B, T]. Both are pure functions of (seed, step, row, place).
    """
    u = draws.uniform(tokens.shape[1])
    other = draws.at(1).integers(0, size - 1, tokens.shape[1])
    chosen = u < rate
    for token in kept:
        chosen &= tokens != token
    shown = torch.where(u < rate * MASKED, mask, torch.where(u < rate * (MASKED + REPLACED), other, tokens))
    return torch.where(chosen, shown, tokens), chosen


def masked_token_loss(logits: Tensor, tokens: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """L = sum over the chosen t of CE(softmax(P[:, t]), w_t), and how many terms the sum has.

    logits: P of the N chosen tokens alone, row by row, [N, V]; tokens: w as they were, [B, T]; chosen: [B, T]. Nats; the mean is sum / max(count, 1).
    """
    return next_token_loss(logits, tokens[chosen])
