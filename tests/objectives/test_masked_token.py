"""Masked tokens: which are hidden and how, that a batch may be cut anywhere, and that loss and gradients are those of the blackboard."""

import math

import pytest
import torch

from workings.blackboard import encoder as blackboard
from workings.blackboard.transformer import hidden
from workings.data.draws import Draws
from workings.models.encoder import Encoder
from workings.models.encoder_settings import EncoderSettings
from workings.models.settings import TransformerSettings
from workings.objectives.masked_token import hide, masked_token_loss

V = 101
MASK = 101


def words(rows: int, length: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randint(V, (rows, length))


def within(part: float, of: int, expected: float) -> bool:
    """Whether a frequency is within four standard deviations of its probability."""
    return abs(part - expected) < 4 * math.sqrt(expected * (1 - expected) / of)


@pytest.mark.parametrize("rate", [0.15, 0.4])
def test_as_many_are_chosen_and_hidden_in_each_way_as_is_said(rate):
    tokens = words(200, 211)
    shown, chosen = hide(tokens, Draws(3, 5, 200), MASK, V, rate)
    many = int(chosen.sum())
    assert within(many / tokens.numel(), tokens.numel(), rate)
    assert torch.equal(shown[~chosen], tokens[~chosen])
    was, now = tokens[chosen], shown[chosen]
    assert within(float((now == MASK).float().mean()), many, 0.8)
    other = now != MASK
    assert within(float((other & (now != was)).float().mean()), many, 0.1 * (1 - 1 / V))
    assert within(float((now == was).float().mean()), many, 0.1 + 0.1 / V)


def test_every_token_may_replace_another_and_the_mask_is_none_of_them():
    tokens = words(2000, 101)
    shown, chosen = hide(tokens, Draws(0, 0, 2000), MASK, V, 0.9)
    replaced = shown[chosen & (shown != MASK) & (shown != tokens)]
    counts = replaced.bincount(minlength=V)
    assert len(counts) == V and counts.min() > 0
    assert all(within(int(count) / len(replaced), len(replaced), 1 / V) for count in counts)


def test_what_is_hidden_depends_on_seed_step_and_row_and_not_on_the_tokens_or_on_how_a_batch_is_cut():
    tokens = words(8, 53)
    whole = hide(tokens, Draws(1, 2, 8), MASK, V)
    for size in (1, 3):
        parts = [hide(tokens[first : first + size], Draws(1, 2, len(tokens[first : first + size]), first), MASK, V) for first in range(0, 8, size)]
        for one, pieces in zip(whole, zip(*parts, strict=True), strict=True):
            assert torch.equal(one, torch.cat(pieces))
    assert torch.equal(hide((tokens + 1) % V, Draws(1, 2, 8), MASK, V)[1], whole[1])
    for draws in (Draws(2, 2, 8), Draws(1, 3, 8), Draws(1, 2, 8, first=8)):
        assert not torch.equal(hide(tokens, draws, MASK, V)[1], whole[1])
    assert len({tuple(row.tolist()) for row in whole[1]}) == 8


def test_what_is_to_be_kept_is_never_chosen():
    tokens = words(50, 53)
    shown, chosen = hide(tokens, Draws(0, 0, 50), MASK, V, 0.9, kept=[7, 9])
    kept = (tokens == 7) | (tokens == 9)
    assert kept.any() and not chosen[kept].any() and torch.equal(shown[kept], tokens[kept])
    assert within(float(chosen[~kept].float().mean()), int((~kept).sum()), 0.9)


def test_what_is_shown_is_what_the_blackboard_shows():
    tokens, draws = words(1, 97), Draws(4, 4, 1)
    shown, chosen = hide(tokens, draws, MASK, V, 0.5)
    u, other = draws.uniform(97)[0].tolist(), draws.at(1).integers(0, V - 1, 97)[0].tolist()
    expected = blackboard.hide(tokens[0].tolist(), u, other, MASK, 0.5)
    assert (shown[0].tolist(), chosen[0].nonzero()[:, 0].tolist()) == expected


@pytest.fixture
def model() -> Encoder:
    torch.manual_seed(0)
    body = TransformerSettings(vocabulary=13, context=11, width=6, heads=3, layers=2, ff_width=7, causal=False, biases="all")
    model = Encoder(EncoderSettings(body=body, head="masked")).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.6)
    return model


def test_loss_and_every_gradient_are_the_blackboards(model):
    """Of two texts at once, with logits at the chosen places alone, against one after another with all logits."""
    tokens = torch.tensor([[3, 5, 7, 2, 11], [1, 1, 4, 8, 0]])
    shown = torch.tensor([[3, 12, 7, 2, 9], [12, 1, 4, 8, 0]])
    chosen = torch.tensor([[False, True, False, False, True], [True, False, False, True, False]])
    total, count = masked_token_loss(model(shown, chosen=chosen), tokens, chosen)
    parameters = dict(model.named_parameters())
    body = {name.removeprefix("body."): p for name, p in parameters.items() if name.startswith("body.")}
    slow = torch.zeros((), dtype=torch.float64)
    for row in range(2):
        y = hidden(shown[row].tolist(), body, model.settings.body)
        P = blackboard.masked_language(y, parameters, model.settings.body)
        slow = slow + blackboard.masked_token_loss(P, tokens[row].tolist(), chosen[row].nonzero()[:, 0].tolist())
    assert count == 4
    torch.testing.assert_close(total, slow, rtol=1e-9, atol=1e-9)
    for name, one, other in zip(parameters, *(torch.autograd.grad(loss, list(parameters.values())) for loss in (total, slow)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"gradient of {name}: {text}")


def test_only_what_is_chosen_is_asked_for_and_counted(model):
    """The logits of a chosen place are those among all logits, and another answer elsewhere changes nothing."""
    shown, chosen = torch.tensor([[3, 12, 7, 2, 9]]), torch.tensor([[False, True, False, True, False]])
    torch.testing.assert_close(model(shown, chosen=chosen), model(shown)[chosen], rtol=1e-12, atol=1e-12)
    logits = model(shown).detach().requires_grad_()
    one, _ = masked_token_loss(logits[chosen], torch.tensor([[3, 5, 7, 2, 11]]), chosen)
    other, _ = masked_token_loss(logits[chosen], torch.tensor([[0, 5, 0, 2, 0]]), chosen)
    assert torch.equal(one, other)
    (gradient,) = torch.autograd.grad(one, logits)
    assert not gradient[~chosen].any() and (gradient[chosen] != 0).all()


def test_nothing_chosen_is_zero_with_a_zero_gradient_and_not_nan(model):
    nothing = torch.zeros(1, 5, dtype=torch.bool)
    total, count = masked_token_loss(model(torch.tensor([[3, 12, 7, 2, 9]]), chosen=nothing), torch.tensor([[3, 5, 7, 2, 11]]), nothing)
    total.backward()
    assert total == 0 and count == 0 and not any(p.grad.any() for p in model.parameters() if p.grad is not None)
