"""What a model that draws can draw: pictures, short clips, sets of points. How each is read, becomes numbers, is shown, kept in a file and scored (5.3d).

A clip is a picture whose channels are frames, and a set of points one of a single column whose channels are the numbers of a point: noise, loss, samplers and
networks know nothing but [N, C, H, W].
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from workings.data.builtin import BUILTIN
from workings.data.clips import clip_parts
from workings.data.labeled import stratified
from workings.data.labeled_pictures import Held, LabeledPictures
from workings.data.molecules import ANGSTROMS, ELEMENTS, molecules, read_molecule
from workings.data.picture_settings import Preparation
from workings.data.picture_sources import KNOWN
from workings.data.pictures import image_of, png
from workings.data.points import SHAPES, measured, point_sets, uncovered
from workings.errors import BadInput, suggest
from workings.tasks.drawing import COLUMNS, read_drawn, sheet
from workings.tasks.drawing_settings import DrawingData, ScoresSettings
from workings.tasks.picture_parts import Parts
from workings.tasks.scatter import scattered

LEARNED, HELD = 6000, 512
"""Sets of points that are made to learn from and to validate with."""
MOMENT = 120
"""Milliseconds that a frame of a clip is seen."""


class Medium:
    """Pictures, and what everything else differs from: uint8 [N, C, H, W]."""

    name, unit = "pictures", "picture"
    network = "unet-small"
    """What learns to draw them, unless another is named."""
    suffix = ".png"
    """Of the file of one of them."""
    scored = False
    """Whether code can say how good drawings are."""

    def read(self, data: DrawingData) -> Parts:
        """Those to learn from, to validate with and to test with."""
        return read_drawn(data)

    def origin(self, source: str) -> str:
        """Where they are from."""
        return f"of {source}"

    def described(self, shape: tuple[int, int, int]) -> str:
        """What one of them is, by its shape C, H, W."""
        return f"{shape[1]} x {shape[2]}, {'color' if shape[0] == 3 else 'gray'}"

    def numbers(self, some: Tensor) -> Tensor:
        """uint8 0 ... 255 -> float32 in -1 ... 1."""
        return some.float() / 127.5 - 1

    def drawn(self, x: Tensor) -> Tensor:
        """The other way round."""
        return ((x.float() + 1) * 127.5).round().clamp(0, 255).byte().cpu()

    def sheet(self, some: Tensor, columns: int = COLUMNS) -> Tensor:
        """Some of them to be looked at, uint8 [C, h, w]."""
        return sheet(some, columns)

    def file(self, one: Tensor) -> bytes:
        """One of them as a file."""
        return png(one)

    def scores(self, drawn: Tensor, asked: Sequence[str] | None) -> dict[str, float]:
        """How good drawings are, as code can tell; asked: what each was to be, where the model was told."""
        return {}


class Clips(Medium):
    """Short clips: uint8 [N, F, H, W], the frames in the place of channels."""

    name, unit, suffix = "clips", "clip", ".gif"

    def read(self, data: DrawingData) -> Parts:
        """Clips of the built-in pictures of clothes, or of others, as clips:mnist or clips:FOLDER says."""
        source = data.source.removeprefix("builtin:").partition(":")[2]
        found = clip_parts(source or "fashion", labeled=data.labels)
        assert found.validation is not None
        return Parts(fewer(found.train, data), found.validation, None, found.preparation, found.notes)

    def described(self, shape: tuple[int, int, int]) -> str:
        """Frames, and their size."""
        return f"{shape[0]} frames of {shape[1]} x {shape[2]}, gray"

    def sheet(self, some: Tensor, columns: int = COLUMNS) -> Tensor:
        """A row for each, from its first frame to its last."""
        return sheet(some.flatten(0, 1)[:, None], some.shape[1])

    def file(self, one: Tensor) -> bytes:
        """An animated GIF that begins anew when it is over; its gray levels are those of the clip."""
        first, *others = (image_of(frame[None]) for frame in one)
        file = io.BytesIO()
        first.save(file, "GIF", save_all=True, append_images=others, duration=MOMENT, loop=0)
        return file.getvalue()


class Points(Medium):
    """Shapes in space as points on their surfaces: float32 [N, 3, P, 1], already numbers in -1 ... 1."""

    name, unit, network, scored = "points", "set of points", "points-small", True
    make: Callable[[int, int], tuple[Tensor, list[str]]] = staticmethod(point_sets)
    """So many of them by a seed, and their names."""

    def read(self, data: DrawingData) -> Parts:
        """Some that are made to learn from, and others to validate with."""
        parts = []
        for count, seed in ((LEARNED, 0), (HELD, 1)):
            some, names = self.make(count, seed)
            labels = names if data.labels else [""] * count
            parts.append(LabeledPictures(f"{self.name} made by code", labels, Held(some), torch.arange(count)))
        return Parts(fewer(parts[0], data), parts[1], None, Preparation(channels=1, resize="none", size=()), ())

    def origin(self, source: str) -> str:
        """Where they are from."""
        return "made by code"

    def described(self, shape: tuple[int, int, int]) -> str:
        """How many points."""
        return f"{shape[1]} points on a surface in space: {', '.join(SHAPES)}"

    def numbers(self, some: Tensor) -> Tensor:
        """They are."""
        return some

    def drawn(self, x: Tensor) -> Tensor:
        """They stay numbers."""
        return x.float().cpu()

    def sheet(self, some: Tensor, columns: int = COLUMNS) -> Tensor:
        """Balls in space, the higher the lighter."""
        places = some[..., 0].mT
        low, high = torch.tensor([40.0, 60, 140]), torch.tensor([250.0, 170, 60])
        colors = low + (high - low) * ((places[..., 2:] + 1) / 2).clamp(0, 1)
        return sheet(scattered(places, colors, torch.full(places.shape[:2], 0.06)), columns)

    def file(self, one: Tensor) -> bytes:
        """A picture of it."""
        return png(self.sheet(one[None]))

    def scores(self, drawn: Tensor, asked: Sequence[str] | None) -> dict[str, float]:
        """The mean distance of points from the surface that was asked for (else the nearest), and how evenly it is covered: about 1 as by points anywhere."""
        distances, covers = [], []
        for one, name in zip(drawn[..., 0].mT, asked or [""] * len(drawn), strict=True):
            (distance, size), name = min((measured(one, name), name) for name in ([name] if name else SHAPES))
            distances.append(distance)
            covers.append(uncovered(one, name, size))
        return {"surface_distance": fmean(distances), "uncovered": fmean(covers)}


class Molecules(Points):
    """Small molecules as atoms in space: float32 [N, 3 + elements, P, 1]."""

    name, unit = "molecules", "molecule"
    make = staticmethod(molecules)
    COLORS, RADII = ((80, 80, 80), (230, 230, 230), (60, 80, 220), (220, 40, 40)), (0.65, 0.4, 0.62, 0.6)
    """Of C, H, N and O; radii in angstroms, so that bound atoms touch."""

    def described(self, shape: tuple[int, int, int]) -> str:
        """How many atoms."""
        return f"{shape[1]} atoms at most, of {', '.join(ELEMENTS)}, places in units of {ANGSTROMS:g} angstroms"

    def sheet(self, some: Tensor, columns: int = COLUMNS) -> Tensor:
        """Balls in the colors that chemists use."""
        numbers = some[..., 0].mT
        there, kind = numbers[..., 3:].max(-1)
        radii = torch.tensor(self.RADII)[kind] / ANGSTROMS * (there > 0)
        return sheet(scattered(numbers[..., :3], torch.tensor(self.COLORS)[kind], radii), columns)

    def scores(self, drawn: Tensor, asked: Sequence[str] | None) -> dict[str, float]:
        """The part of drawings whose elements and distances are those of the molecule that was asked for, or of any."""
        found = [read_molecule(one) for one in drawn]
        return {"molecule_accuracy": fmean(name is not None and name == wanted for name, wanted in zip(found, asked or found, strict=True))}


PICTURES = Medium()
MEDIA = {medium.name: medium for medium in (PICTURES, Clips(), Points(), Molecules())}
"""Each by its name."""
ALONE = (
    "shapes",
    *(name for name, one in BUILTIN.items() if one.job in ("pictures", "captions")),
    *KNOWN,
    *(name for name in MEDIA if name != PICTURES.name),
)
"""What data can be called without more."""


def fewer(made: LabeledPictures, data: DrawingData) -> LabeledPictures:
    """The part of them that is to be learned from."""
    return made if data.fraction == 1 else made.of(stratified(made.labels, data.fraction, made.where)[1])


def medium_named(name: str) -> Medium:
    """The medium of a model."""
    if name not in MEDIA:
        raise BadInput(f"The model draws {name!r}, which this version does not know; it knows {', '.join(MEDIA)}.")
    return MEDIA[name]


def medium_of(source: str) -> Medium:
    """What the data that `--data` names are: clips, clips:SOURCE, points and molecules are made by code, everything else are pictures."""
    name = source.removeprefix("builtin:")
    if name.isidentifier() and name not in (*ALONE, *BUILTIN) and not Path(name).exists():
        raise BadInput(f"There is no file, folder or set {source!r} (looked for it in {str(Path.cwd())!r}). {suggest(name, ALONE)}")
    return MEDIA["clips"] if name.startswith("clips:") else MEDIA.get(name, PICTURES)


def check_medium(medium: Medium, data: DrawingData, scores: ScoresSettings) -> None:
    """Refuse what is for pictures only."""
    if medium is PICTURES:
        return
    given = [name for name in ("size", "channels", "validation_source", "test_source", "captions", "latent") if getattr(data, name, None)]
    if given:
        raise BadInput(f"data.{given[0]} is for pictures, but {medium.name} are made by code as they are; leave it out.")
    if scores.judge or scores.inception:
        raise BadInput(f"A judge and FID look at pictures, and {medium.name} are none; leave scores.judge and scores.inception empty.")
