"""What a shift of the pictures does to networks that know nothing of neighbors and to those that do, with augmentation and without it (statement 6.1d)."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workings.data.augmentation import windows
from workings.data.pictures import numbers
from workings.studies.figures import bars, lines
from workings.studies.pictures import SMALL_VIT, learn
from workings.studies.statistics import by_seed, chosen, every, mean_interval, mean_of, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict, Word
from workings.studies.training import parameters
from workings.tasks.picture_classifier import PictureClassifier
from workings.tasks.picture_parts import read_parts
from workings.tasks.pictures_settings import PicturesData

MODELS: dict[str, dict[str, Any]] = {
    "MLP": {"model.preset": "mlp", "model.widths": [92, 64]},
    "CNN": {"model.preset": "cnn", "model.widths": [12, 24, 48, 64], "model.depths": [1, 1, 1, 2]},
    "ViT": SMALL_VIT | {"model.body.width": 56, "model.body.ff_width": 104},
}
"""Of about 79,000 parameters each."""
AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "none": {"augmentation.preset": "none"},
    "shifts": {"augmentation.preset": "none", "augmentation.shift": 4, "augmentation.outside": "zeros"},
}
WAYS = ((0, 1), (0, -1), (1, 0), (-1, 0))
"""Right, left, down, up."""
AT = 3
"""The shift that the verdict is about, in pixels."""
MAPS, STAGES = 4, 3
"""The shift by which equivariance is measured, and of how many maps: it is one by 4, 2 and 1 of their pixels."""


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every model with each augmentation."""
    return [{"model": model, "augmentation": augmentation} for model, augmentation in product(MODELS, AUGMENTATIONS)]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """Accuracy by shift, how often the answer stays as it was, and of a CNN how far its maps are from moving with the picture."""
    given = MODELS[condition["model"]] | AUGMENTATIONS[condition["augmentation"]]
    run = learn(folder, seed, scale["steps"], **given)
    said, tested = run.load(), read_parts(PicturesData(source="fashion")).tested
    assert tested is not None
    some = torch.arange(scale["pictures"])
    pixels, names = tested.pixels(some), [tested.labels[row] for row in some]
    targets = torch.tensor([said.class_names.index(name) for name in names])
    start = answers(said, pixels)
    rows: list[Row] = []
    for shift in scale["shifts"]:
        found = [answers(said, moved(pixels, shift * down, shift * right)) for down, right in (WAYS if shift else WAYS[:1])]
        accuracy, same = (sum(float((answer == wanted).double().mean()) for answer in found) / len(found) for wanted in (targets, start))
        row: Row = {"shift": shift, "accuracy": 100 * accuracy, "same": 100 * same, "parameters": parameters(run)}
        if condition["model"] == "CNN" and shift == MAPS:
            row |= {f"error_{stage}": 100 * error for stage, error in enumerate(map_errors(said, pixels), 1)}
        rows.append(row)
    return rows


def moved(pixels: Tensor, down: int, right: int) -> Tensor:
    """Pictures moved by so many pixels; black comes in. uint8 [N, C, H, W] -> the same."""
    most = max(abs(down), abs(right))
    top, left = (torch.full((len(pixels),), most - by) for by in (down, right))
    return windows(pixels, most, "zeros", top, left, *pixels.shape[2:])


def answers(said: PictureClassifier, pixels: Tensor) -> Tensor:
    """The likeliest class of each picture, [N]."""
    return torch.cat([said.probabilities(numbers(some, said.preparation)) for some in pixels.split(250)]).argmax(1)


@torch.no_grad()
def map_errors(said: PictureClassifier, pixels: Tensor) -> list[float]:
    """|F(S x) - S F(x)| / |F(x)| of the map F of each stage, S a shift to the right, over the places that had and have neighbors on all sides.

    A convolution has none; what is left comes in from the borders of the picture, farther with every stage, as the zeros around a map are not black.
    """
    before, after = {}, {}
    said.model(numbers(pixels, said.preparation), record=before)
    said.model(numbers(moved(pixels, 0, MAPS), said.preparation), record=after)
    return [error(before[f"hidden.{stage}"], after[f"hidden.{stage}"], MAPS // 2**stage) for stage in range(STAGES)]


def error(before: Tensor, after: Tensor, by: int) -> float:
    """|F(S x) - S F(x)| / |F(x)| where S moves a map by so many of its pixels, without a pixel at each border. before: F(x), after: F(S x), [N, C, H, W]."""
    expected, found = before[..., 1:-1, 1 : -1 - by], after[..., 1:-1, 1 + by : -1]
    return float((found - expected).norm() / expected.norm())


def judge(rows: list[Row]) -> Verdict:
    """Whether the convolutional network loses less by a shift than the fully connected one, and whether that one loses less with augmentation."""
    lost = losses(rows)
    plain = chosen(lost, {"augmentation": "none"})
    convolution = paired_difference(plain, "lost", {"model": "CNN"}, {"model": "MLP"})
    augmentation = paired_difference(chosen(lost, {"model": "MLP"}), "lost", {"augmentation": "shifts"}, {"augmentation": "none"})
    helps = {"convolution": convolution.above(0.0), "augmentation": augmentation.above(0.0)}
    word: Word = "supported" if all(helps.values()) else "depends on" if any(helps.values()) else "not supported here"
    each, taught = ({model: mean_of(lost, "lost", {"model": model, "augmentation": augmentation}) for model in MODELS} for augmentation in ("none", "shifts"))
    missed = "".join(f" That {name} saves any of it is {'ruled out' if found is False else 'not settled'}." for name, found in helps.items() if not found)
    sentence = (
        f"A shift by {AT} pixels costs the MLP {each['MLP']:.1f} points, the ViT {each['ViT']:.1f} and the CNN {each['CNN']:.1f}; "
        f"trained on shifted pictures {taught['MLP']:.1f}, {taught['ViT']:.1f} and {taught['CNN']:.1f}.{missed}"
    )
    return Verdict(word, sentence, convolution.mean, convolution.low, convolution.high, f"points of accuracy that a shift by {AT} pixels costs the MLP more")


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The parts of the hypothesis."""
    plain, shifted = ({model: by_seed(chosen(losses(rows), {"model": model, "augmentation": name}), "lost") for model in MODELS} for name in AUGMENTATIONS)
    mlp, cnn, vit = (np.array(list(plain[model].values())) for model in MODELS)
    taught = np.array(list(shifted["MLP"].values()))
    return {
        f"the fully connected network loses at least 20 points by a shift of {AT} pixels": mean_interval(mlp).above(20.0),
        "the convolutional one loses at most a third of that": mean_interval(mlp / 3 - cnn).above(0.0),
        "the vision transformer lies between them": every([mean_interval(mlp - vit).above(0.0), mean_interval(vit - cnn).above(0.0)]),
        "shifted pictures in training take away at least half of what the first loses": mean_interval(mlp / 2 - taught).above(0.0),
    }


def losses(rows: list[Row]) -> list[Row]:
    """What a shift by `AT` costs each model, in points of accuracy."""
    where = {(row["model"], row["augmentation"], row["seed"], row["shift"]): row["accuracy"] for row in rows}
    return [
        {"model": model, "augmentation": augmentation, "seed": seed, "lost": where[model, augmentation, seed, 0] - accuracy}
        for (model, augmentation, seed, shift), accuracy in where.items()
        if shift == AT
    ]


def draw(rows: list[Row], figure: Any) -> None:
    """Accuracy and unchanged answers by shift, without augmentation and with it, and how far the CNN's maps are from moving with the picture."""
    axes = figure.subplots(2, 3, width_ratios=[1, 1, 0.8])
    for column, (augmentation, title) in enumerate((("none", "trained on pictures in place"), ("shifts", "trained on shifted pictures"))):
        own = chosen(rows, {"augmentation": augmentation})
        for line, (measure, label) in enumerate((("accuracy", "accuracy, %"), ("same", "answers that stay, %"))):
            lines(axes[line, column], own, "shift", measure, "model", "shift, pixels" if line else "", label if column == 0 else "", named=False)
            axes[line, column].set_ylim(min(row[measure] for row in rows) - 3, max(row[measure] for row in rows) + 2)
        axes[0, column].set_title(title, fontsize=8.5)
    errors = [
        {"seed": row["seed"], "trained": row["augmentation"], "stage": stage, "error": row[f"error_{stage}"]}
        for row in rows
        for stage in range(1, STAGES + 1)
        if f"error_{stage}" in row
    ]
    bars(axes[0, 2], errors, "stage", "error", "trained", "stage of the CNN", "error of equivariance, %", named=False)
    axes[0, 2].legend(("in place", "shifted"), loc="upper left", frameon=False, fontsize=7)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[1, 2].axis("off")
    axes[1, 2].legend(handles, labels, loc="center left", frameon=False)


STUDY = Study(
    name="shifts",
    statement="6.1d",
    title="Invariance to shifts",
    claim="Data augmentation and convolutional architectures put invariances, such as that to translation, into models.",
    hypothesis="Trained on pictures in place, a fully connected network loses at least 20 points of accuracy by a shift of 3 pixels and a convolutional one at "
    "most a third of that, a vision transformer lies between them; shifted pictures in training take away at least half of what the first loses.",
    varied="The model: fully connected, convolutional, vision transformer; whether training pictures are shifted by up to 4 pixels.",
    held="Parameters (79,000, within 1 %), pictures, steps, Muon and AdamW at the same rates; not compute, of which a convolution takes more.",
    quick=Scale(seeds=3, options={"steps": 250, "pictures": 500, "shifts": [0, 1, 2, 3, 4, 6]}),
    full=Scale(seeds=5, options={"steps": 2000, "pictures": 1000, "shifts": [0, 1, 2, 3, 4, 5, 6, 8]}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    expectations=expectations,
    draw=draw,
    measures={
        "accuracy": "accuracy on test pictures, %",
        "same": "answers that stay, %",
        **{f"error_{stage}": f"error of the map of stage {stage}, %" for stage in range(1, STAGES + 1)},
        "parameters": "parameters",
    },
    height=4.4,
)
