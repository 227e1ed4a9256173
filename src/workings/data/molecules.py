"""Small molecules as sets of points, made by formula and read back by code: their distances say exactly whether a drawing is one (statement 5.3d)."""

import math
from functools import cache

import torch
from torch import Tensor

from workings.data.draws import Draws
from workings.data.points import as_channels

ELEMENTS = "CHNO"
"""Each has a number beside the three of the place."""
ATOMS = 12
"""The points of a set: as many as the largest molecule has; those that are left are no atoms."""
ANGSTROMS = 3.0
"""What 1 stands for in a place: no atom lies further from its molecule's middle."""
THERE = 0.5
"""The number of a point's own element; its negative is that of the others, and of all where there is no atom."""
TOLERANCE = 0.1
"""Angstroms by which no distance of two atoms may be off."""
TETRAHEDRAL = math.degrees(math.acos(-1 / 3))
_MOLECULE = 23  # what the draws are for

Row = tuple[str, *tuple[float, ...]]
"""An element; then the atom that it is bound to and the length of the bond; the next atom and the angle there; a third, and the angle from it around those."""


def around(angle: float) -> float:
    """By how much two of three like bonds lie apart when one looks along the third, if each two make this angle: cos a / (1 + cos a) is its cosine. Degrees."""
    cosine = math.cos(math.radians(angle))
    return math.degrees(math.acos(cosine / (1 + cosine)))


# In angstroms and degrees, of the gas. Water: Benedict, Gailar and Plyler 1956. Ammonia, methane, benzene and carbon dioxide: Herzberg 1966, Electronic Spectra
# of Polyatomic Molecules. Ethanol, anti: C-C, C-O, O-H, C-C-O and C-O-H of the CRC Handbook of Chemistry and Physics; C-H 1.09, other angles as in methane.
MOLECULES: dict[str, tuple[Row, ...]] = {
    "water": (("O",), ("H", 0, 0.9572), ("H", 0, 0.9572, 1, 104.52)),
    "carbon dioxide": (("C",), ("O", 0, 1.162), ("O", 0, 1.162, 1, 180.0)),
    "ammonia": (("N",), ("H", 0, 1.012), ("H", 0, 1.012, 1, 106.7), ("H", 0, 1.012, 1, 106.7, 2, around(106.7))),
    "methane": (
        ("C",),
        ("H", 0, 1.094),
        ("H", 0, 1.094, 1, TETRAHEDRAL),
        ("H", 0, 1.094, 1, TETRAHEDRAL, 2, 120.0),
        ("H", 0, 1.094, 1, TETRAHEDRAL, 2, -120.0),
    ),
    "ethanol": (
        ("C",),
        ("C", 0, 1.512),
        ("O", 1, 1.431, 0, 107.8),
        ("H", 2, 0.971, 1, 105.0, 0, 180.0),
        ("H", 1, 1.09, 0, TETRAHEDRAL, 2, 120.0),
        ("H", 1, 1.09, 0, TETRAHEDRAL, 2, -120.0),
        ("H", 0, 1.09, 1, TETRAHEDRAL, 2, 180.0),
        ("H", 0, 1.09, 1, TETRAHEDRAL, 2, 60.0),
        ("H", 0, 1.09, 1, TETRAHEDRAL, 2, -60.0),
    ),
    "benzene": (
        ("C",),
        ("C", 0, 1.397),
        ("C", 1, 1.397, 0, 120.0),
        *(("C", atom - 1, 1.397, atom - 2, 120.0, atom - 3, 0.0) for atom in range(3, 6)),
        *(("H", atom, 1.084, (atom + 1) % 6, 120.0, (atom + 2) % 6, 180.0) for atom in range(6)),
    ),
}


@cache
def geometry(name: str) -> tuple[str, Tensor]:
    """The elements of a molecule, a letter an atom, and where its atoms are, in angstroms around their mean: float64 [atoms, 3]."""
    rows = MOLECULES[name]
    places: list[Tensor] = []
    for _, *where in rows:
        places.append(placed(places, where))
    found = torch.stack(places)
    return "".join(row[0] for row in rows), found - found.mean(0)


def placed(places: list[Tensor], where: list[float]) -> Tensor:
    """Where the next atom is, by the bond, the angle and the angle around that its row gives; the first ones lie on an axis and in a plane."""
    if not where:
        return torch.zeros(3, dtype=torch.float64)
    bound, length = places[int(where[0])], where[1]
    if len(where) == 2:
        return bound + torch.tensor([0, 0, length], dtype=torch.float64)
    axis = unit(places[int(where[2])] - bound)
    angle, turn = math.radians(where[3]), math.radians(where[5] if len(where) > 4 else 0.0)
    beside = places[int(where[4])] - places[int(where[2])] if len(where) > 4 else torch.tensor([1, 0, 0], dtype=torch.float64)
    across = unit(beside - (beside @ axis) * axis)
    third = torch.linalg.cross(axis, across)
    return bound + length * (math.cos(angle) * axis + math.sin(angle) * (math.cos(turn) * across + math.sin(turn) * third))


def unit(v: Tensor) -> Tensor:
    """v / |v|."""
    return v / v.norm()


def rotations(u: Tensor) -> Tensor:
    """Every rotation equally likely, from three uniform numbers by way of quaternions (Shoemake 1992). [N, 3] -> [N, 3, 3]."""
    one, other, a, b = (1 - u[:, 0]).sqrt(), u[:, 0].sqrt(), 2 * math.pi * u[:, 1], 2 * math.pi * u[:, 2]
    x, y, z, w = one * a.sin(), one * a.cos(), other * b.sin(), other * b.cos()
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def molecules(count: int, seed: int) -> tuple[Tensor, list[str]]:
    """Molecules turned at random, each a function of (seed, number): float32 [count, 3 + elements, ATOMS, 1], and the name of each, in turn."""
    names = [list(MOLECULES)[number % len(MOLECULES)] for number in range(count)]
    turned = rotations(Draws(seed, 0, count, places=(_MOLECULE,)).uniform(3))
    points = torch.zeros(count, ATOMS, 3 + len(ELEMENTS), dtype=torch.float64)
    points[..., 3:] = -THERE
    for kind, name in enumerate(MOLECULES):
        rows = slice(kind, None, len(MOLECULES))
        elements, places = geometry(name)
        points[rows, : len(elements), :3] = places @ turned[rows].mT / ANGSTROMS
        for atom, element in enumerate(elements):
            points[rows, atom, 3 + ELEMENTS.index(element)] = THERE
    return as_channels(points), names


def atoms_of(points: Tensor) -> tuple[str, Tensor]:
    """The elements of the points that are atoms, and where they are, in angstroms: float64 [atoms, 3]. points: [3 + elements, ATOMS, 1]."""
    numbers = points[..., 0].T.double()
    there = numbers[numbers[:, 3:].amax(1) > 0]
    return "".join(ELEMENTS[kind] for kind in there[:, 3:].argmax(1).tolist()), there[:, :3] * ANGSTROMS


def read_molecule(points: Tensor, tolerance: float = TOLERANCE) -> str | None:
    """The molecule whose elements these are and none of whose distances is off by more than `tolerance` angstroms; None if there is none.

    Distances do not tell a molecule from its mirror image; each of these is its own. points: [3 + elements, ATOMS, 1].
    """
    elements, places = atoms_of(points)
    for name in MOLECULES:
        wanted, there = geometry(name)
        if sorted(wanted) == sorted(elements) and fits(wanted, torch.cdist(there, there), elements, torch.cdist(places, places), tolerance, []):
            return name
    return None


def fits(wanted: str, right: Tensor, elements: str, found: Tensor, tolerance: float, taken: list[int]) -> bool:
    """Whether some order of the atoms that were found, which begins with those taken, has the right elements and distances: one atom after another is tried."""
    atom = len(taken)
    if atom == len(wanted):
        return True
    for other, element in enumerate(elements):
        fit = element == wanted[atom] and other not in taken and bool(((found[other, taken] - right[atom, :atom]).abs() <= tolerance).all())
        if fit and fits(wanted, right, elements, found, tolerance, [*taken, other]):
            return True
    return False
