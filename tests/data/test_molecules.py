"""Molecules by formula: their bonds and angles are those of the tables, whichever way they are turned, and code reads them back."""

import math

import pytest
import torch

from workings.data.draws import Draws
from workings.data.molecules import ANGSTROMS, ATOMS, MOLECULES, TOLERANCE, atoms_of, geometry, molecules, read_molecule, rotations


def angle(a: torch.Tensor, middle: torch.Tensor, b: torch.Tensor) -> float:
    """In degrees."""
    one, other = a - middle, b - middle
    return math.degrees(math.acos(float(one @ other / one.norm() / other.norm())))


@pytest.mark.parametrize(
    ("name", "bonds", "angles"),
    [
        ("water", {(0, 1): 0.9572, (0, 2): 0.9572}, {(1, 0, 2): 104.52}),
        ("carbon dioxide", {(0, 1): 1.162, (0, 2): 1.162, (1, 2): 2.324}, {}),
        ("ammonia", {(0, atom): 1.012 for atom in (1, 2, 3)}, {(1, 0, 2): 106.7, (1, 0, 3): 106.7, (2, 0, 3): 106.7}),
        ("methane", {(0, atom): 1.094 for atom in range(1, 5)}, {(a, 0, b): 109.4712 for a in range(1, 5) for b in range(1, a)}),
        (
            "benzene",
            {(atom, (atom + 1) % 6): 1.397 for atom in range(6)} | {(atom, atom + 6): 1.084 for atom in range(6)},
            {(0, 1, 2): 120.0, (1, 0, 6): 120.0},
        ),
        (
            "ethanol",
            {(0, 1): 1.512, (1, 2): 1.431, (2, 3): 0.971, (0, 6): 1.09},
            {(0, 1, 2): 107.8, (1, 2, 3): 105.0, (4, 1, 0): 109.4712, (6, 0, 7): 109.4712},
        ),
    ],
)
def test_bonds_and_angles_are_those_of_the_table(name, bonds, angles):
    _, places = geometry(name)
    for (a, b), length in bonds.items():
        assert float((places[a] - places[b]).norm()) == pytest.approx(length, abs=1e-9)
    for (a, middle, b), degrees in angles.items():
        assert angle(places[a], places[middle], places[b]) == pytest.approx(degrees, abs=1e-4)
    assert float(places.mean(0).norm()) < 1e-12 and float(places.norm(dim=1).max()) < ANGSTROMS


def test_benzene_is_flat_and_no_two_atoms_are_nearer_than_a_bond():
    assert float(torch.linalg.svdvals(geometry("benzene")[1])[-1]) < 1e-12
    for name in MOLECULES:
        places = geometry(name)[1]
        assert float(torch.pdist(places).min()) > 0.95


def test_rotations_turn_and_every_direction_is_equally_likely():
    turned = rotations(Draws(0, 0, 5000).uniform(3))
    torch.testing.assert_close(turned @ turned.mT, torch.eye(3, dtype=torch.float64).expand(5000, 3, 3))
    torch.testing.assert_close(torch.linalg.det(turned), torch.ones(5000, dtype=torch.float64))
    first = turned[:, :, 0]
    assert float(first.mean(0).norm()) < 0.04
    torch.testing.assert_close(first.T @ first / 5000, torch.eye(3, dtype=torch.float64) / 3, rtol=0, atol=0.02)


def test_every_molecule_is_read_back_however_it_is_turned_and_its_points_are_ordered():
    sets, names = molecules(60, 3)
    assert sets.shape == (60, 7, ATOMS, 1) and set(names) == set(MOLECULES)
    order = torch.randperm(ATOMS, generator=torch.Generator().manual_seed(0))
    for one, name in zip(sets, names, strict=True):
        elements, places = atoms_of(one)
        wanted, right = geometry(name)
        assert elements == wanted
        torch.testing.assert_close(torch.cdist(places, places), torch.cdist(right, right), rtol=0, atol=1e-5)
        assert read_molecule(one[:, order]) == name


def test_an_atom_that_is_off_or_of_another_kind_or_missing_is_no_molecule():
    sets, names = molecules(6, 0)
    for one, name in zip(sets, names, strict=True):
        _, places = atoms_of(one)
        away = (places[1] - places[0]) / (places[1] - places[0]).norm()  # along its bond
        for by, found in ((0.5 * TOLERANCE, name), (1.5 * TOLERANCE, None)):
            moved = one.clone()
            moved[:3, 1, 0] += (by * away / ANGSTROMS).float()
            assert read_molecule(moved) == found
        other, missing = one.clone(), one.clone()
        other[3:, 1, 0] = torch.tensor([-0.5, -0.5, 0.5, -0.5])  # nitrogen
        missing[3:, 1, 0] = -0.5
        assert read_molecule(other) is None and read_molecule(missing) is None


def test_a_molecule_is_a_function_of_the_seed_and_its_number():
    few, _ = molecules(7, 1)
    assert torch.equal(molecules(13, 1)[0][:7], few) and not torch.equal(molecules(7, 2)[0], few)
