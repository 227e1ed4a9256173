"""The regions on which a trained ReLU network is affine, counted exactly on a plane of its inputs (statement 6.1a).

A ReLU network is affine on each of many convex regions. On a plane, a neuron of the first layer bends along a line; a neuron of a later layer is affine on
every region of the layers before it and bends along a line there. So a square of the plane is a list of convex polygons, each with an affine map, and every
neuron in turn cuts those in two through which its line runs (Hanin and Rolnick 2019). No grid is involved, and nothing that is too small for one is missed.
What is counted are activation regions: a neuron that later layers do not let through cuts too, though the map is the same on both sides of its line.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workings.errors import BadInput
from workings.models.mlp import MLP

ROUNDING = 1e-10
"""Corners that are this close to a neuron's line, as a part of the square, lie on it: a line that only touches a polygon does not cut it."""


@dataclass(frozen=True)
class Plane:
    """x = origin + u e_1 + v e_2. origin: float64 [inputs]; axes: e_1 and e_2, float64 [2, inputs]."""

    origin: Tensor
    axes: Tensor

    def inputs(self, points: Tensor) -> Tensor:
        """(u, v) [..., 2] -> the inputs there [..., inputs]."""
        return self.origin + points @ self.axes


def plane_through(inputs: Tensor) -> tuple[Plane, Tensor]:
    """The plane through three inputs, [3, ...], and where they are in it, [3, 2]. Its origin is their mean, its axes are orthonormal: distances are kept."""
    x = inputs.double().flatten(1)
    if len(x) != 3:
        raise BadInput(f"A plane goes through three inputs, not {len(x)}; give three of them.")
    origin = x.mean(0)
    q, r = torch.linalg.qr((x[1:] - x[0]).t())
    if r.diagonal().abs().min() <= ROUNDING * x.abs().max():
        raise BadInput("The three inputs lie on one line, through which many planes go; give three others.")
    return Plane(origin, q.t()), (x - origin) @ q


@dataclass(frozen=True)
class LinearRegions:
    """The activation regions of a network in the square |u|, |v| <= half of a plane: on each, the same neurons are on."""

    corners: Tensor
    """Of each region's polygon, in their order around it, float64 [R, V, 2]; one with fewer corners repeats its last."""
    maps: Tensor
    """What the network is there: logits = maps @ (u, v, 1), float64 [R, outputs, 3]."""
    after: tuple[int, ...]
    """How many regions there are after each hidden layer."""

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def pieces(self) -> int:
        """How many different affine maps there are, fewer than regions where a neuron cuts that changes nothing."""
        return len((self.maps / (ROUNDING * self.maps.abs().max().clamp(min=torch.finfo(self.maps.dtype).tiny))).round().unique(dim=0))

    def areas(self) -> Tensor:
        """Of each polygon, by the shoelace formula, [R]."""
        (u, v), (right, up) = self.corners.unbind(-1), self.corners.roll(-1, 1).unbind(-1)
        return (u * up - v * right).sum(1).abs() / 2

    def decision(self, one: int = 0, other: int = 1) -> Tensor:
        """The segments along which two logits are equal, [segments, 2 ends, 2]."""
        values = apply(self.maps[:, one] - self.maps[:, other], self.corners)
        cut = (values > 0).any(1) & (values < 0).any(1)
        points, crossed = crossings(self.corners[cut], values[cut])
        return points[crossed].view(-1, 2, 2)


@torch.no_grad()
def linear_regions(model: MLP, plane: Plane | None = None, half: float = 1.0) -> LinearRegions:
    """Every region that meets the square |u|, |v| < half of a plane, with its affine map; float64, on the CPU.

    model: an `MLP` of ReLUs without norms (a layer norm is not piecewise affine). plane: of its inputs; a network of two numbers needs none.
    """
    s = model.settings
    if s.phi != "relu" or s.norm != "none":
        raise BadInput(
            f"The network has phi={s.phi!r} and norm={s.norm!r}, and only ReLUs without norms are affine in pieces; train with phi='relu', norm='none'."
        )
    inputs = s.channels * s.image_size[0] * s.image_size[1]
    if plane is None:
        if inputs != 2:
            raise BadInput(f"The network takes {inputs} numbers, of which a plane has to be chosen; give one, as plane_through(three inputs) makes it.")
        plane = Plane(torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64))
    corners = half * torch.tensor([[[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]], dtype=torch.float64)
    y = torch.cat([plane.axes, plane.origin[None]]).t()[None]  # R inputs 3: of (u, v, 1)
    after = []
    for layer in model.layers:
        z = composed(layer, y)
        corners, parent = cut_by_all(corners, z, half)
        on = torch.einsum("rnk,rk->rn", z[parent], homogeneous(corners.mean(1))) > 0  # a mean of corners lies inside
        y = z[parent] * on[..., None]
        after.append(len(corners))
    return LinearRegions(corners, y if model.classifier is None else composed(model.classifier, y), tuple(after))


def composed(layer: torch.nn.Linear, y: Tensor) -> Tensor:
    """W y + b for functions y of (u, v, 1). [R, inputs, 3] -> [R, outputs, 3]."""
    z = layer.weight.double().cpu() @ y
    z[..., 2] += layer.bias.double().cpu()
    return z


def homogeneous(points: Tensor) -> Tensor:
    """(u, v) -> (u, v, 1)."""
    return torch.cat([points, torch.ones_like(points[..., :1])], -1)


def apply(functions: Tensor, corners: Tensor) -> Tensor:
    """One affine function a region, [R, 3], at its corners [R, V, 2] -> [R, V]."""
    return torch.einsum("rk,rvk->rv", functions, homogeneous(corners))


def cut_by_all(corners: Tensor, z: Tensor, half: float) -> tuple[Tensor, Tensor]:
    """Polygons [R, V, 2] cut along the zeros of every neuron, z [R, n, 3] -> polygons [R', V', 2] and which one each was a part of, [R']."""
    parent = torch.arange(len(corners))
    touching = ROUNDING * (half * z[..., :2].norm(dim=-1) + z[..., 2].abs())
    for neuron in range(z.shape[1]):
        values = apply(z[parent, neuron], corners)
        near = touching[parent, neuron, None]
        values = torch.where(values.abs() <= near, 0.0, values)
        cut = (values > 0).any(1) & (values < 0).any(1)
        if cut.any():
            parts = [side(corners[cut], sign * values[cut]) for sign in (1, -1)]
            corners = joined([corners[~cut], *parts])
            parent = torch.cat([parent[~cut], parent[cut], parent[cut]])
    return corners, parent


def crossings(corners: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Where an affine function with these values is 0 on the edges (corner, next corner): points [R, V, 2], and on which edges that is, bool [R, V]."""
    following = values.roll(-1, 1)
    crossed = (values > 0) & (following <= 0) | (values <= 0) & (following > 0)
    share = torch.where(crossed, values / torch.where(crossed, values - following, 1.0), 0.0)
    return corners + share[..., None] * (corners.roll(-1, 1) - corners), crossed


def side(corners: Tensor, values: Tensor) -> Tensor:
    """The part of each polygon where a function is not negative (Sutherland and Hodgman 1974). corners: [R, V, 2]; values: at them, [R, V]. -> [R, V', 2]."""
    points, crossed = crossings(corners, values)
    places = torch.stack([corners, points], 2).flatten(1, 2)  # corner, crossing, corner, crossing, ...
    inner = crossed & (values != 0) & (values.roll(-1, 1) != 0)  # a corner on the line is kept as a corner
    kept = torch.stack([(values >= 0) & differs(corners), inner], 2).flatten(1, 2)
    order = kept.logical_not().to(torch.uint8).argsort(dim=1, stable=True)  # those that are kept first, in their order
    counts = kept.sum(1)
    order = order.gather(1, torch.minimum(torch.arange(int(counts.max()))[None], counts[:, None] - 1))
    return places.gather(1, order[..., None].expand(-1, -1, 2))


def differs(corners: Tensor) -> Tensor:
    """Whether each corner is another point than the one before it: the repeated last is not. [R, V, 2] -> bool [R, V]."""
    return (corners != corners.roll(1, 1)).any(-1)


def joined(parts: list[Tensor]) -> Tensor:
    """Lists of polygons as one, those with fewer corners than the most with their last repeated."""
    most = max(int(differs(part).sum(1).max()) for part in parts if len(part))
    filled = [torch.cat([part, part[:, -1:].expand(-1, max(0, most - part.shape[1]), 2)], 1) for part in parts]
    return torch.cat([part[:, :most] for part in filled])
