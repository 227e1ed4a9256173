"""`workings train translation`: a model that translates."""

import textwrap
from typing import Annotated

from cyclopts import Parameter

from workings.cli.help import WIDTH
from workings.cli.shape import MaybeWhole, make_app, settings_text, tell
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
    details=settings_text(*SECTIONS.items(), defaults=flatten({"model": MARIAN}) | flatten(FROM_NOTHING)) + "\n\n" + NOTES,
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
    recipe: str | None = None,
    model: str | None = None,
    out: str | None = None,
    overwrite: bool = False,
    seed: MaybeWhole = None,
    steps: MaybeWhole = None,
    minutes: float | None = None,
    device: str | None = None,
    precision: str | None = None,
    encoding: str | None = None,
    tokenizer: str | None = None,
    set: list[str] | None = None,
    quiet: bool = False,
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
        recipe: Settings to begin with, a TOML file; whatever else is given on the command line is laid over it.
        model: The switches of encoder and decoder where they begin from nothing: lecture, lecture-plus, gpt or llama. [default: those of Marian]
        out: The run's folder. [default: runs/translation-DATE-TIME]
        overwrite: Replace the run that is already in --out.
        seed: The seed of everything random; the same seed gives the same run.
        steps: Stop after this many steps; with --minutes too, whichever ends first.
        minutes: Stop after this many minutes of training; the learning rate's schedule is fitted to the time.
            [default: 5, when neither the recipe nor --steps says how long]
        device: auto, cpu, cuda or mps.
        precision: auto, float32 or bfloat16; auto is bfloat16 where the hardware has it.
        encoding: The files' encoding. [default: utf-8]
        tokenizer: bpe, unigram or byte, where nothing trained brings its own.
        set: Change any setting, as in --set model.layers=6; can be given more than once. The settings are listed below.
        quiet: Print nothing but warnings.
    """
    from workings import verbs

    run = verbs.train(
        "translation",
        data=data,
        source=source,
        target=target,
        validation=validation,
        test=test,
        start=start,
        recipe=recipe,
        model=model,
        out=out,
        overwrite=overwrite,
        seed=seed,
        steps=steps,
        minutes=minutes,
        device=device,
        precision=precision,
        encoding=encoding,
        tokenizer=tokenizer,
        set=set or (),
        quiet=quiet,
    )
    tell(run.folder, "translation", quiet)
