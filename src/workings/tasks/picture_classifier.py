"""A model that tells pictures apart, in use."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from workings.data.labeled import refuse_unknown
from workings.data.labeled_pictures import LabeledPictures
from workings.data.picture_folders import picture_files
from workings.data.picture_settings import Preparation
from workings.data.pictures import batches, numbers, prepared, prepared_pixels, read_pixels
from workings.data.views import averaged
from workings.errors import BadInput
from workings.models.classes import names_of
from workings.models.packed import prepare
from workings.settings import from_dict
from workings.tasks.class_scores import class_scores
from workings.tasks.picture_explanation import PictureExplanation, explain
from workings.weights.folder import load_folder

BATCH = 16
"""Pictures that go through the model together."""


@dataclass(frozen=True)
class Belief:
    """A class and how probable it is."""

    name: str
    probability: float


@dataclass(frozen=True)
class Classified:
    """What a model says of one picture: its likeliest classes, the best first; or why the picture could not be read."""

    picture: str
    classes: tuple[Belief, ...]
    error: str | None = None
    explained_in: str | None = None
    """The file that shows why, where that was asked for."""

    @property
    def name(self) -> str:
        """The likeliest class."""
        return self.classes[0].name

    @property
    def what(self) -> str:
        """What was classified, in a line."""
        return self.picture


class PictureClassifier:
    """What `workings.load` gives for a model of pictures: the model, how its pictures are prepared, and `classify`."""

    def __init__(self, folder: str | Path, dtype: torch.dtype | None = None):
        saved = load_folder(folder, dtype)
        if saved.task != "pictures":
            raise BadInput(f"{folder} holds a model for the task {saved.task!r}, which does not classify pictures.")
        self.folder, self.model, self.facts = Path(folder), saved.model.eval(), saved.facts
        self.settings: Any = saved.model.settings
        self.step = prepare(self.model, next(self.model.parameters()).dtype)

    def __repr__(self) -> str:
        return f"PictureClassifier({str(self.folder)!r})"

    @property
    def preparation(self) -> Preparation:
        """How a picture becomes the model's numbers, as the folder says it."""
        if "preparation" not in self.facts:
            raise BadInput(f"{self.folder} does not say how its pictures are prepared; import the model again with its preprocessor_config.json in the folder.")
        return from_dict(Preparation, self.facts["preparation"], "preparation.")

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order of the model's logits."""
        return names_of(self.settings)

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width of the pictures that the model sees; nothing if it is given pictures of any size."""
        wanted = self.preparation.crop or self.preparation.size
        return (wanted[0], wanted[-1]) if wanted else ()

    def classify(self, pictures: Any, *, top: int = 5) -> Any:
        """The `top` likeliest classes of a picture, or a list of that for several: files, Pillow's pictures, or one tensor uint8 [B, C, H, W].

        A picture that cannot be read is a BadInput here; `classify_all` goes on after it.
        """
        if isinstance(pictures, Tensor):
            said = torch.cat([self.probabilities(prepared_pixels(some, self.preparation)) for some in pictures.split(BATCH)])
            return [self.said(f"picture {number}", row, top) for number, row in enumerate(said)]
        several = isinstance(pictures, Sequence) and not isinstance(pictures, str)
        found = [self.one(picture, top) for picture in (pictures if several else [pictures])]
        return found if several else found[0]

    def one(self, picture: Any, top: int) -> Classified:
        """What the model says of one file or one of Pillow's pictures."""
        if isinstance(picture, Image.Image):
            x = prepared(picture, self.preparation)
            return self.said("picture", self.probabilities(x[None])[0], top)
        if not isinstance(picture, (str, Path)) or Path(picture).is_dir():
            raise BadInput(f"{picture!r} is no picture; give a file, one of Pillow's pictures or a tensor, and folders to classify_all.")
        (found,) = self.classify_all([picture], top=top)
        if found.error:
            raise BadInput(found.error)
        return found

    def classify_all(self, paths: Iterable[str | Path], *, top: int = 5) -> Iterator[Classified]:
        """What the model says of each file, and of each picture in each folder, one after another; what cannot be read says why in `error`."""
        if top < 1:
            raise BadInput(f"top is {top}; at least one class has to be named.")
        self.check()
        for given in [picture_files(path) for path in paths]:  # a path that leads nowhere is refused before the first answer
            for files, x, broken in batches(given, self.preparation, BATCH):
                answers = dict(zip(files, self.probabilities(x), strict=True)) if x is not None else {}
                reasons = {file: Classified(file, (), str(error)) for file, error in broken}
                for file in sorted([*files, *reasons]):
                    yield reasons[file] if file in reasons else self.said(file, answers[file], top)

    def explain(self, picture: Any) -> PictureExplanation:
        """Where the model looks in a picture and what each pixel does for the likeliest class: of a file, Pillow's picture, or a tensor uint8 [C, H, W]."""
        self.check()
        if isinstance(picture, Tensor):
            x = prepared_pixels(picture[None], self.preparation)[0]
        elif isinstance(picture, Image.Image):
            x = prepared(picture, self.preparation)
        else:
            x = numbers(read_pixels(picture, self.preparation), self.preparation)
        return explain(self.model, x, self.preparation, self.class_names, self.facts.get("views", "one"))

    def check(self) -> None:
        """Refuse a model without classes."""
        if not self.settings.classes:
            raise BadInput(f"{self.folder} holds a model that was imported without a classifier; import one that has classes.")

    def evaluate(self, pictures: LabeledPictures, learned: LabeledPictures | None = None) -> dict[str, Any]:
        """Scores on labeled pictures. learned: those of the training; the baseline is their commonest class, else that of these.

        Pictures of the size that the model sees have been brought to it already: they are not resized again.
        """
        refuse_unknown(pictures.labels, self.class_names, pictures.where, "pictures")
        targets, usual = (torch.tensor([self.class_names.index(label) for label in (part or pictures).labels]) for part in (pictures, learned))
        turn = numbers if pictures.shape[1:] == self.size else prepared_pixels
        some = torch.arange(len(pictures)).split(BATCH)
        said = torch.cat([self.probabilities(turn(pictures.pixels(rows), self.preparation)) for rows in some])
        return class_scores(said.double().log(), targets, int(usual.bincount(minlength=len(self.class_names)).argmax()))

    def ready(self) -> Preparation:
        """Refuse a model that cannot classify pictures: one without classes, or one that does not say how its pictures are prepared; returns how they are."""
        self.check()
        return self.preparation

    @torch.inference_mode()
    def probabilities(self, x: Tensor) -> Tensor:
        """softmax of the logits, averaged over the views that the folder asks for ("views"). x: prepared [B, C, H, W] -> [B, classes], float32."""
        self.check()
        dtype = next(self.model.parameters()).dtype
        return averaged(self.step, x.to(dtype), self.facts.get("views", "one")).softmax(-1)

    def said(self, picture: str, probabilities: Tensor, top: int) -> Classified:
        """The likeliest classes by name. probabilities: [classes]."""
        best = probabilities.topk(min(top, len(probabilities)))
        names = self.class_names
        return Classified(picture, tuple(Belief(names[place], value) for place, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)))
