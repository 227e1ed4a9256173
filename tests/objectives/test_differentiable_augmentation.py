"""What is done alike to real and drawn pictures: that it is that and no more, and that gradients run through it."""

import pytest
import torch

from workings.objectives.differentiable_augmentation import POLICIES, augmented, color, cutout, numbers_needed, translation


def pictures(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_color_with_numbers_in_the_middle_changes_nothing_and_each_number_does_its_own():
    x = pictures(2, 3, 5, 7)
    half = torch.full((2, 3), 0.5)
    torch.testing.assert_close(color(x, half), x)
    brighter = half.clone()
    brighter[:, 0] = 0.75
    torch.testing.assert_close(color(x, brighter), x + 0.25)
    gray = half.clone()
    gray[:, 1] = 0
    torch.testing.assert_close(color(x, gray), x.mean(1, keepdim=True).expand_as(x))
    flat = half.clone()
    flat[:, 2] = 0
    level = x.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(color(x, flat), level + (x - level) / 2)


@pytest.mark.parametrize(("u", "moved"), [((0.0, 0.5), (-1, 0)), ((0.5, 0.5), (0, 0)), ((0.99, 0.0), (1, -2))])
def test_a_picture_is_moved_and_zeros_come_after_it(u, moved):
    x = pictures(1, 2, 8, 16)  # an eighth: 1 and 2 pixels
    y = translation(x, torch.tensor([u]))
    padded = torch.nn.functional.pad(x, (2, 2, 2, 2))
    down, right = moved
    assert torch.equal(y, padded[:, :, 2 - down : 10 - down, 2 - right : 18 - right])


def test_every_shift_up_to_an_eighth_is_drawn_equally_often():
    x = torch.zeros(10_000, 1, 16, 16)
    x[:, :, 8, 8] = 1
    u = torch.rand(10_000, 2, generator=torch.Generator().manual_seed(0))
    places = translation(x, u)[:, 0].mean(0)
    assert places[6:11, 6:11].min() > 0.03 and places.sum() == pytest.approx(1) and places[6:11, 6:11].sum() == pytest.approx(1)


def test_a_square_of_half_the_sides_is_cut_out_where_its_middle_lies():
    x = torch.ones(3, 2, 8, 8)
    y = cutout(x, torch.tensor([[0.5, 0.5], [0.0, 0.0], [0.999, 0.5]]))
    holes = [(y[i, 0] == 0).nonzero() for i in range(3)]
    assert [(int(hole.min(0).values[0]), int(hole.max(0).values[0]), len(hole)) for hole in holes] == [(2, 5, 16), (0, 1, 4), (6, 7, 8)]
    assert torch.equal(y[:, 0], y[:, 1])


def test_each_picture_has_its_own_numbers_and_the_policy_its_order():
    x, u = pictures(4, 3, 8, 8), torch.rand(4, 7, generator=torch.Generator().manual_seed(1)).double()
    policy = ("color", "translation", "cutout")
    whole = augmented(x, policy, u)
    assert numbers_needed(policy) == 7
    torch.testing.assert_close(whole, torch.cat([augmented(x[i : i + 1], policy, u[i : i + 1]) for i in range(4)]))
    torch.testing.assert_close(whole, cutout(translation(color(x, u[:, :3]), u[:, 3:5]), u[:, 5:]))
    assert not torch.equal(augmented(x[:1].expand(4, -1, -1, -1), policy, u)[0], augmented(x[:1].expand(4, -1, -1, -1), policy, u)[1])


@pytest.mark.parametrize("name", POLICIES)
def test_gradients_run_through_it_twice(name):
    change, n = POLICIES[name]
    x, u = pictures(2, 3, 4, 4).requires_grad_(), torch.full((2, n), 0.4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: change(x, u), x)
    (gradient,) = torch.autograd.grad(change(x, u).pow(3).sum(), x, create_graph=True)
    (again,) = torch.autograd.grad(gradient.sum(), x)
    assert again.abs().max() > 0
