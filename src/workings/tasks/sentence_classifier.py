"""A model that says the class of a text, in use."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.data.files import kind_of, read_text
from workings.data.labeled import Labeled, open_table, read_labeled, refuse_unknown
from workings.data.pictures import SUFFIXES
from workings.data.tables import TABLES
from workings.errors import BadInput
from workings.generation.classes import prepare
from workings.generation.embedding import windows
from workings.models.classes import names_of
from workings.models.encoder import Encoder
from workings.models.sentence_classifier import SentenceClassifier
from workings.tasks.class_scores import class_scores
from workings.tasks.explanation import Explanation, Looks, explain
from workings.tasks.picture_classifier import Belief
from workings.tasks.sentences import framing_of, logits_of
from workings.weights.folder import load_folder

WINDOW = 4096
"""So many texts are read before the first of them is classified: those of like length meet."""
LINE = 100
"""Of a text, so many characters are shown at most."""
LINES = (".txt", ".text", ".md")
"""Files whose every line is a text."""


@dataclass(frozen=True)
class ClassifiedText:
    """What a model says of one text: its likeliest classes, the best first."""

    text: str
    classes: tuple[Belief, ...]
    explained: Explanation | None = None
    """Why it says the first of them, if that was asked."""
    unread: int | None = None
    """How many of its tokens are not read, if it is longer than what the model reads."""
    error: str | None = None
    """Why nothing is said of it."""

    @property
    def name(self) -> str:
        """The likeliest class."""
        return self.classes[0].name

    @property
    def what(self) -> str:
        """What was classified, in a line; of a long text the beginning."""
        line = " ".join(self.text.split())
        return line if len(line) <= LINE else line[: LINE - 1].rstrip() + "…"


class TextClassifier:
    """What `workings.load` gives for a model of sentences: a run's, or another system's encoder with classes (BERT, RoBERTa)."""

    def __init__(self, folder: str | Path, dtype: torch.dtype | None = None):
        saved = load_folder(folder, dtype)
        if not isinstance(saved.model, SentenceClassifier) and not (isinstance(saved.model, Encoder) and saved.model.settings.head == "classes"):
            raise BadInput(f"{folder} holds a model for the task {saved.task!r}, which does not say the class of a text.")
        if saved.tokenizer is None:
            raise BadInput(f"{folder} holds a model that classifies texts, but no tokenizer; copy the tokenizer's files of the same model into it.")
        self.folder, self.model, self.tokenizer, self.facts = Path(folder), saved.model, saved.tokenizer, saved.facts
        self.settings: Any = saved.model.settings
        reading = self.facts.get("reading") or {"longest": self.settings.body.context, "part": "head"}
        self.framing = framing_of(self.settings, self.tokenizer, reading["longest"], reading["part"])
        self.classes = prepare(self.model, next(self.model.parameters()).dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r})"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order of the model's logits."""
        return names_of(self.settings)

    @property
    def cut(self) -> int:
        """How many texts so far were longer than what is read of one."""
        return self.framing.cut

    def classify(self, texts: str | Sequence[str], *, top: int = 5, explain: bool = False) -> Any:
        """The `top` likeliest classes of a text with their probabilities, or a list of that for several; explain: and what each token does for the first."""
        found = list(self.classify_texts([texts] if isinstance(texts, str) else texts, top=top, explain=explain))
        return found[0] if isinstance(texts, str) else found

    def classify_texts(self, texts: Iterable[str], *, top: int = 5, explain: bool = False) -> Iterator[ClassifiedText]:
        """The same for texts without end, in their order."""
        if top < 1:
            raise BadInput(f"top is {top}; at least one class has to be named.")
        for some in windows(texts, WINDOW):
            read = self.read(some)
            for text, tokens, unread, row in zip(some, read, tuple(self.unread), self.probabilities_of(read), strict=True):
                yield ClassifiedText(text, self.likeliest(row, top), self.why(tokens)[0] if explain else None, unread or None)

    def classify_all(self, given: Iterable[str], *, top: int = 5, column: str | None = None, explain: bool = False) -> Iterator[ClassifiedText]:
        """What the model says of each text; of a name of a table, of the texts in its column; of a name of a text file, of its lines.

        Of a row of a table without a text it says so in `error`: there is one answer a row.
        """
        texts = (text for one in given for text in self.texts_of(one, column))
        for number, found in enumerate(self.classify_texts(texts, top=top, explain=explain), start=1):
            yield found if found.text.strip() else ClassifiedText(found.text, (), error=f"Text {number:,} is empty, so nothing is said of it.")

    def texts_of(self, given: str, column: str | None) -> list[str]:
        """The texts that a word of the command line stands for: those of a file, or itself."""
        path = Path(given)
        kind = kind_of(path) if not any(character.isspace() for character in given) else ""
        if kind in TABLES:
            known_column = (self.facts.get("columns") or {}).get("text") or None
            return open_table(given).texts(column or known_column, blank=True)
        if kind in LINES:
            if not path.is_file():
                raise BadInput(f"There is no file {given!r} (looked for it in {str(Path.cwd())!r}); check the path.")
            lines = read_text(path, "utf-8").removesuffix("\n").split("\n")
            if not any(map(str.strip, lines)):
                raise BadInput(f"{given!r} holds no text; give a file with a text on a line.")
            return lines
        if not given.strip():
            raise BadInput("A text to classify is empty; give a sentence.")
        if os.path.isdir(given) or kind in SUFFIXES:
            what = "a folder" if os.path.isdir(given) else "the name of a picture"
            raise BadInput(f"{given!r} is {what}, but this is a model of texts; give a text, a table or a .txt file, or a model of pictures.")
        return [given]

    @property
    def unread(self) -> Sequence[int]:
        """How many tokens of each text that was read last are not read."""
        return self.framing.unread

    def read(self, texts: Sequence[str]) -> Any:
        """The tokens of each text as the model reads them, [T_i], to be given back to `probabilities_of` and to be asked one by one."""
        wrong = next((text for text in texts if not isinstance(text, str)), None)
        if wrong is not None:
            raise BadInput(f"{wrong!r} is not a text; classify takes a text or a list of texts.")
        return self.framing.frame(texts)

    def probabilities(self, texts: Sequence[str]) -> Tensor:
        """softmax of the logits, float32 [B, classes]."""
        return self.probabilities_of(self.read(texts))

    @torch.inference_mode()
    def probabilities_of(self, read: Any) -> Tensor:
        """The same of texts that have been read."""
        return self.logits(read).softmax(-1)

    def logits(self, read: Any) -> Tensor:
        """What the model says of them, float32 [B, classes]."""
        return logits_of(self.model, read, self.classes)

    def unknown(self, read: Any) -> int:
        """How many of their tokens are unknown to the tokenizer."""
        return self.framing.unknown(read)

    def why(self, tokens: Any) -> tuple[Explanation, Looks]:
        """Why the model says the likeliest class of a text that has been read, [T], and what `<cls>` looks at in it."""
        return explain(self.model, self.framing, self.class_names, tokens)

    @torch.inference_mode()
    def evaluate(self, labeled: Labeled, learned: Labeled | None = None) -> dict[str, float]:
        """Scores on labeled texts, in the precision of the weights, and what of them was not read: texts that are cut, tokens that are unknown.

        learned: the training texts; the baseline is their commonest class, else that of these.
        """
        names = self.class_names
        refuse_unknown(labeled.labels, names, labeled.where, "texts")
        targets, usual = (torch.tensor([names.index(label) for label in (part or labeled).labels]) for part in (labeled, learned))
        read = self.read(labeled.texts)
        scores = class_scores(self.logits(read), targets, int(usual.bincount(minlength=len(names)).argmax()))
        return scores | {"cut": sum(map(bool, self.unread)), "unknown_tokens": self.unknown(read)}

    def read_table(self, source: str, text: str | None = None, label: str | None = None, encoding: str | None = None) -> Labeled:
        """The labeled texts of a table; its columns are those of the training unless others are named."""
        columns = self.facts.get("columns") or {}
        return read_labeled(source, text or columns.get("text", ""), label or columns.get("label", ""), "", encoding or "utf-8")

    def likeliest(self, probabilities: Tensor, top: int) -> tuple[Belief, ...]:
        """The likeliest classes by name. probabilities: [classes]."""
        best = probabilities.topk(min(top, len(probabilities)))
        return tuple(Belief(self.class_names[place], value) for place, value in zip(best.indices.tolist(), best.values.tolist(), strict=True))
