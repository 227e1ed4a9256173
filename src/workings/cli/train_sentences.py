"""`workings train sentences`: a model that says the class of a text."""

import textwrap
from typing import Annotated, Any

from cyclopts import Parameter

from workings.cli.help import WIDTH
from workings.cli.shape import MaybeWhole, make_app, settings_text, tell
from workings.settings import flatten
from workings.tasks.sentences_settings import FROM_NOTHING, FROM_PRETRAINED, FROM_TRAINED, SECTIONS


def differing(flag: str, defaults: dict[str, Any]) -> str:
    """What a flag makes of the defaults."""
    usual = flatten(FROM_NOTHING)
    found = ", ".join(f"{name}={value}" for name, value in flatten(defaults).items() if usual.get(name) != value)
    return textwrap.fill(f"With {flag}: {found}", WIDTH, break_on_hyphens=False)


OTHERS = "\n\n".join((differing("--from", FROM_TRAINED), differing("--pretrain", FROM_PRETRAINED)))

app = make_app(
    "sentences",
    "workings train sentences --data reviews.csv --text review --label sentiment",
    "workings train sentences --data reviews.csv --from models/minilm",
    "workings train sentences --data reviews.csv --validation held-out.csv --test test.csv",
    "workings train sentences --data reviews.csv --pretrain masked --unlabeled more.csv",
    "workings train sentences --pretrain next-token --minutes 5 --set pretraining.minutes=10",
    "workings train sentences --from runs/NAME --set data.part=head+tail",
    "workings train sentences --minutes 5 --set tuning.weighting=balanced",
    details=settings_text(*SECTIONS.items(), defaults=flatten(FROM_NOTHING)) + "\n\n" + OTHERS,
)


@app.default
def sentences(
    *,
    data: str | None = None,
    text: str | None = None,
    label: str | None = None,
    validation: str | None = None,
    test: str | None = None,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    pretrain: str | None = None,
    unlabeled: str | None = None,
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
    """Train a model that says the class of a text, from a table of texts and their classes.

    A transformer reads the text and a token <cls>, on which a small network says the class; all weights learn. The run is a folder: settings, measurements,
    checkpoints, the model and a report with its mistakes. Ctrl-C saves; `workings resume` goes on.

    Args:
        data: A .csv, .tsv, .jsonl or .parquet file, a built-in set, or a data set's name on the hub. [default: movies, built-in]
        text: The column that holds the texts. [default: text]
        label: The column that holds the classes. [default: label]
        validation: A table of its own for validation. [default: a tenth of every class is kept back]
        test: A table that is scored once, at the very end, with the best weights. It chooses nothing, so its scores are those to report.
        start: A trained transformer to begin with: a run or model folder of workings, a folder of transformers (BERT, MiniLM, GPT-2), or a name on the hub.
            [default: begin from nothing]
        pretrain: masked or next-token: what the transformer learns to guess before the classes, from the texts alone that are not for validation: hidden
            tokens, seeing both sides, or each next one, reading from left to right. It is a run of its own in the run's folder, pretraining, and goes on
            from what --from names. For how long: --set pretraining.minutes=10 or pretraining.steps. [default: there is no such stage]
        unlabeled: A table of further texts to pretrain on, in a column of the same name.
        recipe: Settings to begin with: imdb-scratch, movies-pretrained, or a TOML file of your own; whatever else is given on the command line is laid over it.
        model: The transformer's switches where it begins from nothing: lecture, lecture-plus, gpt or llama, which read from left to right and ask <cls> last.
            [default: one that sees the whole text]
        out: The run's folder. [default: runs/sentences-DATE-TIME]
        overwrite: Replace the run that is already in --out.
        seed: The seed of everything random; the same seed gives the same run.
        steps: Stop after this many steps; with --minutes too, whichever ends first.
        minutes: Stop after this many minutes of training; the learning rate's schedule is fitted to the time.
            [default: 5, when neither the recipe nor --steps says how long]
        device: auto, cpu, cuda or mps.
        precision: auto, float32 or bfloat16; auto is bfloat16 where the hardware has it.
        encoding: The tables' encoding. [default: utf-8]
        tokenizer: bpe or byte, where nothing trained brings its own.
        set: Change any setting, as in --set training.patience=3; can be given more than once. The settings are listed below.
        quiet: Print nothing but warnings.
    """
    from workings import verbs

    run = verbs.train(
        "sentences",
        data=data,
        text=text,
        label=label,
        validation=validation,
        test=test,
        start=start,
        pretrain=pretrain,
        unlabeled=unlabeled,
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
    tell(run.folder, "sentences", quiet)
