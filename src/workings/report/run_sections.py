"""What each task adds to the report of its runs: from a run folder to sections, by way of the saved model."""

import re
from collections.abc import Callable
from pathlib import Path

from workings.report.drawings import drawing_sections
from workings.report.gan import gan_sections
from workings.report.language import language_sections
from workings.report.pages import Section
from workings.report.pictures import picture_sections
from workings.report.pretraining import pretraining_sections
from workings.report.record import read_record
from workings.report.sentences import sentence_sections
from workings.report.translation import translation_sections
from workings.report.vae import vae_sections
from workings.weights.folder import Saved, load_folder

SENTENCE = 240
"""How many characters of a text a language model is watched reading."""


def run_sections(run: Path, sentence: str | None = None) -> list[Section]:
    """The sections of a run whose model has been saved; none before that. sentence: what a language model is watched reading."""
    if not (run / "model" / "model.safetensors").is_file():
        return []
    saved = load_folder(run)
    return TASKS[saved.task](run, saved, sentence) if saved.task in TASKS else []


def language(run: Path, saved: Saved, sentence: str | None) -> list[Section]:
    """A language model's: on the sentence, else on the held-out text in samples/held-out.txt, else on its own last sample."""
    held_out = run / "samples" / "held-out.txt"
    text = sentence or (first_sentence(held_out.read_text(encoding="utf-8")) if held_out.is_file() else last_sample(run)[:SENTENCE])
    return language_sections(saved.model, saved.tokenizer, text) if text else []


def sentences(run: Path, saved: Saved, sentence: str | None) -> list[Section]:
    """A sentence classifier's, from the record of its run and of the one that came first, and from its model on the texts that are noted there."""
    return pretraining_sections(run) + sentence_sections(run)


def translation(run: Path, saved: Saved, sentence: str | None) -> list[Section]:
    """A translator's, from its record and its validation sentences."""
    return translation_sections(run)


def pictures(run: Path, saved: Saved, sentence: str | None) -> list[Section]:
    """A picture classifier's, from its record, the pictures that are noted there, and its model."""
    return picture_sections(run)


def drawings(run: Path, saved: Saved, sentence: str | None) -> list[Section]:
    """Those of a model that draws, from what its run has shown."""
    return drawing_sections(run)


def vae(run: Path, saved: Saved, sentence: str | None) -> list[Section]:
    """A VAE's: those of every model that draws, and its latent."""
    return vae_sections(run)


def gan(run: Path, saved: Saved, sentence: str | None) -> list[Section]:
    """Those of every model that draws, and how the two players' game stands."""
    return gan_sections(run)


TASKS: dict[str, Callable[[Path, Saved, str | None], list[Section]]] = {
    "language": language,
    "sentences": sentences,
    "translation": translation,
    "pictures": pictures,
    "vae": vae,
    "gan": gan,
    "diffusion": drawings,
}


def last_sample(run: Path) -> str:
    """The last text that the model wrote while training, empty when it wrote none."""
    return next((row["text"] for row in reversed(read_record(run).of("sample")) if row.get("text")), "")


def first_sentence(text: str) -> str:
    """The text from its first paragraph or else sentence on, at most SENTENCE characters: what is cut out of a book begins anywhere.

    >>> first_sentence("ld not be. It was late. She went home.")
    'It was late. She went home.'
    >>> first_sentence("for Mr. Bennet came. It was late, and she went home.")
    'It was late, and she went home.'
    """
    half = text[: len(text) // 2 + 1]
    begin = re.search(r"\n\s*\n\s*", half) or re.search(r"(?<![A-Z]r)(?<![A-Z]rs)[.!?][\"'”’)]*\s+", half)
    return text[begin.end() if begin else 0 :][:SENTENCE].rstrip()
