"""An ensemble says the mean of what its members think probable."""

import pytest
import torch
from torch import nn

from workings.blackboard.ensemble import ensemble, soup
from workings.data.picture_settings import Preparation
from workings.errors import BadInput
from workings.models.build import build
from workings.models.ensemble import Ensemble, log_mean
from workings.models.ensemble_settings import EnsembleSettings
from workings.models.mlp_settings import MLPSettings
from workings.models.packed import prepare
from workings.models.vision_settings import body, vision_settings
from workings.training.averaging import mean

NAMES = ("cat", "dog", "bird")


def an_mlp(seed: int = 0, names: tuple[str, ...] = NAMES, channels: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return build(MLPSettings(image_size=(6, 6), channels=channels, widths=(5,), classes=len(names), class_names=names)).double().eval()


def settings(members: int = 2) -> EnsembleSettings:
    return EnsembleSettings(members=members, classes=3, class_names=NAMES)


def test_the_mean_of_probabilities_and_its_gradients_are_those_of_the_blackboard():
    torch.manual_seed(0)
    logits = [(5 * torch.randn(4, 3, dtype=torch.float64)).requires_grad_() for _ in range(3)]
    fast, slow = log_mean(logits).exp(), torch.stack([ensemble([z[row] for z in logits]) for row in range(4)])
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-12)
    weights = torch.randn_like(fast)
    for one, other in zip(*(torch.autograd.grad((p * weights).sum(), logits) for p in (fast, slow)), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_two_that_are_sure_of_different_classes_are_each_half_right():
    p = log_mean([torch.tensor([[50.0, -50.0]]), torch.tensor([[-50.0, 50.0]])]).exp()
    assert p[0].tolist() == pytest.approx([0.5, 0.5])


def test_the_loss_of_the_mean_is_no_more_than_the_mean_loss_of_the_members():
    """-log is convex (Jensen)."""
    torch.manual_seed(0)
    logits, labels = [3 * torch.randn(50, 3) for _ in range(4)], torch.randint(3, (50,))
    losses = [nn.functional.cross_entropy(z, labels) for z in logits]
    assert nn.functional.nll_loss(log_mean(logits), labels) < sum(losses) / 4


def test_a_model_twice_is_that_model_and_classes_are_matched_by_name():
    model, pictures = an_mlp(), torch.randn(4, 1, 6, 6, dtype=torch.float64)
    said = model(pictures).softmax(-1)
    torch.testing.assert_close(Ensemble(settings(), [model, model])(pictures).exp(), said)
    turned = an_mlp(names=("bird", "cat", "dog"))
    turned.load_state_dict(model.state_dict())
    both = Ensemble(settings(), [model, turned])(pictures).exp()
    torch.testing.assert_close(both, (said + said[:, [1, 2, 0]]) / 2)


def test_each_member_prepares_the_pictures_its_own_way():
    gray, color = Preparation(channels=1, size=(6, 6), mean=(0.3,), std=(0.5,)), Preparation(resize="none", size=(), mean=(0.1, 0.2, 0.3), std=(0.5,))
    one, other = an_mlp(0), an_mlp(1, channels=3)
    pictures = torch.randint(0, 256, (4, 3, 6, 6)).double()
    luminance = (pictures * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True).round()
    wanted = (one((luminance / 255 - 0.3) / 0.5).softmax(-1) + other((pictures / 255 - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / 0.5).softmax(-1)) / 2
    torch.testing.assert_close(Ensemble(settings(), [one, other], [gray, color])(pictures).exp(), wanted, rtol=0, atol=1e-6)


def test_a_member_that_looks_several_times_says_the_mean_of_its_logits():
    one, other, pictures = an_mlp(0), an_mlp(1), torch.randn(4, 1, 6, 6, dtype=torch.float64)
    wanted = ((one(pictures) + one(pictures.flip(-1))).div(2).softmax(-1) + other(pictures).softmax(-1)) / 2
    torch.testing.assert_close(Ensemble(settings(), [one, other], views=["mirror", "one"])(pictures).exp(), wanted)


def test_packed_members_say_the_same():
    torch.manual_seed(0)
    sizes = dict(body=body(width=12, heads=2, layers=1), image_size=(8, 8), patch_size=(4, 4), classes=3, class_names=NAMES)
    model = Ensemble(settings(), [build(vision_settings("deit-tiny-16", **sizes)).eval() for _ in range(2)])
    pictures = torch.randn(4, 3, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(prepare(model, torch.float32)(pictures), model(pictures))


def test_a_soup_is_the_mean_of_the_blackboard():
    torch.manual_seed(0)
    several = [torch.randn(3, 2) for _ in range(3)]
    found, count = mean({"w": w} for w in several)
    torch.testing.assert_close(found["w"].float(), soup(several))
    assert count == 3


def test_members_of_other_classes_are_refused():
    with pytest.raises(BadInput, match="does not know 'bird'"):
        Ensemble(settings(), [an_mlp(), an_mlp(names=("cat", "dog", "fish"))])
    with pytest.raises(BadInput, match="a name for each"):
        EnsembleSettings(members=2, classes=3)
