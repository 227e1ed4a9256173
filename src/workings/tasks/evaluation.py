"""Scores of a trained model, whatever its task: on its own validation data, which its run knows, or on others."""

from pathlib import Path
from typing import Any

from workings.data.cache import encode_cached
from workings.errors import BadInput
from workings.tasks.language import read_text, split
from workings.tasks.language_settings import read_settings as language_settings
from workings.tasks.sentence_classifier import TextClassifier
from workings.tasks.sentences import read_parts
from workings.tasks.sentences_settings import read_settings as sentences_settings
from workings.tasks.writer import Writer
from workings.training.run import Run, open_run
from workings.weights.folder import task_of


def evaluate_run(run: str | Path, data: str | None, language: dict[str, Any], sentences: dict[str, Any], encoding: str | None) -> dict[str, float]:
    """The scores of a run's best model, or of a model's folder with data. language, sentences: the choices that each task knows; others are refused."""
    task = task_of(run)
    own, others = (sentences, language) if task == "sentences" else (language, sentences)
    for name, value in others.items():
        if value is not None:
            raise BadInput(f"--{name} has no meaning for a model of the task {task!r}; leave it out.")
    if data is None:
        reading = {name: own[name] for name in own if name not in ("context", "stride")} | {"encoding": encoding}
        if any(value is not None for value in reading.values()):
            raise BadInput(f"{', '.join('--' + name for name in reading)} say how to read --data; give that too.")
    return evaluate_sentences(run, data, encoding, **own) if task == "sentences" else evaluate_language(run, data, encoding, **own)


def evaluate_sentences(run: str | Path, data: str | None, encoding: str | None, text: str | None, label: str | None) -> dict[str, float]:
    """Every text once."""
    classifier = TextClassifier(run)
    if data is not None:
        return classifier.evaluate_table(data, text, label, encoding)
    learned, held = read_parts(sentences_settings(settings_of(run, "texts")).data)
    return classifier.evaluate(held, learned)


def evaluate_language(run: str | Path, data: str | None, encoding: str | None, context: int | None, stride: int | None, column: str | None) -> dict[str, float]:
    """Every token predicted once."""
    writer = Writer(Path(run))
    if data is not None:
        return writer.evaluate(data, context=context, stride=stride, column=column, encoding=encoding)
    settings = language_settings(settings_of(run, "text")).data
    _, validation = split(encode_cached(writer.tokenizer, read_text(settings)), settings.validation)
    return writer.evaluate_tokens(validation, context, stride)


def settings_of(run: str | Path, what: str) -> dict[str, Any]:
    """The settings of a run; a model's folder has none."""
    if not Run(Path(run)).config.exists():
        raise BadInput(f"{run} is the folder of a model, which does not know the {what} it was trained on; name others with --data.")
    return open_run(run).settings()
