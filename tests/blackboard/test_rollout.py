"""Attention rolled out equals the blackboard, is a share, and has the values that can be told without a computer."""

import pytest
import torch

from tests.blackboard.test_picture_models import RESNET, random_model
from tests.blackboard.test_vision_transformer import a_model
from workings.blackboard import rollout as blackboard
from workings.generation.rollout import looks, over_picture, rollout
from workings.models.build import build
from workings.models.compact_settings import CompactSettings
from workings.models.hybrid_settings import HybridSettings
from workings.models.mlp_settings import MLPSettings
from workings.models.vision_settings import body

TINY = dict(width=8, layers=2, heads=2, ff_width=5)
PICTURE = dict(image_size=(7, 5), channels=2, classes=3)


def attention_of(model, pictures) -> tuple[list[list[list[torch.Tensor]]], torch.Tensor]:
    """What the model recorded: of each picture, of each layer, of each head [T, T]; and its vectors [B, T, D]."""
    record = {}
    with torch.no_grad():
        y = model.hidden(pictures, record=record)
    layers = [record[f"attention.{layer}"] for layer in range(len(model.body.blocks))]
    return [[list(layer[b]) for layer in layers] for b in range(len(pictures))], y


def random_attention(layers: int, tokens: int, heads: int = 2, batch: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(batch, heads, tokens, tokens, dtype=torch.float64).mul(2).softmax(-1) for _ in range(layers)]


def first(batch: int, tokens: int) -> torch.Tensor:
    return torch.eye(tokens, dtype=torch.float64)[:1].expand(batch, -1)


@pytest.mark.parametrize("switches", [dict(), dict(distillation="token"), dict(body=dict(residuals="one", placement="lecture", position="rotary"))])
def test_what_cls_has_of_each_patch_is_the_blackboards(switches):
    model, pictures = a_model(classes=3, **switches), torch.randn(1, 2, 6, 4, dtype=torch.float64)
    attention, _ = attention_of(model, pictures)
    slow = [blackboard.seen_by_cls(layers, 3, 4, model.settings.extra) for layers in attention]
    torch.testing.assert_close(looks(model, pictures), torch.tensor(slow, dtype=torch.float64), rtol=0, atol=1e-12)


def test_two_classifiers_look_with_their_two_tokens_half_each():
    model, pictures = a_model(classes=3, distillation="classifier"), torch.randn(1, 2, 6, 4, dtype=torch.float64)
    (layers,), _ = attention_of(model, pictures)
    slow = [[(blackboard.share(layers, 0, 2 + 4 * i + j) + blackboard.share(layers, 1, 2 + 4 * i + j)) / 2 for j in range(4)] for i in range(3)]
    torch.testing.assert_close(looks(model, pictures)[0], torch.tensor(slow, dtype=torch.float64), rtol=0, atol=1e-12)


def test_what_the_mean_of_a_hybrid_has_of_each_pixel_of_the_map_is_the_blackboards():
    model = random_model(HybridSettings(**PICTURE, resnet=RESNET, body=body(**TINY)), training=False)
    pictures = torch.randn(1, 2, 7, 5, dtype=torch.float64)
    attention, _ = attention_of(model, pictures)
    slow = [blackboard.seen_by_mean(layers, *model.settings.grid) for layers in attention]
    torch.testing.assert_close(looks(model, pictures), torch.tensor(slow, dtype=torch.float64), rtol=0, atol=1e-12)


def test_what_the_weighted_mean_of_a_compact_transformer_has_of_each_pixel_is_the_blackboards():
    model = random_model(CompactSettings(**PICTURE, body=body(**TINY)), training=False)
    pictures = torch.randn(1, 2, 7, 5, dtype=torch.float64)
    attention, y = attention_of(model, pictures)
    state = model.state_dict()
    slow = [blackboard.seen_by_weighted_mean(layers, list(y_b), state, *model.settings.grid) for layers, y_b in zip(attention, y, strict=True)]
    torch.testing.assert_close(looks(model, pictures), torch.tensor(slow, dtype=torch.float64), rtol=0, atol=1e-12)


def test_shares_are_positive_and_sum_to_one_and_none_is_lost_where_every_token_is_a_place():
    found = rollout(random_attention(4, 6), first(2, 6))
    assert found.min() > 0
    torch.testing.assert_close(found.sum(1), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-12)
    model = random_model(HybridSettings(**PICTURE, resnet=RESNET, body=body(**TINY)), training=False)
    shares = looks(model, torch.randn(2, 2, 7, 5, dtype=torch.float64)).sum((1, 2))
    torch.testing.assert_close(shares, torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-12)


def test_it_is_the_product_of_the_layers_the_last_one_first():
    attention = random_attention(3, 5)
    product = torch.eye(5, dtype=torch.float64)
    for layer in attention:
        product = (layer.mean(1) + torch.eye(5, dtype=torch.float64)) / 2 @ product
    torch.testing.assert_close(rollout(attention, first(2, 5)), product[:, 0], rtol=0, atol=1e-12)
    assert not torch.allclose(rollout(attention[::-1], first(2, 5)), product[:, 0])


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_a_model_that_looks_everywhere_alike_keeps_one_part_in_two_to_the_layers(layers):
    """A = 1/T everywhere: (A + I)/2 has the power (1 - 2^-L) A + 2^-L I."""
    tokens = 7
    even = torch.full((1, 2, tokens, tokens), 1 / tokens, dtype=torch.float64)
    wanted = torch.full((1, tokens), (1 - 2.0**-layers) / tokens, dtype=torch.float64)
    wanted[0, 0] += 2.0**-layers
    torch.testing.assert_close(rollout([even] * layers, first(1, tokens)), wanted, rtol=0, atol=1e-12)


def test_what_moves_in_the_picture_moves_in_the_rollout():
    """Without positions, patches in another order are seen as much as before."""
    model = a_model(classes=3, body=dict(position="none"))
    picture = torch.randn(1, 2, 6, 4, dtype=torch.float64)
    turned = torch.cat((picture[:, :, 2:4], picture[:, :, :2], picture[:, :, 4:]), 2)  # patches are two rows high
    torch.testing.assert_close(looks(model, turned), looks(model, picture)[:, [1, 0, 2]], rtol=0, atol=1e-12)


def test_a_model_without_attention_or_without_residuals_has_none():
    assert looks(build(MLPSettings(**PICTURE)), torch.randn(1, 2, 7, 5)) is None
    assert looks(a_model(classes=3, body=dict(residuals="none")), torch.randn(1, 2, 6, 4, dtype=torch.float64)) is None


def test_each_place_covers_its_piece_of_the_picture():
    places = torch.arange(6.0).view(2, 3)
    assert torch.equal(over_picture(places, 4, 9), places.repeat_interleave(2, 0).repeat_interleave(3, 1))
    assert over_picture(places, 5, 7).unique().tolist() == [0, 1, 2, 3, 4, 5]
