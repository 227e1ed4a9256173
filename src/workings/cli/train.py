"""`workings train TASK` and `workings resume RUN`."""

from workings.cli.shape import MaybeWhole, make_app, settings_text, tell
from workings.cli.train_flags import NONE, Flags, recipes_text, train
from workings.models.settings import RecurrentSettings
from workings.tasks.language_settings import SECTIONS

app = make_app("train", "workings train language --data my.txt", "workings train language --recipe demo", help="Train a model on your data.")

language_app = make_app(
    "language",
    "workings train language --data my.txt --minutes 5",
    'workings train language --data "books/*.txt" --tokenizer bpe --model llama',
    "workings train language --data reviews.csv --column text --out runs/reviews",
    "workings train language --set model.layers=4 --set optimizer.rate=1e-3",
    "workings train language --recipe demo --seed 1",
    details=recipes_text("language") + settings_text(*SECTIONS.items(), ("model", RecurrentSettings)),
)
app.command(language_app)
app.command("workings.cli.train_sentences:app", name="sentences", help="Train a model that says the class of a text.")
app.command("workings.cli.train_translation:app", name="translation", help="Train a model that translates.")
app.command("workings.cli.train_pictures:app", name="pictures", help="Train a model that says what is in a picture.")
app.command("workings.cli.train_vae:app", name="vae", help="Train a variational autoencoder, which draws pictures.")
app.command("workings.cli.train_diffusion:app", name="diffusion", help="Train a model that draws out of noise.")
app.command("workings.cli.train_gan:app", name="gan", help="Train a generator against a discriminator: a model that draws.")

resume_app = make_app(
    "resume",
    "workings resume runs/NAME",
    "workings resume runs/NAME --steps 4000",
    "workings resume runs/NAME --minutes 10 --set training.evaluate_every=100",
)


@language_app.default
def language(
    *,
    data: str | None = None,
    model: str | None = None,
    column: str | None = None,
    encoding: str | None = None,
    tokenizer: str | None = None,
    flags: Flags = NONE,
) -> None:
    """Train a language model: it reads a text and learns to write like it.

    The run is a folder: settings, measurements, checkpoints, the model, samples and a report. Ctrl-C saves; `workings resume` goes on.

    Args:
        data: A text file, a folder or "glob" of texts, a .jsonl, .csv or .parquet file with --column, a built-in text
            ("workings data" lists them), or a data set's name on the hub.
        model: A preset: lecture, lecture-plus, gpt, llama, rnn, gru or lstm. Its sizes are settings, such as --set model.width=256.
            [default: a transformer with the switches that are listed below]
        column: The column that holds the text, for tables and the hub.
        encoding: The text files' encoding. [default: utf-8]
        tokenizer: character, byte or bpe.
    """
    train("language", flags, data=data, model=model, column=column, encoding=encoding, tokenizer=tokenizer)


@resume_app.default
def resume(run: str, /, *, steps: MaybeWhole = None, minutes: float | None = None, set: list[str] | None = None, quiet: bool = False) -> None:
    """Go on with a run that was stopped; the bits are those of never having stopped.

    The newest checkpoint that is whole is used. A setting that would change what was computed so far is refused, with the difference shown.

    Args:
        run: The run's folder.
        steps: Stop after this many steps, counted from the run's beginning.
        minutes: Stop after this many more minutes of training.
        set: Change a setting, as in --set training.evaluate_every=100; can be given more than once.
        quiet: Print nothing but warnings.
    """
    from workings import verbs

    done = verbs.resume(run, steps=steps, minutes=minutes, set=set or (), quiet=quiet)
    tell(done.folder, done.task, quiet)
