"""`workings classify MODEL PICTURE...`: what is in a picture, or in every picture of a folder."""

import json as json_module
import sys
from dataclasses import asdict

from workings.cli.shape import Whole, make_app
from workings.errors import BadInput, counted

app = make_app(
    "classify",
    "workings classify models/resnet-50 dog.jpg",
    "workings classify models/vit photos --top 1",
    "workings classify cifar10_resnet20.safetensors photos --json",
)


@app.default
def classify(model: str, /, *pictures: str, top: Whole = 5, json: bool = False) -> None:
    """Say what is in a picture, or in every picture of a folder.

    The picture is turned as its camera says, and prepared as the model's folder says. What cannot be read is named and left out; the exit code is then 2.

    Args:
        model: A model's folder, or the one file that it is.
        pictures: Pictures, or folders of pictures with the folders in them.
        top: How many of the likeliest classes to name.
        json: Print one JSON object a picture.
    """
    from workings import verbs

    if not pictures:
        raise BadInput("There is nothing to classify; name a picture or a folder, as in: workings classify MODEL dog.jpg.")
    number = broken = 0
    for found in verbs.classify(model, pictures, top=top):
        number += 1
        if found.error:
            broken += 1
            print(f"workings: {found.error}", file=sys.stderr)
        if json:
            print(json_module.dumps({name: value for name, value in asdict(found).items() if value is not None}, ensure_ascii=False), flush=True)
        elif not found.error:
            said = ", ".join(f"{belief.name} {belief.probability:.1%}" for belief in found.classes)
            print(f"{found.picture}: {said}", flush=True)
    if broken:
        raise BadInput(f"{counted(broken, 'picture')} of {number:,} could not be read; see above.")
