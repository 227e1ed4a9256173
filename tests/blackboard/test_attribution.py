"""Integrated gradients equal the paper's sum, are complete, and give nothing to what is not seen."""

import pytest
import torch

from tests.blackboard.test_sentences import KINDS, random_classifier
from workings.blackboard import attribution as blackboard
from workings.generation.attribution import attribute, entrance, integrated_gradients, log_odds

TOKENS = torch.tensor([3, 5, 7, 2, 11])
SIZE = {"encoder": 0.02, "llama": 0.004, "scaled": 0.2}
"""What embeddings are multiplied by: the larger they are, the faster a norm turns near zero vectors, and a relu has corners."""


@pytest.fixture(params=KINDS)
def model(request):
    """Random parameters everywhere."""
    model = random_classifier(request.param)
    with torch.no_grad():
        model.body.embedding.weight.mul_(SIZE.get(request.param, 1.0))
    return model


def test_the_log_odds_are_the_blackboards_and_those_of_the_probability():
    z = torch.randn(4, 5, dtype=torch.float64)
    for c in range(5):
        slow = torch.stack([blackboard.log_odds(row, c) for row in z])
        torch.testing.assert_close(log_odds(z, c), slow, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(slow, torch.logit(z.softmax(-1)[:, c]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("model", ["encoder", "bert", "gpt", "scaled"], indirect=True)  # of llama, a plain sum would need a hundred thousand steps
def test_contributions_are_those_of_the_plain_sum_over_many_small_steps(model):
    found = attribute(model, TOKENS, slice(0, 5), which=3, points=128)
    x, place, before, say = entrance(model, TOKENS)
    zero = model.body.enter(torch.zeros_like(x[0]))
    baseline = [x_t if t == place else zero for t, x_t in enumerate(x)]
    slow = blackboard.integrated_gradients(lambda xs: blackboard.log_odds(say(torch.stack(xs)[None])[0], 3), list(x.detach()), baseline, 200)
    assert before == int(place == 0)
    slow = torch.stack(slow).detach()
    torch.testing.assert_close(found.contributions, slow, rtol=0, atol=2e-3 * float(slow.abs().max()))


def test_contributions_add_up_to_the_change_of_the_log_odds(model):
    for which in range(5):
        found = attribute(model, TOKENS, slice(0, 5), which=which, points=128)
        assert float(found.contributions.sum()) == pytest.approx(found.log_odds - found.baseline, abs=1e-4)
        assert found.log_odds == pytest.approx(float(torch.logit(model(TOKENS[None]).softmax(-1)[0, which].detach())), abs=1e-9)


def test_more_points_leave_less_of_a_gap():
    model, gaps = random_classifier("bert"), []
    for points in (2, 8, 32):
        found = attribute(model, TOKENS, slice(0, 5), points=points)
        gaps.append(abs(float(found.contributions.sum()) - found.log_odds + found.baseline))
    assert gaps[0] > 10 * gaps[1] > 100 * gaps[2]


def test_as_many_points_are_taken_as_the_sum_needs():
    model = random_classifier("encoder")  # whose norm turns fast near zero vectors
    few, enough = attribute(model, TOKENS, slice(0, 5), points=32), attribute(model, TOKENS, slice(0, 5))
    gaps = [abs(float(found.contributions.sum()) - (found.log_odds - found.baseline)) for found in (few, enough)]
    assert gaps[0] > 0.02 >= gaps[1]


def test_of_a_linear_function_they_are_weight_times_difference_with_a_single_point():
    weight, x, baseline = torch.randn(3, 4, 6, dtype=torch.float64).unbind()
    found = integrated_gradients(lambda some: (some * weight).sum((1, 2)) + 7, x, baseline, points=1)
    torch.testing.assert_close(found, weight * (x - baseline), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("points", [1, 2, 5])
def test_a_polynomial_of_the_degree_of_the_points_is_integrated_exactly(points):
    """F = sum x^n has a gradient of degree n - 1 in a = u^2; with da = 2 u du that is 2 n - 1 in u, and the rule is exact up to 2 points - 1."""
    x, baseline = torch.rand(2, 3, dtype=torch.float64) + 1, torch.rand(2, 3, dtype=torch.float64)
    for n in (points, points + 1):
        found = integrated_gradients(lambda some, n=n: (some**n).sum((1, 2)), x, baseline, points)
        assert torch.allclose(found, x**n - baseline**n, rtol=1e-10, atol=1e-10) == (n == points)


def test_points_that_do_not_go_through_the_model_at_once_change_nothing(monkeypatch):
    model = random_classifier("gpt")
    whole = attribute(model, TOKENS, slice(0, 5), points=9).contributions
    monkeypatch.setattr("workings.generation.attribution.TOKENS", 12)
    torch.testing.assert_close(attribute(model, TOKENS, slice(0, 5), points=9).contributions, whole, rtol=1e-12, atol=1e-12)


def test_what_is_not_seen_does_nothing(model):
    """Padding is hidden: its contribution is exactly zero, and those of the text are what they are without it."""
    alone = attribute(model, TOKENS, slice(0, 5), which=1)
    tokens, visible = torch.cat((TOKENS, torch.tensor([12, 4])))[None], torch.tensor([[True] * 5 + [False] * 2])
    row, seen, place = model.ask(tokens, visible)
    x = model.embed(row, place)[0].detach()
    baseline = torch.where((torch.arange(len(x)) == place)[:, None], x, model.body.enter(torch.zeros_like(x)))

    def f(some):
        y = model.body.run(some, visible=seen.expand(len(some), -1))
        return log_odds(model.say(y[:, int(place)]), 1)

    with torch.no_grad():
        found = integrated_gradients(f, x, baseline).sum(-1)
    hidden = ~seen[0]
    assert hidden.sum() == 2 and not found[hidden].any() and found[seen[0]].any()
    torch.testing.assert_close(found[seen[0]], alone.contributions, rtol=1e-9, atol=1e-9)


def test_what_is_the_same_in_the_baseline_does_nothing(model):
    """`<cls>`, and the first and the last token where they are the tokenizer's."""
    found = attribute(model, TOKENS, slice(1, 4))
    kept = {found.place, *((1, 5) if found.place == 0 else (0, 4))}
    assert {place for place, value in enumerate(found.contributions.tolist()) if value == 0} == kept


def test_attention_is_what_cls_gives_each_token(model):
    found = attribute(model, TOKENS, slice(0, 5))
    record = {}
    model(TOKENS[None], record=record)
    assert found.attention.shape == (2, 3, 6) and found.place == (5 if model.settings.body.causal else 0)
    for layer in range(2):
        torch.testing.assert_close(found.attention[layer], record[f"attention.{layer}"][0, :, found.place].float().detach())
    torch.testing.assert_close(found.attention.sum(-1), torch.ones(2, 3))


def test_without_a_class_it_is_the_likeliest(model):
    assert attribute(model, TOKENS, slice(0, 5)).which == int(model(TOKENS[None]).argmax())
