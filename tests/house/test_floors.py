"""Imports go down only: a floor knows the floors below it and nothing of those above."""

from itertools import pairwise

import pytest
from source import PACKAGE, imports, sources

FLOORS = [
    {"cli", "verbs", "stages", "__main__"},
    {"tour"},
    {"studies"},
    {"report"},
    {"tasks"},
    {"training"},
    {"generation"},
    {"weights"},
    {"models", "objectives"},
    {"layers"},
    {"data"},
    {"blackboard"},
    {"errors", "settings"},
]
"""From the roof to the ground. Rooms on one floor do not know each other, except that the command line stands on the verbs, they on the stages."""

HEIGHT = {room: len(FLOORS) - index for index, rooms in enumerate(FLOORS) for room in rooms}
BESIDE = {("cli", "verbs"), ("verbs", "stages"), ("__main__", "cli"), ("settings", "errors"), ("models", "objectives")}
TORCH_FREE = ["workings", "workings.errors", "workings.settings", "workings.models.settings", "workings.training.settings", "workings.generation.settings"]
READERS_OF_THE_BLACKBOARD = {"studies", "blackboard"}


def room(module: str) -> str:
    """workings.models.settings -> models."""
    return module.split(".")[1] if "." in module else ""


def test_every_room_stands_on_a_floor():
    rooms = {path.name if path.is_dir() else path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert rooms - set(HEIGHT) <= {"__init__", "__pycache__", "recipes"}


@pytest.mark.parametrize("module", sources())
def test_imports_go_down_only(module: str):
    above = room(module)
    for line, target in imports(sources()[module]):
        below = room(target) if target.startswith("workings.") else ""
        if not below or below == above or not above:
            continue
        allowed = HEIGHT[below] < HEIGHT[above] or (above, below) in BESIDE
        assert allowed, f"{module}:{line} imports {target}, which is not below it"


def test_only_studies_read_the_blackboard():
    for module, path in sources().items():
        if room(module) not in READERS_OF_THE_BLACKBOARD:
            assert not [target for _, target in imports(path) if room(target) == "blackboard"], module


def test_the_blackboard_needs_torch_and_nothing_else_of_the_house():
    for module, path in sources().items():
        if room(module) == "blackboard":
            used = {target for _, target in imports(path)}
            assert all(target.split(".")[0] in {"torch", "math", "collections", "dataclasses", "typing"} or room(target) == "blackboard" for target in used), (
                module
            )


def test_the_floors_have_no_gaps():
    assert all(upper and lower and not upper & lower for upper, lower in pairwise(FLOORS))
