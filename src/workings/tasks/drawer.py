"""A model that draws, in use: what a VAE, a GAN and a diffusion model have in common (5.1-5.3)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from workings.data.labeled_pictures import LabeledPictures
from workings.data.pictures import png
from workings.errors import BadInput, counted, suggest
from workings.layers.randomness import generator
from workings.tasks.drawing import COLUMNS, columns_for
from workings.tasks.media import PICTURES, Medium
from workings.weights.folder import load_folder

BATCH = 256
"""Pictures that are drawn together."""


@dataclass(frozen=True)
class Drawn:
    """Pictures that a model drew, or what else its medium is."""

    pictures: Tensor
    """uint8 [N, C, H, W]; clips: uint8 [N, F, H, W]; sets of points: float32 [N, C, P, 1]."""
    labels: tuple[str, ...] = ()
    """The class of each that was asked for, where the model was told some."""
    columns: int = COLUMNS
    """How many belong beside each other in a sheet."""
    medium: Medium = PICTURES
    """What they are."""

    def sheet(self) -> Tensor:
        """All of them in rows, uint8 [C, rows H, columns W]."""
        return self.medium.sheet(self.pictures, self.columns)

    def save(self, path: str | Path, together: bool = False) -> list[Path]:
        """Write one file of all (path ends in .png), or a file each into a folder; returns the files."""
        path = Path(path)
        if together:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(self.sheet()))
            return [path]
        if path.exists() and not path.is_dir():
            raise BadInput(
                f"{path} is a file, but {counted(len(self.pictures), self.medium.unit)} go into a folder; name one, or draw them in one sheet with --grid."
            )
        path.mkdir(parents=True, exist_ok=True)
        digits = max(3, len(str(len(self.pictures) - 1)))
        files = [
            path / f"{number:0{digits}}{'-' + plain(self.labels[number]) if self.labels else ''}{self.medium.suffix}" for number in range(len(self.pictures))
        ]
        for file, picture in zip(files, self.pictures, strict=True):
            file.write_bytes(self.medium.file(picture))
        return files


class Drawer(ABC):
    """What `workings.load` gives for a model that draws: from noise to pictures."""

    task: ClassVar[str]
    names: tuple[str, ...] = ()
    """The classes that can be asked for; none if the model was told none."""
    shape: tuple[int, int, int]
    """Channels, height and width of a drawing."""
    latent_shape: tuple[int, ...]
    """Of the noise that one drawing is made of."""
    medium: Medium = PICTURES
    """What drawings are."""

    def __init__(self, folder: str | Path, dtype: torch.dtype | None = None):
        saved = load_folder(folder, dtype)
        if saved.task != self.task:
            raise BadInput(f"{folder} holds a model for the task {saved.task!r}, not for {self.task!r}.")
        self.folder, self.model, self.tokenizer, self.facts = Path(folder), saved.model.eval(), saved.tokenizer, saved.facts
        self.settings: Any = saved.model.settings

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r})"

    @abstractmethod
    def decoded(self, z: Tensor, labels: Tensor | None, **choices: Any) -> Tensor:
        """Noise [N, *latent_shape] and class numbers int64 [N], or None where there are no classes, -> uint8 [N, C, H, W]."""

    def scores(self, pictures: LabeledPictures, samples: int = 0) -> dict[str, Any]:
        """Scores of the kind's own on real pictures, such as a likelihood by so many samples; most kinds have none."""
        return {}

    @torch.no_grad()
    def draw(self, n: int = 16, *, label: str | Sequence[str] | None = None, seed: int = 0, temperature: float = 1.0, **choices: Any) -> Drawn:
        """Pictures from noise; the first ones are the same however many are asked for. temperature: what the noise is multiplied by; below 1 safer.

        label: a class, or one for each picture; by default each in turn, where the model knows classes. Choices are those of the kind of model.
        """
        if n < 1:
            raise BadInput(f"n is {n}; it must be at least 1.")
        if temperature < 0:
            raise BadInput(f"temperature is {temperature}; it must be 0 or more.")
        numbers, z = self.numbers_of(label, n), temperature * self.noise(n, seed)
        pictures = [
            self.decoded(z[rows], None if numbers is None else numbers[rows], **choices)
            for rows in (slice(begin, begin + BATCH) for begin in range(0, n, BATCH))
        ]
        labels = () if numbers is None else tuple(self.names[number] for number in numbers.tolist())
        columns = columns_for(self.names) if labels and label is None else COLUMNS
        return Drawn(torch.cat(pictures), labels, columns)

    @torch.no_grad()
    def between(self, columns: int = 8, *, rows: int = 4, label: str | None = None, seed: int = 0, **choices: Any) -> Drawn:
        """From one drawing to another by way of the noise between theirs, a pair in each row."""
        z = self.noise(2 * rows, seed)
        paths = torch.stack([spherical(z[:rows], z[rows:], part) for part in torch.linspace(0, 1, columns).tolist()], dim=1)  # rows columns ...
        numbers = self.numbers_of(label, rows)
        labels = None if numbers is None else numbers.repeat_interleave(columns)
        return Drawn(self.decoded(paths.flatten(0, 1), labels, **choices), columns=columns, medium=self.medium)

    def noise(self, n: int, seed: int) -> Tensor:
        """Standard normal [n, *latent_shape], each row a function of (seed, row)."""
        return torch.stack([torch.randn(self.latent_shape, generator=generator(seed, row)) for row in range(n)])

    def numbers_of(self, label: str | Sequence[str] | None, n: int) -> Tensor | None:
        """The class numbers of n drawings, int64 [n]; None where there are no classes."""
        if not self.names:
            if label is not None:
                raise BadInput(f"{self.folder} was told no classes, so {label!r} cannot be asked for; train one that is (--labels), or leave --label out.")
            return None
        if label is None:
            return torch.arange(n) % len(self.names)
        wanted = [label] * n if isinstance(label, str) else list(label)
        if len(wanted) != n:
            raise BadInput(f"{len(wanted)} labels for {n} drawings; give one, or one for each.")
        for name in wanted:
            if name not in self.names:
                hint = suggest(name, self.names)
                near = f" {hint}" if hint.startswith("Did") else ""
                raise BadInput(f"There is no class {name!r}; there are {', '.join(map(repr, self.names))}.{near}")
        return torch.tensor([self.names.index(name) for name in wanted])


def spherical(a: Tensor, b: Tensor, part: float) -> Tensor:
    """The noise between two, as far from zero as they are on the way (Shoemake 1985): the middle of a straight line is shorter than noise ever is.

    a, b: [N, ...]; part 0 is a, 1 is b.
    """
    x, y = a.flatten(1), b.flatten(1)
    angle = torch.arccos((torch.nn.functional.cosine_similarity(x, y, dim=1)).clamp(-1 + 1e-7, 1 - 1e-7))[:, None]
    mixed = (torch.sin((1 - part) * angle) * x + torch.sin(part * angle) * y) / torch.sin(angle)
    return mixed.view_as(a)


def plain(name: str) -> str:
    """A class's name as a part of a file's name.

    >>> plain("T-shirt/top")
    'T-shirt-top'
    """
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)[:40]
