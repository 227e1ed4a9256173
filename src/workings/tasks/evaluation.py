"""Scores of a trained model, whatever its task: on its own validation data, which its run knows, or on others."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from workings.data.cache import encode_cached
from workings.data.labeled_pictures import LabeledPictures
from workings.data.overlap import overlap_scores
from workings.data.pairs import Pairs, read_pairs
from workings.data.picture_settings import Preparation
from workings.errors import BadInput, suggest
from workings.tasks.drawing_evaluation import evaluate_drawings
from workings.tasks.kinds import open_model
from workings.tasks.language import read_text, split
from workings.tasks.language_settings import read_settings as language_settings
from workings.tasks.picture_classifier import PictureClassifier
from workings.tasks.picture_parts import choosing, whole
from workings.tasks.picture_parts import read_parts as read_three
from workings.tasks.pictures_settings import PicturesData
from workings.tasks.pictures_settings import read_settings as pictures_settings
from workings.tasks.sentences import read_parts as read_texts
from workings.tasks.sentences_settings import read_settings as sentences_settings
from workings.tasks.translation import read_parts as read_both
from workings.tasks.translation_evaluation import evaluate_pairs
from workings.tasks.translation_scores import Tokenize
from workings.tasks.translation_settings import read_settings as translation_settings
from workings.tasks.translator import Translator
from workings.tasks.writer import Writer
from workings.training.run import Run, open_run
from workings.weights.folder import task_of

DRAWING = ("vae", "gan", "diffusion")
"""The tasks that draw."""
CHOICES = {
    "language": ("context", "stride", "column"),
    "sentences": ("text", "label"),
    "translation": ("source", "target", "tokenize", "lowercase", "beam"),
    "pictures": ("picture", "label"),
    **dict.fromkeys(DRAWING, ("picture", "label", "judge", "drawings", "inception")),
    "vae": ("picture", "label", "judge", "drawings", "inception", "samples"),
}
"""What may be chosen for each task."""
READING = ("column", "text", "label", "picture", "source", "target")
"""Those that say how to read other data."""


def evaluate_run(run: str | Path, data: str | None, encoding: str | None, choices: dict[str, Any]) -> dict[str, Any]:
    """The scores of a run's best model, or of a model's folder with data. Choices that its task does not know are refused, unless they are None."""
    task = task_of(run)
    kind = task if task in CHOICES else "language"
    own = {name: choices.get(name) for name in CHOICES[kind]}
    for name, value in choices.items():
        known = [name for names in CHOICES.values() for name in names]
        if name not in known:
            raise BadInput(f"There is no choice {name!r} of an evaluation. {suggest(name, known)}")
        if value is not None and name not in own:
            raise BadInput(f"--{name} has no meaning for a model of the task {task!r}; leave it out.")
    if data is None:
        reading = {name: own[name] for name in own if name in READING} | {"encoding": encoding}
        if any(value is not None for value in reading.values()):
            raise BadInput(f"{', '.join('--' + name for name in reading)} say how to read --data; give that too.")
    return TASKS[kind](run, data, encoding, **own)


def evaluate_sentences(run: str | Path, data: str | None, encoding: str | None, text: str | None, label: str | None) -> dict[str, float]:
    """Every text once; of other data, also how many rows were left out, and how many texts the run has learned."""
    classifier = open_model(run)
    if data is not None:
        table = classifier.read_table(data, text, label, encoding)
        return classifier.evaluate(table) | {"left_out": sum(table.left_out.values())} | learned_before(run, table.texts)
    learned, held = read_texts(sentences_settings(settings_of(run, "texts")).data)
    return classifier.evaluate(held, learned)


def learned_before(run: str | Path, texts: Sequence[str]) -> dict[str, float]:
    """How many of the texts are among those that a run has learned, and which part of them; nothing if it does not know those, or they are no longer there."""
    if not Run(Path(run)).config.exists():
        return {}
    try:
        learned, _ = read_texts(sentences_settings(open_run(run).settings()).data)
    except BadInput:
        return {}
    return overlap_scores(learned.texts, texts)


def evaluate_language(run: str | Path, data: str | None, encoding: str | None, context: int | None, stride: int | None, column: str | None) -> dict[str, float]:
    """Every token predicted once."""
    writer = Writer(Path(run))
    if data is not None:
        return writer.evaluate(data, context=context, stride=stride, column=column, encoding=encoding)
    settings = language_settings(settings_of(run, "text")).data
    _, validation = split(encode_cached(writer.tokenizer, read_text(settings)), settings.validation)
    return writer.evaluate_tokens(validation, context, stride)


def evaluate_pictures(run: str | Path, data: str | None, encoding: str | None, picture: str | None, label: str | None) -> dict[str, Any]:
    """Every picture once; of other data, its test part if it has one, and how many pictures were left out."""
    if encoding is not None:
        raise BadInput("--encoding says how a text is read, but this is a model of pictures; leave it out.")
    classifier = open_model(run)
    if data is not None:
        pictures = as_seen(classifier, PicturesData(source=data, picture=picture or "", label=label or ""), whole)
        return classifier.evaluate(pictures) | {"left_out": sum(pictures.left_out.values())}
    settings = pictures_settings(settings_of(run, "pictures")).data
    parts = read_three(replace(settings, size=classifier.size, channels=classifier.preparation.channels))
    return classifier.evaluate(parts.held, parts.learned)


def as_seen(classifier: PictureClassifier, data: PicturesData, part: Callable[[PicturesData, Preparation | None], LabeledPictures]) -> LabeledPictures:
    """A part of a source, `whole` or `choosing`, with pictures as the model wants them."""
    how = classifier.preparation
    return part(replace(data, size=classifier.size, channels=how.channels), how if how.alike else None)


def evaluate_to_choose(run: str | Path, data: str) -> dict[str, Any]:
    """Scores on other data by which something is chosen: those of `evaluate_run`, but never of what a source has to test with."""
    if task_of(run) != "pictures":
        return evaluate_run(run, data, None, {})
    classifier = open_model(run)
    return classifier.evaluate(as_seen(classifier, PicturesData(source=data), choosing))


def evaluate_translation(
    run: str | Path,
    data: str | None,
    encoding: str | None,
    source: str | None,
    target: str | None,
    tokenize: Tokenize | None,
    lowercase: bool | None,
    beam: int | None,
) -> dict[str, Any]:
    """Every pair once; of other data, also how many rows had an empty side."""
    translator = Translator(Path(run), torch.float32)
    if data is not None:
        columns = translator.facts.get("columns") or {}
        pairs = read_pairs(data, source or columns.get("source", ""), target or columns.get("target", ""), encoding or "utf-8")
        learned = learned_pairs(run)
    else:
        learned, pairs = read_both(translation_settings(settings_of(run, "pairs")).data)
    scores = evaluate_pairs(translator, pairs, tokenize or "13a", bool(lowercase), beam, learned)
    empty = sum(pairs.left_out.values()) if data is not None else 0
    return scores | ({"empty": empty} if empty else {})


def learned_pairs(run: str | Path) -> Pairs | None:
    """What a run has learned from; None for a model's folder, and where that data is gone."""
    if not Run(Path(run)).config.exists():
        return None
    try:
        return read_both(translation_settings(open_run(run).settings()).data)[0]
    except BadInput:
        return None


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "language": evaluate_language,
    "sentences": evaluate_sentences,
    "translation": evaluate_translation,
    "pictures": evaluate_pictures,
    **dict.fromkeys(DRAWING, evaluate_drawings),
}


def settings_of(run: str | Path, what: str) -> dict[str, Any]:
    """The settings of a run; a model's folder has none."""
    if not Run(Path(run)).config.exists():
        raise BadInput(f"{run} is the folder of a model, which does not know the {what} it was trained on; name others with --data.")
    return open_run(run).settings()
