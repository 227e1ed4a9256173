"""What a classifier says of what it is given, and why, whether that is texts or pictures."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from workings.errors import BadInput
from workings.report.explained_picture import explain_files


def classify_all(
    classifier: Any, given: Iterable[str | Path], *, top: int = 5, text: str | None = None, explain: bool = False, out: str | Path | None = None
) -> Iterator[Any]:
    """What `workings.verbs.classify` gives; classifier: as `workings.load` gives it."""
    if not hasattr(classifier, "classify_all"):
        raise BadInput(f"{classifier.folder} holds a model that does not classify; give one of pictures or of sentences.")
    pictures = not hasattr(classifier, "classify_texts")
    if out is not None and not (pictures and explain):
        raise BadInput("--out names the file that explains a picture; give it a model of pictures and --explain, or leave it out.")
    if not pictures:
        return classifier.classify_all([str(one) for one in given], top=top, column=text, explain=explain)
    if text is not None:
        raise BadInput("--text names the column of a table of texts, but this is a model of pictures; leave it out.")
    return explain_files(classifier, given, top, out) if explain else classifier.classify_all(given, top=top)
