"""`workings train translation`: a model that translates."""

import textwrap
from typing import Annotated

from cyclopts import Parameter

from workings.cli.help import WIDTH
from workings.cli.shape import make_app, settings_text
from workings.cli.train_flags import NONE, Flags, recipes_text, train
from workings.settings import flatten
from workings.tasks.translation_settings import FROM_NOTHING, FROM_TRAINED, MARIAN, SECTIONS

SIDES = "model.NAME is for the encoder and the decoder, model.encoder.NAME or model.decoder.NAME for one of them."
TRAINED = "With --from: " + ", ".join(f"{name}={value}" for name, value in flatten(FROM_TRAINED).items())
NOTES = "\n\n".join(textwrap.fill(note, WIDTH, break_on_hyphens=False) for note in (SIDES, TRAINED))

app = make_app(
    "translation",
    "workings train translation --data pairs.tsv --source en --target de",
    "workings train translation --data corpus/train --source de --target en --validation corpus/dev",
    "workings train translation --data german.txt,english.txt --minutes 30",
    "workings train translation --data pairs.csv --source 1 --target 2 --tokenizer unigram",
    "workings train translation --data pairs.tsv --source de --target en --from models/opus-mt-de-en",
    details=recipes_text("translation") + settings_text(*SECTIONS.items(), defaults=flatten({"model": MARIAN}) | flatten(FROM_NOTHING)) + "\n\n" + NOTES,
)


@app.default
def translation(
    *,
    data: str | None = None,
    source: str | None = None,
    target: str | None = None,
    validation: str | None = None,
    test: str | None = None,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    model: str | None = None,
    encoding: str | None = None,
    tokenizer: str | None = None,
    flags: Flags = NONE,
) -> None:
    """Train a model that translates, from sentences and their translations.

    An encoder reads a sentence, and a decoder writes its translation and attends to what was read. The run is a folder: settings, measurements, checkpoints,
    the model and a report that shows which words it looked at. Ctrl-C saves; `workings resume` goes on.

    Args:
        data: A .tsv, .csv, .jsonl or .parquet table with a column a language; the beginning of the names of two files with a sentence a line, as in
            corpus/train for train.de and train.en; two files with a comma between them; a built-in set, or a data set's name on the hub.
            [default: bible-short, English and Spanish, built-in]
        source: The column, or the end of the name of the file, that is translated from; a number counts the columns of a table without a line of names.
            [default: the first of two columns]
        target: That which is translated into. [default: the second of two columns]
        validation: Pairs of their own for validation, named like --data. [default: a twentieth of the pairs is kept back]
        test: Pairs that are scored once, when the training is over, with the weights that were kept. [default: none]
        start: A trained translator to go on with: a run or model folder of workings, a Marian folder of transformers, or a name on the hub.
            [default: begin from nothing]
        model: The switches of encoder and decoder where they begin from nothing: lecture, lecture-plus, gpt or llama. [default: those of Marian]
        encoding: The files' encoding. [default: utf-8]
        tokenizer: bpe, unigram or byte, where nothing trained brings its own.
    """
    sources = dict(data=data, source=source, target=target, validation=validation, test=test, encoding=encoding)
    train("translation", flags, start=start, model=model, tokenizer=tokenizer, **sources)
