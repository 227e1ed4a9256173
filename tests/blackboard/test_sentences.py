"""The sentence classifier equals the blackboard, in values and in the gradient of every parameter, to 1e-9 in float64; padding is as good as absent."""

import pytest
import torch

from workings.blackboard import sentences as blackboard
from workings.models.sentence_classifier import SentenceClassifier
from workings.models.sentence_settings import SentenceSettings
from workings.models.settings import TransformerSettings
from workings.objectives.classification import balanced, class_loss

KINDS = {
    "encoder": dict(causal=False, position="rotary", biases="all"),
    "bert": dict(causal=False, position="learned", embedding_norm=True, placement="post", segments=2, biases="all", phi="gelu"),
    "gpt": dict(causal=True, position="learned", biases="all"),
    "llama": dict(causal=True, position="rotary", phi="gated", norm="rms"),
    "scaled": dict(causal=False, position="sinusoidal-halves", embedding_scale="sqrt(D)", placement="post", biases="all", phi="relu"),
}


def random_classifier(kind: str, **top) -> SentenceClassifier:
    """A classifier with prime sizes, every parameter random."""
    torch.manual_seed(0)
    body = TransformerSettings(vocabulary=13, context=11, width=6, heads=3, layers=2, ff_width=7, **KINDS[kind])
    model = SentenceClassifier(SentenceSettings(body=body, classes=5, inner=7, **top)).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.6)
    return model


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.fixture(params=KINDS)
def model(request):
    return random_classifier(request.param)


@pytest.mark.parametrize("phi", ["gelu", "relu", "silu", "gelu-tanh"])
def test_the_mlp_is_the_blackboards_with_every_nonlinearity(phi):
    model = random_classifier("encoder", phi=phi)
    y = torch.randn(3, 6, dtype=torch.float64)
    slow = torch.stack([blackboard.mlp(row, dict(model.named_parameters()), phi) for row in y])
    close(model.say(y), slow)


def test_logits_loss_and_every_gradient_are_the_blackboards(model):
    tokens, label = [3, 5, 7, 2, 11], 3
    fast = model(torch.tensor([tokens]))[0]
    slow = blackboard.logits(tokens, dict(model.named_parameters()), model.settings)
    close(fast, slow)
    losses = class_loss(fast[None], torch.tensor([label]), smoothing=0.2), blackboard.loss(slow, label, smoothing=0.2)
    close(*losses)
    names, parameters = zip(*model.named_parameters(), strict=True)
    gradients = [torch.autograd.grad(loss, parameters, allow_unused=True) for loss in losses]
    assert gradients[0][names.index("cls")].abs().sum() > 0
    for name, one, other in zip(names, *gradients, strict=True):
        one, other = (torch.zeros(()) if gradient is None or not gradient.any() else gradient for gradient in (one, other))
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"gradient of {name}: {text}")


def test_padding_on_either_side_and_what_is_in_it_change_nothing(model):
    torch.manual_seed(1)
    texts = [torch.randint(13, (length,)) for length in (5, 2, 9, 1)]
    alone = torch.cat([model(text[None]) for text in texts])
    for side in ("right", "left"):
        for garbage in (0, 12):
            tokens, visible = torch.full((4, 10), garbage), torch.zeros(4, 10, dtype=torch.bool)
            for row, text in enumerate(texts):
                where = slice(0, len(text)) if side == "right" else slice(10 - len(text), 10)
                tokens[row, where], visible[row, where] = text, True
            close(model(tokens, visible=visible), alone)


def test_the_gradient_of_padding_is_zero(model):
    """What fills a row is a token that no text has: its row of the embedding is not moved."""
    tokens, visible = torch.tensor([[3, 5, 7, 12, 12], [2, 4, 6, 8, 10]]), torch.tensor([[True] * 3 + [False] * 2, [True] * 5])
    class_loss(model(tokens, visible=visible), torch.tensor([0, 1])).backward()
    gradient = model.body.embedding.weight.grad
    assert not gradient[12].any() and not gradient[0].any() and gradient[3].any()


def test_cls_hears_every_token_whichever_end_it_stands_at(model):
    """The logits change with each token of the text; a `<cls>` before a causal text would hear none."""
    tokens = torch.tensor([[3, 5, 7, 2, 11]])
    for place in range(5):
        other = tokens.clone()
        other[0, place] = 9
        assert (model(other) - model(tokens)).abs().max() > 1e-6, place


def test_cls_begins_as_the_mean_of_all_embeddings(model):
    model.start_cls()
    close(model.cls.detach(), model.body.embedding.weight.detach().mean(0))


def test_balanced_weights_give_every_class_the_same_share_and_examples_a_mean_of_one():
    counts = torch.tensor([7, 2, 1])
    weights = balanced(counts)
    close(weights * counts, torch.full((3,), 10 / 3))
    targets = torch.arange(3).repeat_interleave(counts)
    assert float(class_loss(torch.zeros(10, 3), targets, weights=weights)) == pytest.approx(float(class_loss(torch.zeros(10, 3), targets)))


def test_a_text_given_twice_counts_twice_in_the_sum():
    logits, targets = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    assert float(class_loss(torch.cat((logits, logits)), targets.repeat(2))) == pytest.approx(2 * float(class_loss(logits, targets)), rel=1e-6)
