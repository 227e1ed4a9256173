"""`workings train sentences`: a model that says the class of a text."""

from typing import Annotated

from cyclopts import Parameter

from workings.cli.shape import make_app, settings_text
from workings.cli.train_flags import NONE, Flags, differing, recipes_text, train
from workings.settings import flatten
from workings.tasks.sentences_settings import FROM_NOTHING, FROM_PRETRAINED, FROM_TRAINED, SECTIONS

OTHERS = "\n\n".join((differing("--from", FROM_TRAINED, FROM_NOTHING), differing("--pretrain", FROM_PRETRAINED, FROM_NOTHING)))

app = make_app(
    "sentences",
    "workings train sentences --data reviews.csv --text review --label sentiment",
    "workings train sentences --data reviews.csv --from models/minilm",
    "workings train sentences --data reviews.csv --validation held-out.csv --test test.csv",
    "workings train sentences --data reviews.csv --pretrain masked --unlabeled more.csv",
    "workings train sentences --pretrain next-token --minutes 5 --set pretraining.minutes=10",
    "workings train sentences --from runs/NAME --set data.part=head+tail",
    "workings train sentences --minutes 5 --set tuning.weighting=balanced",
    details=recipes_text("sentences") + settings_text(*SECTIONS.items(), defaults=flatten(FROM_NOTHING)) + "\n\n" + OTHERS,
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
    model: str | None = None,
    encoding: str | None = None,
    tokenizer: str | None = None,
    flags: Flags = NONE,
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
        model: The transformer's switches where it begins from nothing: lecture, lecture-plus, gpt or llama, which read from left to right and ask <cls> last.
            [default: one that sees the whole text]
        encoding: The tables' encoding. [default: utf-8]
        tokenizer: bpe or byte, where nothing trained brings its own.
    """
    stages = dict(start=start, pretrain=pretrain, unlabeled=unlabeled, model=model, tokenizer=tokenizer)
    train("sentences", flags, data=data, text=text, label=label, validation=validation, test=test, encoding=encoding, **stages)
