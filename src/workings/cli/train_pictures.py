"""`workings train pictures`: a model that says what is in a picture."""

import textwrap
from typing import Annotated

from cyclopts import Parameter

from workings.cli.help import WIDTH
from workings.cli.shape import make_app, settings_text
from workings.cli.train_flags import NONE, Flags, differing, recipes_text, train
from workings.models.picture_presets import PICTURE_MODELS, preset_names
from workings.settings import flatten
from workings.tasks.pictures_settings import FROM_NOTHING, FROM_TRAINED, SECTIONS

MODELS = textwrap.fill(f"Models: {', '.join(preset_names())}.", WIDTH, break_on_hyphens=False)
BODY = textwrap.fill(
    "model.body (of vision-transformer, compact-transformer and hybrid) is a transformer; its settings are those that `workings train language --help` lists.",
    WIDTH,
)

app = make_app(
    "pictures",
    "workings train pictures --data photos",
    "workings train pictures --data photos --model vit --minutes 30",
    "workings train pictures --data photos --from models/resnet-18 --set data.size=160",
    "workings train pictures --data mnist --model mlp",
    "workings train pictures --data photos --model vit --augment strong --teacher runs/NAME",
    "workings train pictures --data digits.npz --test more.npz",
    details=recipes_text("pictures")
    + "\n\n"
    + MODELS
    + settings_text(*SECTIONS.items(), defaults=flatten(FROM_NOTHING))
    + "\n\n"
    + differing("--from", FROM_TRAINED, FROM_NOTHING)
    + settings_text(*(("model", cls) for cls in PICTURE_MODELS.values()))
    + "\n\n"
    + BODY,
)


@app.default
def pictures(
    *,
    data: str | None = None,
    picture: str | None = None,
    label: str | None = None,
    size: Annotated[list[int] | None, Parameter(consume_multiple=True)] = None,
    validation: str | None = None,
    test: str | None = None,
    model: str | None = None,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    teacher: str | None = None,
    augment: str | None = None,
    strict: bool | None = None,
    flags: Flags = NONE,
) -> None:
    """Train a model that says what is in a picture, from pictures in a folder for each class.

    Any size, gray or color, turned as the camera says. Parts called train, validation and test are kept apart; without them a tenth of every class is
    kept for validation. The run is a folder: settings, measurements, checkpoints, the model and a report with its mistakes. Ctrl-C saves; `workings resume`
    goes on.

    Args:
        data: A folder with a folder for each class, a .npz file, idx files, a .parquet or .csv table, a built-in set, mnist, fashion-mnist or cifar10, or a
            data set's name on the hub. [default: fashion, built-in]
        picture: The column of a table that holds the pictures. [default: image, img or picture]
        label: The column that holds the classes. [default: label]
        size: Height and width that all pictures are brought to; one number for a square. [default: the size they have, or that of the trained model]
        validation: Pictures of their own for validation. [default: those of the source, else a tenth of every class]
        test: Pictures that are scored once, at the very end, with the best weights. [default: those of the source, if it has some]
        model: One of the models below; resnet and hybrid are those for the pictures' size. [default: cnn]
        start: A trained model to begin with: a run or model folder of workings, a folder of transformers (ViT, DeiT, ResNet), or a name on the hub.
        teacher: A trained model that the new one learns to agree with: a run, a model, or an ensemble (distillation).
        augment: What is done to training pictures: none, shift, photo or strong. [default: shift for gray ones, photo for color]
        strict: Refuse a picture that cannot be read, instead of leaving it out and counting it.
    """
    own = dict(picture=picture, label=label, size=size, validation=validation, test=test, model=model, start=start, teacher=teacher, augment=augment)
    train("pictures", flags, data=data, strict=strict, **own)
