"""The picture-classification task: from labeled pictures to a model that says what is in one (statements 4.1a-b, 4.2, 4.3, 6.2)."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from workings.data.augmentation_settings import fitted_augmentation
from workings.data.augmenter import Augmenter
from workings.data.draws import Seen
from workings.data.labeled import class_names, said_of
from workings.data.labeled_pictures import LabeledPictures, same_pictures
from workings.data.mixing import Pair, probabilities
from workings.data.order import Order
from workings.data.picture_settings import Preparation, Views
from workings.data.pictures import numbers, png
from workings.data.views import VIEWS, averaged
from workings.errors import BadInput, counted
from workings.layers.randomness import mix
from workings.models.architectures import name_of
from workings.models.build import build
from workings.models.picture_presets import fitted
from workings.objectives.classification import balanced, class_loss
from workings.objectives.distillation import distilled_loss
from workings.settings import to_dict
from workings.tasks.class_facts import class_facts
from workings.tasks.class_scores import calibration, class_scores, confusion, lack
from workings.tasks.notable import noted, right_rows, wrong_rows
from workings.tasks.picture_parts import read_parts
from workings.tasks.pictures_settings import PicturesSettings
from workings.tasks.teacher import Teacher, heads_of
from workings.tasks.trained_picture_model import TrainedPictureModel, trained_picture_model
from workings.training.game import Batch, Game, Loss
from workings.training.settings import OptimizerSettings
from workings.weights.folder import load_folder, save_folder

AT_ONCE, PIXELS = 500, 2**21
"""Pictures that are looked at together, and how many pixels they may have in all: large ones are fewer."""
MEASURED, WHITENED = 10_000, 5_000
"""Pictures whose mean and deviation are taken, and those that a model with a first layer made of data sees first; fewer if they are large."""
WRONG, RIGHT = 24, 10
"""How many of the surest mistakes are shown, and of how many classes the surest right picture."""
COLUMNS, ROWS = 8, 8
"""The sheet of augmented pictures: a row of them as they are, the others augmented."""


class Pictures(Game):
    """One player, `model`, that learns to say what is in a picture."""

    units = "pictures"

    def __init__(self, settings: PicturesSettings):
        s = settings
        start = trained_picture_model(s.tuning.start) if s.tuning.start else None
        self.parts = parts = read_parts(s.data, start)
        self.learned, self.held = parts.learned, parts.held
        self.names = names = class_names(self.learned.labels, self.learned.where)
        shape = self.learned.shape
        start = start.resized(shape[1:]) if start else None
        model = start.fitted(s.model, names) if start else fitted(s.model, shape, names)
        augmentation = fitted_augmentation(s.augmentation, shape) if isinstance(s.augmentation, dict) else s.augmentation
        self.settings = s = replace(s, model=model, augmentation=augmentation)
        self.targets, self.held_targets = numbers_of(self.learned, names), numbers_of(self.held, names)
        self.counts = self.targets.bincount(minlength=len(names))
        self.weights = balanced(self.counts) if s.tuning.weighting == "balanced" else None
        if self.weights is not None and (augmentation.mixup or augmentation.cutmix):
            raise BadInput("tuning.weighting='balanced' weighs each picture by its class, but MixUp and CutMix give it two; leave one of them out.")
        self.preparation = start.numbers_after(parts.preparation) if start else standardized(parts.preparation, self.learned)
        self.augmenter = Augmenter(augmentation, shape, s.training.seed)
        self.order = Order(len(self.learned), s.training.seed)
        self.teacher = Teacher(s.distillation.teacher) if s.distillation.teacher else None
        if self.teacher:
            self.teacher.order(names)  # other classes are refused now
        sources = [part.fingerprint() for part in (self.learned, self.held, self.teacher) if part is not None]
        self.fingerprint = hashlib.sha256("".join(sources).encode()).hexdigest()
        self.anew = False
        """Whether a trained model got a classifier for other classes than its own."""
        torch.manual_seed(mix(s.training.seed, 0))
        self.players = {"model": self.make_model(start)}
        self.units_per_step = s.training.batch
        self.steps_per_evaluation = len(VIEWS[s.tuning.views](torch.zeros(1, *shape))) * len(self.held) / s.training.batch / 3
        self.flops_per_step = 3 * s.training.batch * flops_of(self.players["model"], shape)
        self.sheet = self.augmented_sheet()  # made now, so that what cannot be done to pictures is refused before there is a run
        self.said = torch.empty(0)
        """The probabilities that the last evaluation gave, [N, C]."""

    def make_model(self, start: TrainedPictureModel | None) -> nn.Module:
        """The model with its first weights: from torch's generator, and from the trained model, but for a classifier of other classes."""
        model = build(self.settings.model)
        if hasattr(model, "prepare"):
            _, height, width = self.learned.shape
            model.prepare(numbers(self.learned.pixels(first_of(self.learned, min(WHITENED, WHITENED * 32**2 // (height * width) + 1))), self.preparation))
        if start:
            self.anew = bool(model.load_state_dict(start.weights_for(self.names), strict=False).missing_keys)
        return model

    def about(self) -> str:
        """What is learned from what, in a line."""
        s, parameters = self.settings, sum(p.numel() for p in self.players["model"].parameters())
        how = (
            f", begun with {s.tuning.start}" * bool(s.tuning.start)
            + " but for a new classifier" * self.anew
            + f", taught by {s.distillation.teacher}" * bool(self.teacher)
        )
        return "; ".join([f"a picture classifier ({name_of(s.model)}) of {parameters:,} parameters{how}", *self.data_facts()])

    def data_facts(self) -> list[str]:
        """The data in sentences: its size, the pictures', what was left out, the classes and how many of each, and what is done to the pictures."""
        (channels, height, width), data = self.learned.shape, self.settings.data
        learned = f"{counted(len(self.learned), 'picture')} of {data.source} to learn from{said_of(self.learned.left_out, 'picture')}"
        facts = [
            f"{learned}, {len(self.held):,} to validate",
            f"{height} x {width}, {'color' if channels == 3 else 'gray'}",
            *(note.rstrip(".") for note in self.parts.notes),
            *class_facts(dict(zip(self.names, self.counts.tolist(), strict=True)), self.settings.tuning.weighting),
        ]
        if self.parts.tested is not None:
            facts.append(f"{counted(len(self.parts.tested), 'picture')} of {self.parts.tested.where} to test at the very end")
        for part, name in ((self.held, "validation"), (self.parts.tested, "test")):
            both = same_pictures(self.learned, part) if part else 0
            if both:
                facts.append(f"{counted(both, 'picture')} of the {name} set also in the training set, pixel by pixel, which flatters the scores")
        used = ", ".join(f"{name} {value}" for name, value in to_dict(self.settings.augmentation).items() if value and name not in ("outside", "magnitude"))
        return [*facts, f"augmented: {used or 'not at all'}"]

    def leave(self) -> dict[str, str | bytes]:
        """The data in sentences, and what augmentation makes of some pictures."""
        return {"data.txt": "\n".join(self.data_facts()) + "\n", "augmented.png": png(self.sheet)}

    def augmented_sheet(self) -> Tensor:
        """The first pictures of the training as they are, and below each several times augmented, uint8 [C, ROWS H, COLUMNS W]."""
        few = min(COLUMNS, self.settings.training.batch)
        seen = Seen(self.order.indices(0, few), torch.zeros(few, dtype=torch.int64))
        rows = [self.learned.pixels(seen.examples)]
        for step in range(ROWS - 1):
            pictures, _ = self.augmenter(self.fetch, Seen(seen.examples, seen.epochs + step), step, 0, few)
            rows.append(pictures.round().to(torch.uint8))
        return torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)

    def optimizer(self, player: str) -> OptimizerSettings:
        """How the model learns."""
        return self.settings.optimizer

    def fetch(self, examples: Tensor) -> Pair:
        """Training pictures and the probabilities of their classes."""
        return self.learned.pixels(examples), probabilities(self.targets[examples], len(self.names))

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        """pictures [count, C, H, W], uint8 or float32 in 0 ... 255, and labels [count, K], the probabilities of the classes."""
        begin, total = step * self.settings.training.batch, self.settings.training.batch
        seen = Seen(self.order.indices(begin, total), self.order.epochs(begin, total))
        pictures, labels = self.augmenter(self.fetch, seen, step, first, count)
        return {"pictures": pictures, "labels": labels}

    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        """The sum of the cross-entropies, or of what a teacher asks for; accuracy beside it."""
        s, model, labels = self.settings, self.players["model"], batch["labels"]
        x = seen_by(self.preparation, batch["pictures"])
        targets = labels if self.weights is None else labels.argmax(-1)
        if self.teacher is None:
            logits = model(x)
            total = class_loss(logits, targets, s.tuning.label_smoothing, self.weights)
        else:
            logits, distilled = heads_of(model)(x)
            d, taught = s.distillation, self.teacher.logits(batch["pictures"], self.names)
            how: dict[str, Any] = dict(kind=d.kind, temperature=d.temperature, alpha=d.alpha, smoothing=s.tuning.label_smoothing, weights=self.weights)
            total = distilled_loss(logits, distilled, targets, taught, **how)
        return Loss(total, len(x), {"accuracy": float((logits.argmax(-1) == labels.argmax(-1)).sum())})

    def evaluate(self) -> dict[str, float]:
        """Every validation picture once."""
        logits = logits_of(self.players["model"], self.held, self.preparation, self.settings.tuning.views)
        self.said = logits.double().softmax(-1)
        return class_scores(logits, self.held_targets, int(self.counts.argmax()))

    def cost(self, scores: dict[str, Any]) -> float:
        """The loss, or what the accuracy lacks."""
        return lack(scores, self.settings.tuning.watch)

    def test(self, folder: Path) -> dict[str, Any]:
        """The scores of a saved model on the test pictures, in float32."""
        if self.parts.tested is None:
            return {}
        logits = logits_of(load_folder(folder, torch.float32).model, self.parts.tested, self.preparation, self.settings.tuning.views)
        return class_scores(logits, numbers_of(self.parts.tested, self.names), int(self.counts.argmax()))

    def preview(self, step: int) -> dict[str, Any]:
        """The surest mistake in words; and for the report, what is taken for what, how sure and how right, and pictures to look at, side by side in a file."""
        wrong, right = wrong_rows(self.said, self.held_targets, WRONG), right_rows(self.said, self.held_targets, RIGHT)
        mistakes, rights = ([self.noted(row) for row in rows] for rows in (wrong, right))
        first = mistakes[0] if mistakes else None
        text = f"surest mistake: {first['picture']} is {first['label']!r}, said to be {first['said']!r} with {first['probability']:.1%}" if first else ""
        table = confusion(self.said.argmax(-1), self.held_targets, len(self.names)).tolist()
        shown: dict[str, Any] = {"mistakes": mistakes, "right": rights}
        if wrong or right:
            shown["files"] = {"noted.png": png(torch.cat(list(self.held.pixels(torch.tensor(wrong + right))), dim=2))}
        return {"text": text, "classes": list(self.names), "confusion": table, "calibration": calibration(self.said, self.held_targets), **shown}

    def noted(self, row: int) -> dict[str, Any]:
        """A validation picture's name, its class, and what is said of it."""
        return {"picture": self.held.name_of(row)} | noted(row, self.said, self.held_targets, self.names)

    def save(self, folder: Path, weights: dict[str, dict[str, Tensor]], scores: dict[str, Any]) -> None:
        """The model folder, with how its pictures are prepared."""
        s = self.settings
        card = f"# A picture classifier\n\nTrained on {s.data.source}; `workings report` writes the full card.\n"
        save_folder(folder, "pictures", s.model, weights["model"], None, card, preparation=to_dict(self.preparation), views=s.tuning.views, scores=scores)

    def identify(self, step: int) -> str:
        """The first pictures of the batch."""
        rows = self.order.indices(step * self.settings.training.batch, min(8, self.settings.training.batch)).tolist()
        return f"the batch that begins with {', '.join(self.learned.name_of(row) for row in rows[:3])} (seed {self.settings.training.seed})"


def numbers_of(pictures: LabeledPictures, names: Sequence[str]) -> Tensor:
    """The number of each picture's class, int64 [N]."""
    place = {name: number for number, name in enumerate(names)}
    return torch.tensor([place[label] for label in pictures.labels])


def standardized(how: Preparation, pictures: LabeledPictures) -> Preparation:
    """The same preparation, after which each channel has mean 0 and deviation 1 over some of the pictures."""
    counts = torch.zeros(pictures.shape[0], 256, dtype=torch.float64)  # of each level in each channel: all that a mean and a deviation need
    for rows in first_of(pictures, MEASURED).split(at_once(pictures.shape)):
        counts += torch.stack([channel.flatten().bincount(minlength=256) for channel in pictures.pixels(rows).unbind(1)])
    levels, total = torch.arange(256, dtype=torch.float64) / 255, counts.sum(1, keepdim=True)
    mean = (counts * levels).sum(1, keepdim=True) / total
    std = ((counts * (levels - mean) ** 2).sum(1) / (total[:, 0] - 1)).sqrt().clamp(min=1e-3)
    return replace(how, mean=rounded(mean[:, 0]), std=rounded(std))


def at_once(shape: tuple[int, int, int]) -> int:
    """How many pictures of this shape are looked at together."""
    return min(AT_ONCE, max(1, PIXELS // (shape[1] * shape[2])))


def first_of(pictures: LabeledPictures, most: int) -> Tensor:
    """The numbers of some pictures of all classes, the same for every seed."""
    return Order(len(pictures), 0).indices(0, min(most, len(pictures)))


def rounded(values: Tensor) -> tuple[float, ...]:
    """Six digits say enough, and are read back as they are."""
    return tuple(round(value, 6) for value in values.tolist())


def seen_by(how: Preparation, pictures: Tensor) -> Tensor:
    """Pictures as the model sees them, float32 [B, C, H, W], the channels of a pixel side by side in memory, which convolutions are fastest with."""
    return numbers(pictures, how).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def logits_of(model: nn.Module, pictures: LabeledPictures, preparation: Preparation, views: Views) -> Tensor:
    """What a model says of each picture, averaged over its views, [N, K], float32 on the CPU."""
    device = next(model.parameters()).device
    some = torch.arange(len(pictures)).split(at_once(pictures.shape))
    return torch.cat([averaged(model, seen_by(preparation, pictures.pixels(rows).to(device)), views).cpu() for rows in some])


@torch.no_grad()
def flops_of(model: nn.Module, shape: tuple[int, int, int]) -> float:
    """Of a forward pass over one picture, as torch counts them."""
    training = model.training
    with FlopCounterMode(display=False) as counter:
        model.eval()(torch.zeros(1, *shape))
    model.train(training)
    return float(counter.get_total_flops())
