"""`workings train diffusion`: a model that draws out of noise, from pictures, with classes or captions or without."""

import textwrap
from typing import Annotated

from cyclopts import Parameter

from workings.cli.help import WIDTH
from workings.cli.shape import make_app, settings_text
from workings.cli.train_flags import NONE, Flags, recipes_text, train
from workings.models.diffusion_model_settings import network_names
from workings.models.diffusion_transformer_settings import DiffusionTransformerSettings
from workings.models.point_denoiser_settings import PointDenoiserSettings
from workings.models.unet_settings import UNetSettings
from workings.settings import flatten
from workings.tasks.diffusion_settings import SECTIONS, USUAL

MODELS = textwrap.fill(f"Models: {', '.join(network_names())}.", WIDTH, break_on_hyphens=False)
BODY = textwrap.fill("model.body of a transformer has the settings that `workings train language --help` lists.", WIDTH)

app = make_app(
    "diffusion",
    "workings train diffusion --data mnist --conditional",
    "workings train diffusion --data emoji --minutes 60",
    "workings train diffusion --data photos --size 64 --captions photos/captions.jsonl",
    "workings train diffusion --data photos --size 64 --captions names --model dit-tiny",
    "workings train diffusion --data shapes",
    "workings train diffusion --data photos --size 128 --latent taef2_encoder.safetensors",
    "workings train diffusion --data molecules --conditional",
    details=recipes_text("diffusion")
    + "\n\n"
    + MODELS
    + settings_text(*SECTIONS.items(), defaults=flatten(USUAL))
    + settings_text(("model", UNetSettings), ("model", DiffusionTransformerSettings), ("model", PointDenoiserSettings))
    + "\n\n"
    + BODY,
)


@app.default
def diffusion(
    *,
    data: str | None = None,
    conditional: Annotated[bool | None, Parameter(name=["--conditional", "--labels"])] = None,
    captions: str | None = None,
    latent: str | None = None,
    picture: str | None = None,
    label: str | None = None,
    size: Annotated[list[int] | None, Parameter(consume_multiple=True)] = None,
    validation: str | None = None,
    model: str | None = None,
    judge: str | None = None,
    strict: bool | None = None,
    flags: Flags = NONE,
) -> None:
    """Train a model that draws out of noise.

    From any folder of pictures; with --conditional from class folders, so that a class can be asked for; or with captions, so that `workings draw RUN
    --prompt` draws what is said. Ctrl-C saves; `workings resume` goes on.

    Args:
        data: A folder of pictures, a .npz file, idx files, a .parquet or .csv table, a data set's name on the hub, mnist, fashion, cifar10, emoji (32 x 32
            pictures with their names) or shapes (circles, squares and triangles beside each other, drawn by code). Beyond pictures: clips (of clothes
            that move; clips:mnist and clips:FOLDER move others), points (shapes in space) or molecules. [default: fashion, built-in]
        conditional: Tell the model the classes of the pictures.
        captions: A table with file_name and text in each row; names, for the names of the files; or labels, for sentences made of the classes.
        latent: An autoencoder whose latents are learned instead of pixels, for 64 x 64 and larger: a file, such as TAEF2's, or a folder.
        picture: The column of a table that holds the pictures. [default: image, img or picture]
        label: The column that holds the classes. [default: label]
        size: Height and width that all pictures are brought to; one number for a square. [default: the size they have]
        validation: Pictures of their own for validation. [default: those of the source, else a tenth]
        model: One of the networks below. [default: unet-small; of points and molecules
            points-small]
        judge: A trained picture classifier, a run or a file, by which drawings are scored.
        strict: Refuse a picture that cannot be read, or that has no caption, instead of leaving it out and counting it.
    """
    own = dict(labels=conditional, captions=captions, latent=latent, picture=picture, label=label, size=size, validation=validation, model=model, judge=judge)
    train("diffusion", flags, data=data, strict=strict, **own)
