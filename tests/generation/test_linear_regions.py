"""Linear regions are counted exactly: as many as the arrangement has, none that a grid sees is missed, and on each the network is the map that is given."""

import pytest
import torch
from torch import nn

from workings.blackboard.linear_regions import Line, affine_map, deep_bound, pattern, regions_in_box, regions_seen, zaslavsky
from workings.errors import BadInput
from workings.generation.linear_regions import LinearRegions, Plane, linear_regions, plane_through
from workings.models.mlp import MLP
from workings.models.mlp_settings import MLPSettings


def network(widths: tuple[int, ...], seed: int = 0, inputs: int = 2, bias: float = 0.5, **settings) -> MLP:
    """A network in float64, with biases that are not zero."""
    torch.manual_seed(seed)
    model = MLP(MLPSettings(channels=1, image_size=(1, inputs), classes=3, widths=widths, **({"norm": "none"} | settings))).double()
    for layer in model.layers:
        nn.init.normal_(layer.bias, std=bias)
    nn.init.normal_(model.classifier.weight)
    return model


def said(model: MLP, inputs: torch.Tensor) -> torch.Tensor:
    """Logits [N, classes] of inputs [N, n]."""
    return model.eval()(inputs[:, None, None])


def lines_of(model: MLP) -> list[Line]:
    """Where the neurons of the first layer bend."""
    layer = model.layers[0]
    return [(*row, offset) for row, offset in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)]


def inside(regions: LinearRegions, seed: int = 7) -> torch.Tensor:
    """A point inside each region, [R, 2]: a weighted mean of its corners, the weights drawn."""
    weights = torch.rand(regions.corners.shape[:2], generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1
    return (weights[..., None] * regions.corners).sum(1) / weights.sum(1, keepdim=True)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 13, 29])
def test_a_layer_in_general_position_has_as_many_regions_as_zaslavsky_says(n):
    model = network((n,), seed=n)
    assert len(linear_regions(model, half=1e4)) == zaslavsky(n, 2)
    assert linear_regions(model, half=1e4).after == (zaslavsky(n, 2),)


@pytest.mark.parametrize("half", [0.3, 1.0, 2.5])
def test_a_layer_in_a_square_has_one_region_and_one_more_for_each_line_and_each_crossing(half):
    model = network((23,), seed=3)
    count = len(linear_regions(model, half=half))
    assert count == regions_in_box(lines_of(model), half) and 1 < count < zaslavsky(23, 2)


def test_zaslavsky_counts_what_can_be_counted_by_hand():
    assert [zaslavsky(n, 2) for n in range(5)] == [1, 2, 4, 7, 11]
    assert zaslavsky(3, 3) == 8 and zaslavsky(4, 1) == 5
    assert regions_in_box([(1, 0, 0), (0, 1, 0), (1, 1, -0.5)], 1) == 7
    assert regions_in_box([(1, 0, 0), (1, 0, -0.5), (1, 0, -2)], 1) == 3  # parallels, one of them outside
    assert deep_bound([3, 2], 2) == 28


@pytest.mark.parametrize("widths", [(5,), (7, 5), (5, 3, 7)], ids=str)
def test_a_fine_grid_sees_no_more_patterns_and_misses_only_small_regions(widths):
    model, half, steps = network(widths, seed=2), 2.0, 90
    regions = linear_regions(model, half=half)
    ticks = (torch.arange(steps, dtype=torch.float64) + 0.5) * (2 * half / steps) - half
    seen = regions_seen(list(torch.cartesian_prod(ticks, ticks)), dict(model.named_parameters()), len(widths))
    large = int((regions.areas() > (8 * half / steps) ** 2).sum())
    assert large <= seen <= len(regions) <= deep_bound(list(widths), 2)
    assert seen > 1


@pytest.mark.parametrize("widths", [(11,), (7, 11), (13, 5, 7)], ids=str)
def test_every_region_has_a_pattern_of_its_own_and_the_map_of_the_blackboard(widths):
    model = network(widths, seed=5)
    parameters = {name: tensor.detach() for name, tensor in model.named_parameters()}
    regions = linear_regions(model, half=1.5)
    points = list(inside(regions))
    assert len({pattern(x, parameters, len(widths)) for x in points}) == len(regions)
    for x, found in zip(points, regions.maps, strict=True):
        A, c = affine_map(x, parameters, len(widths))
        torch.testing.assert_close(found, torch.cat([A, c[:, None]], 1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("widths", [(17,), (11, 13), (11, 7, 13)], ids=str)
def test_the_regions_cover_the_square_and_the_network_is_affine_on_each_up_to_its_corners(widths):
    model = network(widths, seed=11)
    regions = linear_regions(model, half=3.0)
    assert regions.areas().sum().item() == pytest.approx(36.0, rel=1e-9)
    assert regions.corners.shape[1] < 12  # not one more for every neuron
    for points in (inside(regions), *regions.corners.unbind(1)):
        expected = (regions.maps @ torch.cat([points, torch.ones(len(points), 1)], 1).double()[..., None])[..., 0]
        torch.testing.assert_close(said(model, points), expected, rtol=1e-7, atol=1e-7)


def test_later_layers_cut_what_earlier_ones_left_and_take_nothing_back():
    model = network((11, 7, 5))
    first, second, third = linear_regions(model, half=2.0).after
    assert first == regions_in_box(lines_of(model), 2.0) < second < third == len(linear_regions(model, half=2.0))


def test_on_the_plane_through_three_inputs_the_network_is_what_it_is_there():
    model = network((13, 7), inputs=19)
    inputs = torch.randn(3, 1, 1, 19, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plane, places = plane_through(inputs)
    torch.testing.assert_close(plane.inputs(places), inputs.flatten(1))
    torch.testing.assert_close(plane.axes @ plane.axes.t(), torch.eye(2, dtype=torch.float64))
    regions = linear_regions(model, plane, half=9.0)
    points = inside(regions)
    expected = (regions.maps @ torch.cat([points, torch.ones(len(points), 1)], 1).double()[..., None])[..., 0]
    torch.testing.assert_close(said(model, plane.inputs(points)), expected, rtol=1e-9, atol=1e-9)


def test_lines_through_one_point_and_neurons_that_are_off_cut_no_more_than_they_should():
    model = network((7,), bias=0.0)
    assert len(linear_regions(model)) == 14  # seven lines through the origin
    nn.init.zeros_(model.layers[0].weight)
    assert len(linear_regions(model)) == 1


def test_a_neuron_that_nothing_hears_cuts_the_plane_but_makes_no_other_map():
    model = network((7,))
    assert linear_regions(model, half=1e4).pieces == len(linear_regions(model, half=1e4)) == zaslavsky(7, 2)
    with torch.no_grad():
        model.classifier.weight[:, :2] = 0.0
    assert (linear_regions(model, half=1e4).pieces, len(linear_regions(model, half=1e4))) == (zaslavsky(5, 2), zaslavsky(7, 2))


def test_a_neuron_whose_line_is_another_ones_cuts_nothing_more():
    model = network((5,))
    with torch.no_grad():
        model.layers[0].weight[4], model.layers[0].bias[4] = -3 * model.layers[0].weight[1], -3 * model.layers[0].bias[1]
    assert len(linear_regions(model, half=1e4)) == zaslavsky(4, 2)


def test_on_the_decision_line_two_logits_are_equal_and_it_has_no_loose_end_inside():
    model = network((11, 7), seed=4)
    segments = linear_regions(model, half=2.0).decision(0, 2)
    assert len(segments) > 3
    logits = said(model, segments.flatten(0, 1))
    torch.testing.assert_close(logits[:, 0], logits[:, 2], rtol=0, atol=1e-9)
    ends = segments.flatten(0, 1)
    within = ends[ends.abs().amax(1) < 2.0 - 1e-9]
    met = (torch.cdist(within, ends) < 1e-9).sum(1)
    assert len(within) > 2 and (met >= 2).all()


def test_what_is_not_affine_in_pieces_is_refused():
    with pytest.raises(BadInput, match="norm='layer'"):
        linear_regions(network((5,), norm="layer"))
    with pytest.raises(BadInput, match="phi='gelu'"):
        linear_regions(network((5,), phi="gelu"))
    with pytest.raises(BadInput, match="takes 3 numbers"):
        linear_regions(network((5,), inputs=3))
    with pytest.raises(BadInput, match="on one line"):
        plane_through(torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))
    with pytest.raises(BadInput, match="not 2"):
        plane_through(torch.zeros(2, 5))


def test_a_plane_with_its_own_axes_shows_the_same_regions():
    model = network((13, 5), seed=6)
    turn = torch.tensor([[0.6, 0.8], [-0.8, 0.6]], dtype=torch.float64)
    assert len(linear_regions(model, Plane(torch.zeros(2, dtype=torch.float64), turn), half=1e4)) == len(linear_regions(model, half=1e4))
