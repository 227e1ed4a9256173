"""What the tour shows of the jobs that have to do with words: text that was written, sentences that were judged, sentences that were translated."""

import re
from pathlib import Path
from typing import Any

import workings
from workings.report.explanations import Case, case_of, named
from workings.report.language import attention_image
from workings.report.pages import render
from workings.report.record import read_record
from workings.report.translation import LONGEST
from workings.report.write import samples_of, spread
from workings.tasks.translation import read_parts
from workings.tasks.translation_scores import sentence_chrf
from workings.tasks.translation_settings import read_settings

BEGINNINGS = ("It is a truth universally acknowledged", "Elizabeth was", "Mr. Darcy looked")
WRITTEN = {"tokens": 120, "temperature": 0.6, "seed": 0}
LEARNING, GLANCE = 3, 180
"""At how many steps what was written along the way is shown, and so many characters of it."""

JUDGED = (
    "A warm, funny and moving film with wonderful performances.",
    "The plot is dull, the jokes fall flat and the ending is a mess.",
    "The actors are charming, but the story is a bore.",
)
MEANING = {"0": "blame", "1": "praise"}
"""What the labels of the built-in reviews stand for."""


def language(run: Path) -> str:
    """The beginnings and what was written after each, and what was written while it learned."""
    writer = workings.load(run)
    texts = [(one.prompt, flowing(whole_sentences(one.text))) for one in writer.write_all(list(BEGINNINGS), **WRITTEN)]
    samples = samples_of(read_record(run))
    along = [samples[place] | {"text": shortened(samples[place]["text"])} for place in spread(len(samples), LEARNING)]
    return render("tour_language.html", texts=texts, along=along)


def whole_sentences(text: str) -> str:
    """The text up to the end of its last whole sentence, if that keeps half of it; else all of it, and that it goes on.

    >>> whole_sentences(' was there. "Yes!" She')
    ' was there. "Yes!"'
    >>> whole_sentences(". There was no end to it")
    '. There was no end to it …'
    """
    ends = [found.end() for found in re.finditer(r"(?<!Mr)(?<!Mrs)[.!?][\"'”’_)]*(?=\s|$)", text)]
    return text[: ends[-1]] if ends and 2 * ends[-1] >= len(text) else f"{text.rstrip()} …"


def flowing(text: str) -> str:
    """The text with the lines of a paragraph joined: those of the printed book are shorter than a page is wide.

    >>> flowing("one" + chr(10) + "line" + 2 * chr(10) + "two")
    'one line\\n\\ntwo'
    """
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)


def shortened(text: str) -> str:
    """The beginning of a text, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= GLANCE else line[:GLANCE].rsplit(" ", 1)[0] + " …"


def sentences(run: Path) -> str:
    """Sentences with what was said of each, and which token did what for that."""
    classifier = workings.load(run)
    cases = []
    for tokens in classifier.read(JUDGED):
        explanation, looks = classifier.why(tokens)
        case = case_of(Case(explanation.name, explanation, looks))
        ranked = sorted((piece for piece in explanation.pieces if any(map(str.isalpha, piece.text))), key=lambda piece: piece.contribution)
        case["for"] = named([piece for piece in reversed(ranked) if piece.contribution > 0])
        case["against"] = named([piece for piece in ranked if piece.contribution < 0])
        cases.append(case | {"said": MEANING.get(explanation.name, explanation.name)})
    return render("tour_sentences.html", cases=cases)


def translation(run: Path) -> str:
    """Of the held-out texts that it has not learned elsewhere those that came out best, and the middle one, with the words that the best one looked at."""
    translator = workings.load(run)
    learned, held = read_parts(read_settings(read_record(run).config).data)
    known = set(learned.sources)
    fresh = held.of([place for place, source in enumerate(held.sources) if source not in known])
    found = list(translator.translate_all(fresh.sources))
    scored = sorted((-sentence_chrf(one.text, reference), place) for place, (one, reference) in enumerate(zip(found, fresh.targets, strict=True)))
    chosen = [("the best", scored[0]), ("better than three in four", scored[len(scored) // 4]), ("the middle", scored[len(scored) // 2])]
    rows = [
        {"which": which, "chrf": -cost, "source": fresh.sources[place], "reference": fresh.targets[place], "said": found[place].text}
        for which, (cost, place) in chosen
    ]
    aligned = translator.aligned(found[scored[0][1]])
    drawn = map_of(aligned) if aligned and len(aligned.target) <= LONGEST else None
    return render("tour_translation.html", rows=rows, count=len(scored), map=drawn)


def map_of(aligned: Any) -> dict[str, Any]:
    """The map of the layer that says most, the mean over its heads."""
    return {"source": aligned.source, "target": aligned.target, "layer": aligned.usual, "image": attention_image(aligned.layer(aligned.usual).numpy())}
