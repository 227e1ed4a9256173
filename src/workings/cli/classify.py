"""`workings classify MODEL PICTURE|TEXT...`: what is in a picture or in every picture of a folder, or which class a text is of."""

import json as json_module
import sys
from dataclasses import asdict

from rich.console import Console

from workings.cli.explained import show
from workings.cli.shape import Whole, make_app
from workings.errors import BadInput, counted

app = make_app(
    "classify",
    "workings classify models/resnet-50 dog.jpg",
    "workings classify models/vit photos --top 1",
    "workings classify cifar10_resnet20.safetensors photos --json",
    'workings classify runs/NAME "A film to remember." "Two hours too long."',
    "workings classify runs/NAME reviews.csv --text review --json",
    'workings classify runs/NAME "A film to remember." --explain',
    "workings classify runs/NAME dog.jpg --explain --out why.png",
)


@app.default
def classify(model: str, /, *given: str, top: Whole = 5, text: str | None = None, explain: bool = False, out: str | None = None, json: bool = False) -> None:
    """Say what is in a picture, or which class a text is of.

    Also of every picture of a folder, and of every text of a table.

    A picture is turned as its camera says, and prepared as the model's folder says. What cannot be read is named and left out; the exit code is then 2.

    Args:
        model: A run's folder, a model's folder, or the one file that it is.
        given: Pictures, or folders of pictures with the folders in them; or texts, tables of them, or .txt files with one on each line.
        top: How many of the likeliest classes to name.
        text: The column of a table that holds the texts. [default: that of the training, or text]
        explain: Say why. Of a text, what each token does for the likeliest class, in color on a terminal; of a picture, where the model looks and which pixels
            speak for the class and against it, in a file.
        out: The file that explains a picture, ending in .png, or a folder for those of several. [default: NAME-explained.png here]
        json: Print one JSON object a picture or text, with the whole text.
    """
    from workings import verbs

    if not given:
        raise BadInput("There is nothing to classify; name a picture or a folder, or give a text, as in: workings classify MODEL dog.jpg.")
    number = broken = cut = 0
    for found in verbs.classify(model, given, top=top, text=text, explain=explain, out=out):
        number += 1
        cut += bool(getattr(found, "unread", None))
        if found.error:
            broken += 1
            print(f"workings: {found.error}", file=sys.stderr)
        if json:
            print(json_module.dumps({name: value for name, value in asdict(found).items() if value is not None}, ensure_ascii=False), flush=True)
        elif not found.error:
            said = ", ".join(f"{belief.name} {belief.probability:.1%}" for belief in found.classes)
            print(f"{found.what}: {said}", flush=True)
            if explain and hasattr(found, "explained"):
                show(found.explained, Console())
            elif explain:
                print(f"  why: {found.explained_in}", flush=True)
    if cut:
        print(f"workings: {cut:,} of {number:,} texts cut to what the model reads; `unread` in --json says by how many tokens", file=sys.stderr)
    if broken:
        raise BadInput(f"{counted(broken, 'text' if hasattr(found, 'text') else 'picture')} of {number:,} could not be read; see above.")
