"""What stands on an encoder equals the blackboard, in values and in the gradient of every parameter, to 1e-9 in float64."""

import math

import pytest
import torch

from workings.blackboard import encoder as blackboard
from workings.generation.embedding import POOLINGS
from workings.models.encoder import Encoder
from workings.models.encoder_settings import EncoderSettings
from workings.models.settings import TransformerSettings
from workings.tasks.embedder import cosines


def random_encoder(seed: int = 0, phi: str = "gelu", **top) -> Encoder:
    """An encoder with BERT's switches and prime sizes, every parameter random."""
    torch.manual_seed(seed)
    body = TransformerSettings(
        vocabulary=13, context=7, width=6, heads=3, layers=2, ff_width=11, segments=2, position="learned", embedding_norm=True, placement="post", phi=phi,
        biases="all", causal=False,
    )  # fmt: skip
    model = Encoder(EncoderSettings(body=body, **top)).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.6)
    return model


def assert_same(fast: torch.Tensor, slow: torch.Tensor, model: Encoder) -> None:
    """Values, and the gradients of a random sum of them."""
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-9)
    direction = torch.randn(fast.shape, dtype=torch.float64)
    names, parameters = zip(*model.named_parameters(), strict=True)
    gradients = [torch.autograd.grad((said * direction).sum(), parameters, allow_unused=True, retain_graph=True) for said in (fast, slow)]
    assert any(gradient is not None for gradient in gradients[0])
    for name, one, other in zip(names, *gradients, strict=True):
        assert (one is None) == (other is None), name
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"gradient of {name}: {text}")


TOKENS = torch.tensor([[3, 5, 7, 2, 11]])


@pytest.mark.parametrize("phi", ["gelu", "gelu-tanh", "relu", "silu"])
def test_the_guesses_at_hidden_tokens_are_the_blackboards(phi):
    model = random_encoder(phi=phi, head="masked")
    y = model.hidden(TOKENS)[0]
    slow = torch.stack(blackboard.masked_language(list(y), dict(model.named_parameters()), model.settings.body))
    assert_same(model(TOKENS)[0], slow, model)


def test_the_pooler_and_its_classes_are_the_blackboards():
    model = random_encoder(pooler=True, head="classes", classes=5)
    y, parameters = model.hidden(TOKENS), dict(model.named_parameters())
    assert_same(model.pooled(y)[0], blackboard.pooled(list(y[0]), parameters), model)
    assert_same(model(TOKENS)[0], blackboard.classify(list(y[0]), parameters), model)


def test_the_mean_is_over_the_tokens_of_each_text():
    model = random_encoder()
    y = model.hidden(TOKENS)[0]
    starts = torch.tensor([0, 2, 5])
    slow = torch.stack([blackboard.mean(list(y[:2])), blackboard.mean(list(y[2:]))])
    assert_same(POOLINGS["mean"](y, starts), slow, model)
    assert_same(POOLINGS["cls"](y, starts), torch.stack([y[0], y[2]]), model)


def test_a_vector_divided_by_its_length_has_length_one_and_gives_cosines():
    u, v = torch.randn(2, 7, dtype=torch.float64)
    assert math.isclose(float(blackboard.unit(u).norm()), 1)
    torch.testing.assert_close(cosines(u[None], v[None])[0, 0], blackboard.cosine(u, v), rtol=1e-12, atol=1e-12)
    assert math.isclose(float(blackboard.cosine(u, 3 * u)), 1)
    assert math.isclose(float(blackboard.cosine(u, -u)), -1)
