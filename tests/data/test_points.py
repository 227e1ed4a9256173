"""Shapes in space: their points lie on them, everywhere equally often, and a set is measured by its distance from its own shape."""

import math

import pytest
import torch

from workings.data.draws import Draws
from workings.data.points import HELIX_RADIUS, LARGEST, POINTS, SHAPES, SMALLEST, measured, point_sets, uncovered

MANY = Draws(5, 0, 20_000).uniform(3)


@pytest.mark.parametrize("name", SHAPES)
def test_points_lie_on_their_shape_and_within_one_of_the_middle_in_each_direction(name):
    points = SHAPES[name].on(MANY)
    assert float(SHAPES[name].distance(points[:500]).max()) < (3e-3 if name == "spiral" else 1e-6)
    assert float(points.abs().max()) <= 1 + 1e-9


@pytest.mark.parametrize("name", SHAPES)
def test_the_distance_is_that_of_the_nearest_of_very_many_points(name):
    places = 1.6 * Draws(6, 0, 60).uniform(3) - 0.8
    nearest = torch.cdist(places, SHAPES[name].on(MANY)).amin(1)
    found = SHAPES[name].distance(places)
    assert bool((found <= nearest + 3e-3).all()) and float((nearest - found).max()) < 0.05


def test_points_lie_everywhere_equally_often():
    """The part of the area above a height: of a sphere (1 - h) / 2 (Archimedes), of a cube's two faces, a cone's base, a ring's outer half, a spiral's way."""
    z = {name: SHAPES[name].on(MANY)[:, 2] for name in SHAPES}
    assert float((z["sphere"] > 0.5).double().mean()) == pytest.approx(0.25, abs=0.012)
    assert float((z["cube"].abs() > 1 - 1e-9).double().mean()) == pytest.approx(1 / 3, abs=0.012)
    assert float((z["cone"] < -1 + 1e-9).double().mean()) == pytest.approx(1 / (1 + math.sqrt(5)), abs=0.012)
    ring = SHAPES["torus"].on(MANY)[:, :2].norm(dim=1)
    assert float((ring > 0.7).double().mean()) == pytest.approx(0.5 + 0.3 / 0.7 / math.pi, abs=0.012)  # the integral of 1 + (r / R) cos b
    assert float((z["spiral"] > 0.5).double().mean()) == pytest.approx(0.25, abs=0.012)


def test_a_set_is_nearest_to_its_own_shape_at_its_own_size():
    sets, names = point_sets(10, 0)
    assert sets.shape == (10, 3, POINTS, 1) and sets.dtype == torch.float32 and set(names) == set(SHAPES)
    for one, name in zip(sets[..., 0], names, strict=True):
        distance, size = measured(one.T, name)
        assert distance < 4e-3 and SMALLEST <= size <= LARGEST
        assert all(measured(one.T, other)[0] > 5 * distance for other in SHAPES if other != name)
        assert uncovered(one.T, name, size) == pytest.approx(1, abs=0.25)
        assert uncovered(one.T[:1].expand(POINTS, 3), name, size) > 3


def test_points_off_the_surface_are_as_far_as_they_were_moved():
    sphere = SHAPES["sphere"].on(MANY[:400]) * 0.7
    out = sphere * (1 + 0.05 / 0.7 * torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(200)[:, None])
    assert measured(out, "sphere")[0] == pytest.approx(0.05, abs=2e-3)
    lifted = SHAPES["spiral"].on(MANY[:400]) * torch.tensor([1.1, 1.1, 1.0])
    assert float(SHAPES["spiral"].distance(lifted).mean()) == pytest.approx(0.1 * HELIX_RADIUS, abs=4e-3)


def test_a_set_is_a_function_of_the_seed_and_its_number():
    few, _ = point_sets(7, 1)
    assert torch.equal(point_sets(13, 1)[0][:7], few) and not torch.equal(point_sets(7, 2)[0], few)
