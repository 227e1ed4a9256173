"""`workings train gan`: a generator against a discriminator."""

from typing import Annotated

from cyclopts import Parameter

from workings.cli.shape import make_app, settings_text
from workings.cli.train_flags import NONE, Flags, differing, recipes_text, train
from workings.settings import flatten
from workings.tasks.gan_settings import GROWING, PLAYERS, SECTIONS, USUAL

app = make_app(
    "gan",
    "workings train gan --data photos --size 64",
    "workings train gan --data mnist --conditional --judge runs/digits",
    "workings train gan --data photos --size 32 --growing",
    "workings train gan --data photos --size 64 --set game.augment=[color,translation]",
    details=recipes_text("gan")
    + settings_text(*SECTIONS.items(), defaults=flatten(USUAL))
    + "\n\n"
    + differing("--growing", GROWING, USUAL)
    + settings_text(*(("model", cls) for cls in PLAYERS.values())),
)


@app.default
def gan(
    *,
    data: str | None = None,
    picture: str | None = None,
    label: str | None = None,
    size: Annotated[list[int] | None, Parameter(consume_multiple=True)] = None,
    validation: str | None = None,
    test: str | None = None,
    growing: bool = False,
    conditional: Annotated[bool | None, Parameter(name=["--conditional", "--labels"])] = None,
    judge: str | None = None,
    strict: bool | None = None,
    flags: Flags = NONE,
) -> None:
    """Train a generator against a discriminator, from pictures: a model that draws.

    Pictures of any kind, in a folder or any other source, are brought to one size, which must be 4 to 7 times a power of two. The run is a folder: settings,
    measurements, checkpoints, the generator and a report with its drawings. `workings draw` draws. Ctrl-C saves; `workings resume` goes on.

    Args:
        data: A folder of pictures, a .npz file, idx files, a .parquet or .csv table, a built-in set, mnist, fashion-mnist or cifar10, or a data set's
            name on the hub. [default: fashion, built-in]
        picture: The column of a table that holds the pictures. [default: image, img or picture]
        label: The column that holds the classes. [default: label]
        size: Height and width that all pictures are brought to; one number for a square. [default: the size they have]
        validation: Pictures of their own for validation. [default: those of the source, else a tenth]
        test: Pictures that are there to test with. [default: those of the source, if it has some]
        growing: Begin with small pictures and let both players grow, size by size (progressive growing).
        conditional: Tell both players the classes of the pictures, so that one can be asked for.
        judge: A picture classifier of your own, a run or a file, that scores the drawings.
        strict: Refuse a picture that cannot be read, instead of leaving it out and counting it.
    """
    own = dict(picture=picture, label=label, size=size, validation=validation, test=test, labels=conditional, judge=judge)
    train("gan", flags, data=data, strict=strict, model="progressive-gan" if growing else None, **own)
