"""Colored shapes and how they lie to each other, drawn by code and read back by code: captions whose pictures can be checked exactly (statement 5.3c)."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from workings.data.order import hashed

COLORS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220), "yellow": (240, 200, 40), "purple": (150, 60, 180)}
SHAPES = ("circle", "square", "triangle")
RELATIONS = {"left of": "right of", "above": "below"}
"""How the first thing lies to the second, and how the second then lies to the first."""
SIDE, BACKGROUND = 32, 255
LEAST, MOST = 4.5, 6.0
"""Half the width of a thing, in pixels."""
STEPS = np.linspace(0, 1, 5)
"""How finely a shape is looked for, in pixels."""
CLEAR = 0.75
"""How much of a shape must be there to be one: what both cover over what either covers."""
HELD_OUT = 6
"""One in so many pairs of things is in no training picture, however it is said."""
_SCENE, _PLACES = 11, 12  # what a hash is for


@dataclass(frozen=True, order=True)
class Thing:
    """A shape of a color."""

    color: str
    shape: str

    def __str__(self) -> str:
        return f"a {self.color} {self.shape}"


@dataclass(frozen=True)
class Scene:
    """One thing, or two of different colors and how the first lies to the second: "left of" or "above"."""

    things: tuple[Thing, ...]
    relation: str = ""

    def captions(self) -> tuple[str, ...]:
        """Every way to say it."""
        if not self.relation:
            return (str(self.things[0]),)
        first, second = self.things
        return f"{first} {self.relation} {second}", f"{second} {RELATIONS[self.relation]} {first}"


@cache
def scenes() -> tuple[Scene, ...]:
    """All of them, those with one thing first."""
    things = [Thing(color, shape) for color in COLORS for shape in SHAPES]
    pairs = [(first, second) for first in things for second in things if first.color != second.color]
    return (*(Scene((thing,)) for thing in things), *(Scene(pair, relation) for relation in RELATIONS for pair in pairs))


def is_held_out(scene: Scene) -> bool:
    """Whether no training picture shows it; single things are all shown."""
    return bool(scene.relation) and scenes().index(scene) % HELD_OUT == 0


def drawn(scene: Scene, number: int) -> np.ndarray:
    """The scene with sizes and places that are a function of it and a number, uint8 [SIDE, SIDE, 3]."""
    draw = np.random.default_rng(int(hashed(scenes().index(scene), number, _PLACES)[0]))
    pixels = np.full((SIDE, SIDE, 3), BACKGROUND, dtype=np.uint8)
    centers = draw.uniform(MOST + 1, SIDE - 2 - MOST, (len(scene.things), 2))  # of each: down, right
    if scene.relation:  # further apart along its axis than they can be across it
        centers = SIDE / 2 + (centers - SIDE / 2) * 0.75
        axis = list(RELATIONS).index(scene.relation) ^ 1  # left of is along the width
        centers[:, axis] = SIDE / 2 + np.array([-1, 1]) * draw.uniform(MOST + 1.5, SIDE / 2 - MOST - 1.5, 2)
    for thing, center in zip(scene.things, centers, strict=True):
        pixels[inside(thing.shape, center, draw.uniform(LEAST, MOST))] = COLORS[thing.color]
    return pixels


def inside(shape: str, center: np.ndarray, half: np.ndarray | float) -> np.ndarray:
    """Which pixels a shape covers, bool [..., SIDE, SIDE]. center: down, right [..., 2]; half: half its width [...]."""
    places, half = np.arange(SIDE), np.asarray(half)[..., None, None]
    down, right = places[:, None] - center[..., :1, None], places - center[..., 1:, None]
    if shape == "circle":
        return down**2 + right**2 <= half**2
    box = (abs(down) <= half) & (abs(right) <= half)
    return box if shape == "square" else box & (abs(right) <= (down + half) / 2)


def read_scene(picture: Tensor) -> Scene | None:
    """What a picture shows: of each color that is there, the shape that covers its pixels best; None if that is no scene. picture: uint8 [3, SIDE, SIDE]."""
    palette = np.array([*COLORS.values(), (BACKGROUND,) * 3], dtype=np.float32)
    nearest = ((picture.permute(1, 2, 0).numpy()[:, :, None] - palette) ** 2).sum(-1).argmin(-1)  # H W
    found: list[tuple[Thing, np.ndarray]] = []
    for place, color in enumerate(COLORS):
        mask = nearest == place
        if mask.sum() < LEAST**2:  # fewer than half of the smallest shape's: where two things are blurred
            continue
        shape, covered, center = best_shape(mask)
        if covered < CLEAR:
            return None
        found.append((Thing(color, shape), center))
    if len(found) == 1:
        return Scene((found[0][0],))
    if len(found) != 2:
        return None
    down, right = found[1][1] - found[0][1]
    relation, first = ("left of", right > 0) if abs(right) > abs(down) else ("above", down > 0)
    pair = (found[0][0], found[1][0]) if first else (found[1][0], found[0][0])
    return Scene(pair, relation)


def best_shape(mask: np.ndarray) -> tuple[str, float, np.ndarray]:
    """The shape that a mask is most like, how much (what both cover over what either covers), and its center. mask: bool [SIDE, SIDE]."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    middle = np.array([rows[0] + rows[-1], columns[0] + columns[-1]]) / 2
    half = max(rows[-1] - rows[0], columns[-1] - columns[0]) / 2
    centers = middle + np.stack(np.meshgrid(STEPS - 0.5, STEPS - 0.5), -1).reshape(-1, 1, 2)  # of what was drawn: within half a pixel
    sizes = half + STEPS  # and at most one more
    scores = []
    for shape in SHAPES:
        tried = inside(shape, centers, sizes)  # centers sizes SIDE SIDE
        scores.append((mask & tried).sum((-2, -1)) / (mask | tried).sum((-2, -1)))
    kind, place, _ = np.unravel_index(np.argmax(scores), (len(SHAPES), len(centers), len(sizes)))
    return SHAPES[kind], float(np.max(scores)), centers[place, 0]


def shows(picture: Tensor, caption: str) -> bool:
    """Whether a picture shows exactly what a caption says. picture: uint8 [3, SIDE, SIDE]."""
    scene = read_scene(picture)
    return scene is not None and caption in scene.captions()


def shape_pictures(count: int, held_out: bool) -> tuple[Tensor, list[str]]:
    """Pictures of scenes that are learned from, or of those held out, and a caption of each: uint8 [count, 3, SIDE, SIDE]."""
    chosen = [scene for scene in scenes() if is_held_out(scene) == held_out]
    pictures, captions = np.empty((count, SIDE, SIDE, 3), dtype=np.uint8), []
    for number in range(count):
        bits = int(hashed(number, _SCENE, held_out)[0])
        scene = chosen[number % len(chosen)]
        pictures[number] = drawn(scene, number // len(chosen))
        captions.append(scene.captions()[bits % len(scene.captions())])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), captions
