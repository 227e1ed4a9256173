"""Shapes in space as sets of points on their surfaces, and how far from it points lie: drawings that can be measured exactly (statement 5.3d)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from workings.data.draws import Draws

POINTS = 128
"""The points of a set."""
SMALLEST, LARGEST, STEPS = 0.5, 0.9, 21
"""Sizes that shapes have, the same in every direction, and how many of them are tried when one is measured, and then again around the best."""
TURNS, HELIX_RADIUS, ALONG = 2.5, 0.6, 2000
"""The turns of a spiral of height 2, its radius, and how many of its points are compared when one is measured."""
RING, TUBE = 0.7, 0.3
"""The radii of a torus: that of its ring, and that of its tube."""
_SHAPE = 22  # what the draws are for


@dataclass(frozen=True)
class Shape:
    """A surface of size one, which lies within -1 ... 1 in each direction; z is up."""

    on: Callable[[Tensor], Tensor]
    """Uniform numbers [..., 3] -> points that lie on it everywhere equally often, [..., 3]."""
    distance: Callable[[Tensor], Tensor]
    """Points [..., 3] -> how far each is from the nearest point on it, [...]."""


def on_sphere(u: Tensor) -> Tensor:
    """Height and direction are even on a sphere of radius 1 (Archimedes)."""
    z, angle = 2 * u[..., 0] - 1, 2 * math.pi * u[..., 1]
    radius = (1 - z**2).sqrt()
    return torch.stack([radius * angle.cos(), radius * angle.sin(), z], -1)


def from_sphere(p: Tensor) -> Tensor:
    """| |p| - 1 |."""
    return (p.norm(dim=-1) - 1).abs()


def on_cube(u: Tensor) -> Tensor:
    """One of six faces of a cube of half side 1, and a place on it."""
    face, place = (u[..., 0] * 6).long(), 2 * u[..., 1:] - 1
    side = torch.where(face < 3, -1.0, 1.0).to(u.dtype)[..., None]
    whole = torch.cat([side, place], -1)
    return torch.stack([whole.roll(axis, -1) for axis in range(3)], -2).gather(-2, (face % 3)[..., None, None].expand(*face.shape, 1, 3))[..., 0, :]


def from_cube(p: Tensor) -> Tensor:
    """With q = |p| - 1 in each direction: outside |max(q, 0)|, inside -max q."""
    q = p.abs() - 1
    return q.clamp(min=0).norm(dim=-1) + q.amax(-1).clamp(max=0).abs()


def on_torus(u: Tensor) -> Tensor:
    """The angle b around the tube is as likely as RING + TUBE cos b: b + (TUBE / RING) sin b is even, and the b of what was drawn is found by halving."""
    wanted = math.pi * (2 * u[..., 0] - 1)
    low, high = torch.full_like(wanted, -math.pi), torch.full_like(wanted, math.pi)
    for _ in range(30):
        b = (low + high) / 2
        below = b + TUBE / RING * b.sin() < wanted
        low, high = torch.where(below, b, low), torch.where(below, high, b)
    a = 2 * math.pi * u[..., 1]
    radius = RING + TUBE * low.cos()
    return torch.stack([radius * a.cos(), radius * a.sin(), TUBE * low.sin()], -1)


def from_torus(p: Tensor) -> Tensor:
    """| |(|(x, y)| - RING, z)| - TUBE |."""
    return (torch.hypot(p[..., :2].norm(dim=-1) - RING, p[..., 2]) - TUBE).abs()


def on_cone(u: Tensor) -> Tensor:
    """The slope from the apex (0, 0, 1) to the rim of the base, or the base, a disk of radius 1 at z = -1, by their areas sqrt(5) and 1."""
    slope = u[..., 0] < math.sqrt(5) / (math.sqrt(5) + 1)
    radius, angle = u[..., 1].sqrt(), 2 * math.pi * u[..., 2]
    z = torch.where(slope, 1 - 2 * radius, torch.tensor(-1.0, dtype=u.dtype))
    return torch.stack([radius * angle.cos(), radius * angle.sin(), z], -1)


def from_cone(p: Tensor) -> Tensor:
    """In the plane of a point and the axis: the nearer of two lines, from (0, 1) and from (0, -1) to (1, -1)."""
    flat = torch.stack([p[..., :2].norm(dim=-1), p[..., 2]], -1)
    rim, found = flat.new_tensor([1.0, -1.0]), []
    for end in (flat.new_tensor([0.0, 1.0]), flat.new_tensor([0.0, -1.0])):
        part = ((flat - end) @ (rim - end) / (rim - end).square().sum()).clamp(0, 1)
        found.append((flat - end - part[..., None] * (rim - end)).norm(dim=-1))
    return torch.minimum(*found)


def on_spiral(u: Tensor) -> Tensor:
    """(r cos a, r sin a, 2 t - 1) with a = 2 pi TURNS t, even along the way."""
    angle = 2 * math.pi * TURNS * u[..., 0]
    return torch.stack([HELIX_RADIUS * angle.cos(), HELIX_RADIUS * angle.sin(), 2 * u[..., 0] - 1], -1)


def from_spiral(p: Tensor) -> Tensor:
    """To the nearest of many of its points, which lie closer together than 0.005, so that it is off by half of that at most."""
    way = on_spiral(torch.linspace(0, 1, ALONG, dtype=p.dtype)[:, None])
    return torch.cdist(p.reshape(-1, 3), way).amin(-1).view(p.shape[:-1])


SHAPES = {
    "sphere": Shape(on_sphere, from_sphere),
    "cube": Shape(on_cube, from_cube),
    "torus": Shape(on_torus, from_torus),
    "cone": Shape(on_cone, from_cone),
    "spiral": Shape(on_spiral, from_spiral),
}


def point_sets(count: int, seed: int) -> tuple[Tensor, list[str]]:
    """Sets of points on shapes of drawn sizes, each a function of (seed, number): float32 [count, 3, POINTS, 1], and the name of each shape, in turn."""
    names = [list(SHAPES)[number % len(SHAPES)] for number in range(count)]
    drawn = Draws(seed, 0, count, places=(_SHAPE,)).uniform(1 + 3 * POINTS)
    sizes, u = SMALLEST + drawn[:, 0] * (LARGEST - SMALLEST), drawn[:, 1:].unflatten(1, (POINTS, 3))
    points = torch.empty(count, POINTS, 3, dtype=torch.float64)
    for place, shape in enumerate(SHAPES.values()):
        points[place :: len(SHAPES)] = shape.on(u[place :: len(SHAPES)])
    return as_channels(points * sizes[:, None, None]), names


def as_channels(points: Tensor) -> Tensor:
    """Points with their numbers side by side, as pictures hold them: [N, P, C] -> float32 [N, C, P, 1]."""
    return points.mT[..., None].float().contiguous()


def measured(points: Tensor, name: str) -> tuple[float, float]:
    """How far points lie from a shape, in the mean, and the size at which that is least, to 0.002. points: [P, 3]."""
    low, high = SMALLEST, LARGEST
    for _ in range(2):
        sizes = torch.linspace(low, high, STEPS, dtype=torch.float64)
        distances = sizes * SHAPES[name].distance(points.double() / sizes[:, None, None]).mean(-1)
        best = int(distances.argmin())
        low, high = float(sizes[max(best - 1, 0)]), float(sizes[min(best + 1, STEPS - 1)])
    return float(distances[best]), float(sizes[best])


def uncovered(points: Tensor, name: str, size: float) -> float:
    """How far a shape's places lie from the nearest of the points, over what that is for as many points anywhere on it: above 1 where a part is left out.

    points: [P, 3].
    """
    drawn = Draws(0, 0, 4 * POINTS + len(points), places=(_SHAPE, _SHAPE)).uniform(3)
    places, others = (size * SHAPES[name].on(drawn)).split([4 * POINTS, len(points)])
    mine, usual = (torch.cdist(places, some.double()).amin(-1).mean() for some in (points, others))
    return float(mine / usual)
