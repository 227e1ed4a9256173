"""`workings train vae`: a variational autoencoder, which draws pictures."""

from typing import Annotated

from cyclopts import Parameter

from workings.cli.shape import make_app, settings_text
from workings.cli.train_flags import NONE, Flags, recipes_text, train
from workings.settings import flatten
from workings.tasks.vae_settings import SECTIONS, USUAL

app = make_app(
    "vae",
    "workings train vae --data photos",
    "workings train vae --data mnist --labels --minutes 10",
    "workings train vae --data faces --size 32 --set model.body=convolutional",
    "workings train vae --data fashion --set model.likelihood=gaussian --set model.variance=fixed",
    "workings train vae --data mnist --set model.latent=2",
    "workings train vae --recipe vae-mnist",
    details=recipes_text("vae") + settings_text(*SECTIONS.items(), defaults=flatten(USUAL)),
)


@app.default
def vae(
    *,
    data: str | None = None,
    picture: str | None = None,
    label: str | None = None,
    labels: Annotated[bool | None, Parameter(name=["--labels", "--conditional"])] = None,
    size: Annotated[list[int] | None, Parameter(consume_multiple=True)] = None,
    validation: str | None = None,
    test: str | None = None,
    judge: str | None = None,
    strict: bool | None = None,
    flags: Flags = NONE,
) -> None:
    """Train a variational autoencoder: it learns a density of pictures, from which it draws new ones.

    Pictures may lie in any folder, of any size. It is scored by a bound of their log-likelihood, in nats and in bits for each pixel; what pixels become
    (coins, gray values, gray levels with noise) decides what such a score can be compared with, and is a setting. The run is a folder: settings,
    measurements, checkpoints, the model and a report with its drawings. Ctrl-C saves; `workings resume` goes on, `workings draw` draws.

    Args:
        data: A folder of pictures, a .npz file, idx files, a .parquet or .csv table, a built-in set, mnist, fashion-mnist or cifar10, or a data set's name on
            the hub. [default: fashion, built-in]
        picture: The column of a table that holds the pictures. [default: image, img or picture]
        label: The column that holds the classes. [default: label]
        labels: Tell the model the classes of its pictures, so that one can be asked for; a folder then has a folder for each class.
        size: Height and width that all pictures are brought to; one number for a square. [default: the size they have]
        validation: Pictures of their own for validation. [default: those of the source, else a tenth]
        test: Pictures that are scored once, at the very end, with the best weights. [default: those of the source, if it has some]
        judge: A picture classifier, a run or a file, by whose features drawings are scored.
        strict: Refuse a picture that cannot be read, instead of leaving it out and counting it.
    """
    own = dict(picture=picture, label=label, labels=labels, size=size, validation=validation, test=test, judge=judge)
    train("vae", flags, data=data, strict=strict, **own)
