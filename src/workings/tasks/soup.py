"""Soups: the mean of the weights of several models as one model (Wortsman et al. 2022; statement 6.1c)."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from workings.errors import BadInput
from workings.models.architectures import name_of
from workings.settings import difference, flatten, to_dict
from workings.tasks.combined_card import combined_card
from workings.tasks.evaluation import evaluate_to_choose
from workings.training.averaging import mean
from workings.weights.folder import Saved, load_folder, save_folder, unshared

TRAINING_ONLY = ("dropout", "stochastic_depth", "initialization")
"""Settings that say how a model learned and change nothing of what it says."""
READING = {"preparation": "", "views": "one", "reading": "", "embedding": ""}
"""What a folder says of how its model wants to be used, which must be the same, and what is so where it says nothing."""
OF_ONE = ("format", "workings", "task", "architecture", "settings", "tokenizer", "scores", "step", "origin", "of")
"""What a folder says that is written anew, or is true of one of the models alone."""
SHOWN = 3
"""So many differences are said."""


def uniform_soup(folder: Path, places: Sequence[Path], names: Sequence[str]) -> None:
    """w = (1 / M) sum_m w_m, parameters and running statistics alike.

    Where models have batch norms, the mean of their running statistics is not what the pictures are like inside the mean of the weights: close for models that
    began with the same trained weights, far off for models that began apart, whose mean is of no use anyway.
    """
    first = load_folder(places[0])
    for place in places:
        same(places[0], first, place, load_folder(place))
    total, _ = mean(unshared(load_folder(place).model.state_dict()) for place in places)
    like = first.model.state_dict()
    weights = {name: tensor.to(like[name].dtype) for name, tensor in total.items()}
    facts = {name: value for name, value in first.facts.items() if name not in OF_ONE}
    card = combined_card(first.task, "soup", f"The mean of {len(names)} models", f"The mean of the weights of {', '.join(names)}.")
    save_folder(folder, first.task, first.model.settings, weights, first.tokenizer, card, of=list(names), **facts)


def same(one: Path, a: Saved, other: Path, b: Saved) -> None:
    """Refuse models that are not weights of the same function."""
    kinds = [name_of(saved.model.settings) for saved in (a, b)]
    if "ensemble" in kinds:
        raise BadInput(f"{(one, other)[kinds.index('ensemble')]} is an ensemble, which has no weights of its own; give its members.")
    if kinds[0] != kinds[1]:
        raise BadInput(f"{one} is a {kinds[0]} and {other} a {kinds[1]}; a soup is the mean of the weights of one architecture, so make an ensemble.")
    found = difference(settings_of(a), settings_of(b))
    if found:
        more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
        raise BadInput(f"{one} and {other} differ ({'; '.join(found[:SHOWN])}{more}), so their weights have no mean; make an ensemble of them.")
    if (a.tokenizer and a.tokenizer.fingerprint()) != (b.tokenizer and b.tokenizer.fingerprint()):
        raise BadInput(f"{one} and {other} have different tokenizers, so their weights mean different things; make an ensemble of them.")


def settings_of(saved: Saved) -> dict[str, Any]:
    """The settings that decide what a model says, and how it wants to be used."""
    settings = {"model": to_dict(saved.model.settings), **{name: saved.facts.get(name, usual) for name, usual in READING.items()}}
    return {name: value for name, value in flatten(settings).items() if name.rpartition(".")[2] not in TRAINING_ONLY}


def greedy_soup(folder: Path, places: Sequence[Path], names: Sequence[str], data: str) -> tuple[list[str], list[str]]:
    """The soup that begins with the best model on the data; each next best is let in if the score of the mean does not fall.

    Returns the names of those that are in it, and what was found.
    """
    single = [score_of(place, data) for place in places]
    order = sorted(range(len(places)), key=lambda number: -single[number])
    kept, best = order[:1], single[order[0]]
    notes = [f"{names[kept[0]]} alone: {best:.4f}"]
    with TemporaryDirectory() as inside:
        trial = Path(inside) / "soup"
        for number in order[1:]:
            some = [*kept, number]
            uniform_soup(trial, [places[one] for one in some], [names[one] for one in some])
            score = score_of(trial, data)
            notes.append(f"{names[number]} alone {single[number]:.4f}, with those before {score:.4f}: {'kept' if score >= best else 'left out'}")
            if score >= best:
                kept, best = some, score
    uniform_soup(folder, [places[one] for one in kept], [names[one] for one in kept])
    return [names[one] for one in kept], notes


def score_of(place: Path, data: str) -> float:
    """The accuracy of a model on the data; where there is none, minus its loss."""
    scores = evaluate_to_choose(place, data)
    return scores["accuracy"] if "accuracy" in scores else -scores["loss"]
