"""The vision transformer equals the blackboard, in values and in the gradient of every parameter."""

import pytest
import torch

from workings.blackboard.vision_transformer import embed, heads, patch, pooled, tokens, vision_transformer
from workings.blackboard.vision_transformer import hidden as slow_hidden
from workings.layers.patches import PatchEmbedding
from workings.models.vision_settings import VisionSettings, body
from workings.models.vision_transformer import VisionTransformer

SIZES = dict(image_size=(6, 4), patch_size=(2, 1), channels=2)
CASES = {
    "ViT": dict(classes=3),
    "DeiT": dict(classes=3, distillation="classifier"),
    "DeiT without its teacher": dict(classes=3, distillation="token"),
    "one residual and rotated patches": dict(classes=3, body=dict(residuals="one", placement="lecture", position="rotary")),
}


def a_model(**switches) -> VisionTransformer:
    """A model in float64 whose every parameter is random."""
    torch.manual_seed(0)
    sizes = dict(width=7, layers=2, heads=3, head_width=4, ff_width=5) | switches.pop("body", {})
    model = VisionTransformer(VisionSettings(**(SIZES | switches), body=body(**sizes))).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.6)
    return model


def compare(model: VisionTransformer, fast: torch.Tensor, slow: torch.Tensor) -> None:
    """Values to 1e-9, and the gradients of a random weighting."""
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    used = [(name, parameter) for name, parameter in model.named_parameters() if not name.startswith("pooler") or model.settings.classes == 0]
    weights = torch.randn_like(fast)
    one, other = (torch.autograd.grad((y * weights).sum(), [parameter for _, parameter in used]) for y in (fast, slow))
    for (name, _), fast_gradient, slow_gradient in zip(used, one, other, strict=True):
        assert slow_gradient.abs().max() > 0, name
        torch.testing.assert_close(fast_gradient, slow_gradient, rtol=0, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_equal_the_blackboard(case):
    model = a_model(**CASES[case])
    pictures = torch.randn(2, 2, 6, 4, dtype=torch.float64)
    slow = torch.stack([vision_transformer(picture, dict(model.named_parameters()), model.settings) for picture in pictures])
    compare(model, model(pictures), slow)


@pytest.mark.parametrize("case", ["ViT", "DeiT"])
def test_both_classifiers_equal_the_blackboard_and_their_mean_is_what_counts_in_use(case):
    model, picture = a_model(**CASES[case]), torch.randn(2, 6, 4, dtype=torch.float64)
    fast, slow = torch.cat(model.heads(picture[None])), torch.stack(heads(picture, dict(model.named_parameters()), model.settings))
    compare(model, fast, slow)
    torch.testing.assert_close(fast.mean(0), model(picture[None])[0], rtol=0, atol=1e-12)
    assert torch.equal(fast[0], fast[1]) == (case == "ViT")


def test_vectors_and_the_pooler_equal_the_blackboard():
    model, picture = a_model(pooler=5), torch.randn(2, 6, 4, dtype=torch.float64)
    y = slow_hidden(picture, dict(model.named_parameters()), model.settings)
    torch.testing.assert_close(model(picture[None])[0], torch.stack(y), rtol=0, atol=1e-9)
    compare(model, model.pooled(model.hidden(picture[None]))[0], pooled(y, dict(model.named_parameters())))


def test_a_patch_holds_its_pixels_and_no_others():
    picture = torch.arange(2 * 6 * 4, dtype=torch.float64).view(2, 6, 4)
    assert torch.equal(patch(picture, 1, 2, 2, 1), torch.cat([picture[0, 2:4, 2], picture[1, 2:4, 2]]))


def test_embedding_patches_is_a_convolution_whose_stride_is_its_size():
    layer = PatchEmbedding(3, (4, 2), 5).double()
    pictures = torch.randn(2, 3, 8, 6, dtype=torch.float64)
    kernel = layer.projection.weight.unflatten(1, (3, 4, 2))
    slow = torch.nn.functional.conv2d(pictures, kernel, layer.projection.bias, stride=(4, 2)).flatten(2).transpose(1, 2)
    torch.testing.assert_close(layer(pictures), slow, rtol=0, atol=1e-12)


def test_the_first_tokens_are_no_patches_and_only_patches_see_the_picture():
    model = a_model(classes=3, distillation="classifier")
    parameters = dict(model.named_parameters())
    one, other = (tokens(picture, parameters, model.settings) for picture in torch.randn(2, 2, 6, 4, dtype=torch.float64))
    assert len(one) == 2 + len(embed(torch.zeros(2, 6, 4).double(), parameters, model.settings)) == model.settings.tokens
    assert [bool((a == b).all()) for a, b in zip(one, other, strict=True)] == [True, True] + [False] * (len(one) - 2)
