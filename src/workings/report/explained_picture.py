"""Why a class is said of a picture, as pictures: its maps laid over it, and all of them side by side in a file."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from workings.data.pictures import image_of
from workings.errors import BadInput
from workings.report import figures
from workings.report.formats import plain, printable, signed
from workings.report.language import percent
from workings.report.rasters import in_squares, laid_over, lit, scaled, stretched
from workings.tasks.picture_classifier import Classified, PictureClassifier
from workings.tasks.picture_explanation import PictureExplanation

SIDE = 2.4
"""Of a panel, in inches."""


def panels_of(why: PictureExplanation) -> list[tuple[str, Tensor]]:
    """The picture, and each of its maps laid over it: what it shows, and uint8 [C, H, W]."""
    looked = [] if why.rollout is None else [("where it looks", lit(why.pixels, stretched(why.rollout)))]
    spoken = ("for and against the class", laid_over(why.pixels, scaled(in_squares(why.contributions))))
    return [("what the model sees", why.pixels), *looked, spoken, ("what it is sensitive to", lit(why.pixels, scaled(in_squares(why.saliency))))]


def total(why: PictureExplanation) -> str:
    """The log-odds as what they are made of."""
    added = signed(float(why.contributions.double().sum())).replace("+", "+ ").replace("−", "− ")
    return f"log-odds {plain(why.log_odds)} = {plain(why.baseline)} for black {added} by the pixels"


def drawn(why: PictureExplanation) -> bytes:
    """A PNG of the panels side by side, under the class and its probability."""
    panels, buffer = panels_of(why), io.BytesIO()
    with figures.drawing("explained"):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(SIDE * len(panels), SIDE + 0.8), layout="constrained", facecolor="white")
        for axes, (title, pixels) in zip(figure.subplots(1, len(panels)), panels, strict=True):
            axes.imshow(image_of(pixels).convert("RGB"), interpolation="nearest" if max(pixels.shape[1:]) < 2 * figure.dpi else "antialiased")
            axes.set_title(title, fontsize=8.5, parse_math=False)
            axes.set_axis_off()
        figure.suptitle(printable(f"{why.name}, {percent(why.probability)}"), fontsize=12, parse_math=False)
        figure.supxlabel(total(why), fontsize=8.5, parse_math=False)
        figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def explain_files(classifier: PictureClassifier, given: Iterable[str | Path], top: int, out: str | Path | None) -> Iterator[Classified]:
    """What the model says of each picture, and a file that shows why: out, or NAME-explained.png in the folder that it is, or here."""
    given = list(given)
    target = Path("." if out is None else out)
    if target.suffix and not target.is_dir():
        if target.suffix.lower() != ".png":
            raise BadInput(f"{target} is to hold an explanation, which is a PNG; give a name that ends in .png, or a folder.")
        if len(given) != 1 or Path(given[0]).is_dir():
            raise BadInput(f"{target} is one file, but there may be several pictures; give a folder, and each has a file of its own in it.")
    return explained(classifier, given, top, target)


def explained(classifier: PictureClassifier, given: list[str | Path], top: int, target: Path) -> Iterator[Classified]:
    """The same, once it is known that it can be done."""
    taken: set[Path] = set()
    for found in classifier.classify_all(given, top=top):
        if found.error:
            yield found
            continue
        file = target if target.suffix and not target.is_dir() else free(target, Path(found.picture).stem, taken)
        picture = drawn(classifier.explain(found.picture))
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture)
        except OSError as error:
            raise BadInput(f"{file} could not be written: {error.strerror}; name another place with --out.") from error
        yield replace(found, explained_in=str(file))


def free(folder: Path, stem: str, taken: set[Path]) -> Path:
    """A name that no other picture of this call has, though pictures of several folders may be called the same."""
    number = 1
    while (file := folder / (f"{stem}-explained.png" if number == 1 else f"{stem}-explained-{number}.png")) in taken:
        number += 1
    taken.add(file)
    return file
