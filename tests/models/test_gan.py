"""The players equal the blackboard, grow as they should, and can be differentiated twice where a penalty needs it."""

import pytest
import torch
from torch import Tensor

from tests.layers.test_gan_layers import tensor
from workings.blackboard import gan
from workings.blackboard.gan_players import dcgan_discriminator, dcgan_generator, progressive_discriminator, progressive_generator
from workings.blackboard.resnet import pixels
from workings.errors import BadInput
from workings.models.build import build, build_discriminator
from workings.models.gan_settings import DCGANSettings, GanSettings, ProgressiveSettings
from workings.models.growth import Growth, doubled, faded, growth, halved, real_at
from workings.objectives.adversarial import gradient_penalty

TOLD = {"none": {}, "plane": dict(classes=3, conditioning="plane"), "projection": dict(classes=3, conditioning="projection")}


def players(settings: GanSettings, training: bool = True) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Both in float64, with random parameters and running statistics."""
    torch.manual_seed(0)
    both = tuple(make(settings).double().train(training) for make in (build, build_discriminator))
    for player in both:
        for name, value in [*player.named_parameters(), *player.named_buffers()]:
            if value.is_floating_point():
                torch.nn.init.uniform_(value, 0.5, 2) if "running_var" in name else torch.nn.init.normal_(value, 0.1, 0.6)
    return both


def compare(player: torch.nn.Module, fast: Tensor, slow: Tensor, unused: bool = False) -> None:
    """Values and the gradient of every parameter."""
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-9)
    weights, parameters = torch.randn_like(fast), list(player.parameters())
    one, other = (torch.autograd.grad((y * weights).sum(), parameters, allow_unused=unused, retain_graph=True) for y in (fast, slow))
    for a, b in zip(one, other, strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.allclose(a, b, rtol=0, atol=1e-9)
    assert sum(a is not None and a.abs().max() > 0 for a in one) > len(one) / 3


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("told", TOLD)
def test_deep_convolutional_players_equal_the_blackboard(told, norm, training):
    s = DCGANSettings(image_size=(16, 20), channels=2, latent=5, width=3, norm=norm, **TOLD[told])
    generator, discriminator = players(s, training)
    z, labels = torch.randn(3, 5, dtype=torch.float64), torch.tensor([2, 0, 1]) if s.classes else None
    given = None if labels is None else labels.tolist()
    states = [{k: v.clone() if "running" in k else v for k, v in player.state_dict(keep_vars=True).items()} for player in (generator, discriminator)]
    drawn = generator(z, labels)
    compare(generator, drawn, torch.stack([tensor(x) for x in dcgan_generator(list(z), given, states[0], s, training)]))
    xs = torch.randn(3, 2, 16, 20, dtype=torch.float64)
    compare(discriminator, discriminator(xs, labels), torch.stack(dcgan_discriminator([pixels(x) for x in xs], given, states[1], s, True)))
    assert drawn.abs().max() <= 1


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize(("seen", "now"), [(0, Growth(0, 1.0)), (13, Growth(1, 0.3)), (22, Growth(1, 1.0))])
def test_growing_players_equal_the_blackboard_at_every_stage_and_inside_a_fade(seen, now, told):
    s = ProgressiveSettings(image_size=(8, 12), channels=2, latent=5, width=3, group=3, stable=10, fade=10, **TOLD[told])
    generator, discriminator = players(s)
    for player in (generator, discriminator):
        player.seen.fill_(seen)
        assert player.growth == now
    z, labels = torch.randn(3, 5, dtype=torch.float64), torch.tensor([2, 0, 1]) if s.classes else None
    given = [None] * 3 if labels is None else labels.tolist()
    states = [player.state_dict(keep_vars=True) for player in (generator, discriminator)]
    slow = [tensor(progressive_generator(one, y, states[0], s, now.stage, now.alpha)) for one, y in zip(z, given, strict=True)]
    compare(generator, generator(z, labels), torch.stack(slow), unused=True)
    xs = torch.randn(3, 2, 4 << now.stage, 6 << now.stage, dtype=torch.float64)
    told_to = None if labels is None else given
    scores = torch.stack(progressive_discriminator([pixels(x) for x in xs], told_to, states[1], s, now.stage, now.alpha))
    compare(discriminator, discriminator(xs, labels), scores, unused=True)


def test_growth_is_what_was_asked_for_at_every_number_of_pictures():
    asked = {
        0: (0, 1.0),
        99: (0, 1.0),
        100: (1, 0.0),
        125: (1, 0.5),
        149: (1, 0.98),
        150: (1, 1.0),
        249: (1, 1.0),
        250: (2, 0.0),
        300: (2, 1.0),
        10**6: (2, 1.0),
    }
    assert {seen: growth(seen, 2, 100, 50) for seen in asked} == {seen: Growth(*now) for seen, now in asked.items()}
    assert growth(0, 3, 0, 0) == Growth(3, 1.0) and growth(7, 0, 5, 5) == Growth(0, 1.0)
    assert growth(100, 2, 100, 0) == Growth(1, 1.0) and growth(0, 2, 0, 50) == Growth(1, 0.0)


def test_growth_never_shrinks_and_ends_where_the_settings_say():
    s = ProgressiveSettings(image_size=(28,), stable=70, fade=30)
    levels = [now.stage - 1 + now.alpha if now.stage else 0.0 for now in (growth(seen, s.doublings, 70, 30) for seen in range(0, 400, 7))]
    assert levels == sorted(levels) and s.doublings == 2 and s.start == (7, 7)
    assert growth(s.grown_after, 2, 70, 30) == Growth(2, 1.0) and growth(s.grown_after - 1, 2, 70, 30).alpha < 1


@pytest.mark.parametrize("side", [0, 1])
def test_a_new_size_comes_in_without_a_jump(side):
    """At alpha = 0 a player says what it said before it grew, of the same picture doubled; at alpha = 1 nothing is left of the old way."""
    s = ProgressiveSettings(image_size=(16,), latent=5, width=6, stable=10, fade=10)
    player = players(s)[side]
    z = torch.randn(4, 5, dtype=torch.float64)
    x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    said = []
    for seen in (29, 30):
        player.seen.fill_(seen)
        said.append(player(z) if side == 0 else player(x if seen == 29 else doubled(x)))
    assert torch.equal(doubled(said[0]) if side == 0 else said[0], said[1])
    player.seen.fill_(40)
    grown = player(z) if side == 0 else player(doubled(x))
    torch.nn.init.zeros_(player.pictures[1].weight)
    assert torch.equal(player(z) if side == 0 else player(doubled(x)), grown)


def test_real_pictures_are_halved_and_faded_as_on_the_blackboard_and_as_the_drawn_ones_are():
    x = torch.randn(2, 3, 8, 12, dtype=torch.float64)
    for now, halvings in ((Growth(1, 0.25), 1), (Growth(2, 0.5), 0), (Growth(1, 1.0), 1)):
        slow = torch.stack([tensor(gan.real_shown(pixels(picture), halvings, now.alpha)) for picture in x])
        torch.testing.assert_close(real_at(x, now, 2), slow, rtol=0, atol=1e-12)
    torch.testing.assert_close(real_at(x, Growth(0, 1.0), 2), halved(x, 2), rtol=0, atol=1e-12)
    old, new = x[:, :, :4, :6], x
    slow = torch.stack([tensor(gan.fade_in(pixels(a), pixels(b), 0.3)) for a, b in zip(old, new, strict=True)])
    torch.testing.assert_close(faded(doubled(old), new, 0.3), slow, rtol=0, atol=1e-12)
    torch.testing.assert_close(halved(doubled(x, 2), 2), x)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("settings", [DCGANSettings(norm="none"), DCGANSettings(norm="spectral", classes=3), ProgressiveSettings(classes=3, width=32)], ids=str)
def test_a_penalty_reaches_the_weights_through_the_gradient(settings, precision):
    torch.manual_seed(0)
    player = build_discriminator(settings)
    if isinstance(settings, ProgressiveSettings):
        player.seen.fill_(settings.grown_after - 9)
    real, labels = torch.randn(8, 1, 28, 28), torch.arange(8) % 3 if settings.classes else None
    with torch.autocast("cpu", torch.bfloat16, enabled=precision != torch.float32):
        penalty = gradient_penalty(lambda x: player(x, labels), real, -real, torch.rand(8))
    penalty.backward()
    assert penalty.isfinite()
    reached = [name for name, parameter in player.named_parameters() if parameter.grad is not None and parameter.grad.abs().max() > 0]
    assert sum("weight" in name for name in reached) >= 3


def test_spectral_norm_leaves_no_layer_that_stretches_and_is_that_of_the_blackboard():
    player = build_discriminator(DCGANSettings(norm="spectral", width=5, image_size=(16,)))
    for _ in range(60):  # a power iteration each
        player(torch.randn(3, 1, 16, 16))
    player.eval()
    for layer in (*player.halvings, player.score):
        torch.testing.assert_close(layer.weight, gan.spectral_norm(layer.parametrizations.weight.original), rtol=1e-3, atol=1e-5)
        assert torch.linalg.svdvals(layer.weight.flatten(1))[0].item() == pytest.approx(1, rel=1e-3)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.linalg.svdvals(layer.weight.float().flatten(1))[0].item() == pytest.approx(1, rel=1e-2)


def test_sizes_are_halved_as_often_as_four_pixels_are_left():
    found = {side: (s.doublings, s.start) for side in (8, 12, 28, 32, 48, 64, 96) for s in [DCGANSettings(image_size=(side,))]}
    assert found == {8: (1, (4, 4)), 12: (1, (6, 6)), 28: (2, (7, 7)), 32: (3, (4, 4)), 48: (3, (6, 6)), 64: (4, (4, 4)), 96: (4, (6, 6))}
    assert DCGANSettings(image_size=(32, 64)).start == (4, 8)


@pytest.mark.parametrize("kind", [DCGANSettings, ProgressiveSettings])
@pytest.mark.parametrize("size", [(30,), (4,), (27,), (32, 36)])
def test_a_size_that_cannot_be_doubled_into_is_refused_with_one_that_can(kind, size):
    with pytest.raises(BadInput, match=r"a power of two.*--size"):
        kind(image_size=size)


def test_what_cannot_be_is_refused():
    for kind, changes, word in (
        (DCGANSettings, dict(latent=0), "latent is 0"),
        (DCGANSettings, dict(width=0), "width is 0"),
        (ProgressiveSettings, dict(group=1), "group is 1"),
        (ProgressiveSettings, dict(fade=-1), "fade is -1"),
    ):
        with pytest.raises(BadInput, match=word):
            kind(**changes)
    player = build_discriminator(ProgressiveSettings(width=4))
    with pytest.raises(BadInput, match=r"stage 0 of 2"):
        player(torch.zeros(2, 1, 28, 28))


def test_channels_are_halved_but_not_below_16():
    assert ProgressiveSettings(image_size=(64,), width=128).widths == (128, 128, 64, 32, 16)
    assert ProgressiveSettings(image_size=(64,), width=32).widths == (32, 32, 16, 16, 16)
    assert ProgressiveSettings(image_size=(16,), width=6).widths == (6, 6, 6)
