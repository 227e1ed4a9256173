"""What a translator's report adds: its data, translations as they changed, which words it looked at, and the sentences that it translates best and worst."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workings.data.pairs import Pairs, read_pairs
from workings.errors import counted
from workings.generation.alignment import Alignment
from workings.report.classes import facts_of
from workings.report.language import attention_image
from workings.report.pages import Section, render
from workings.report.record import Record, read_record
from workings.report.write import spread, timing
from workings.tasks.translation_scores import sentence_chrf
from workings.tasks.translator import Translator

FOLLOWED, STEPS = 3, 6
"""How many sentences are followed through the training, and at how many steps."""
MAPS, LONGEST = 5, 40
"""How many alignments are drawn, of sentences of at most so many words: more columns than that are not read."""
EXTREMES = 5
"""How many of the validation sentences that are translated best and worst are shown."""


def translation_sections(run: Path) -> list[Section]:
    """The sections of a run: from its record, and from what its model makes of validation sentences."""
    record, translator = read_record(run), Translator(run)
    sections = facts_of(run)
    followed = changes(record)
    sections += [changes_section(followed)] if followed else []
    held = validation_of(run, record, translator)
    if held.sources:
        said = list(translator.translate_all(held.sources, beam=1))
        aligned = [translator.aligned(one) for one in said]
        drawn = [(one, reference) for one, reference in zip(aligned, held.targets, strict=True) if one is not None and len(one.source) <= LONGEST]
        sections += [alignment_section(*zip(*drawn[:MAPS], strict=True))] if drawn else []
        sections.append(extremes_section(held.sources, held.targets, [one.text for one in said]))
    return sections


def validation_of(run: Path, record: Record, translator: Translator) -> Pairs:
    """The first validation pairs that the model can read: those that the run has kept, else those that its record shows."""
    kept, samples = run / "samples" / "validation.jsonl", record.of("sample")
    if kept.is_file():
        held = read_pairs(str(kept), "source", "target")
    else:
        pairs = samples[-1].get("pairs", []) if samples else []
        held = Pairs("the record", ("", ""), [pair["source"] for pair in pairs], [pair["reference"] for pair in pairs])
    room = translator.model.settings.encoder.context
    return held.of([row for row, tokens in enumerate(translator.tokenizer.encode_each(held.sources)) if len(tokens) < room])


def changes(record: Record) -> list[dict[str, Any]]:
    """The first sentences of the samples, each with its translations at several steps; one that stayed as it was is told once."""
    rows = [row for row in record.of("sample") if row.get("pairs")]
    rows = [rows[place] for place in spread(len(rows), STEPS)]
    found = []
    for number, pair in enumerate(rows[0]["pairs"][:FOLLOWED] if rows else []):
        versions: list[dict[str, Any]] = []
        for row in rows:
            text = row["pairs"][number]["translation"]
            if not versions or text != versions[-1]["text"]:
                versions.append({"step": row["step"], "when": timing(record, row), "text": text})
        found.append({"source": pair["source"], "reference": pair["reference"], "versions": versions})
    return found


def changes_section(followed: Sequence[dict[str, Any]]) -> Section:
    """followed: source, reference and versions of each sentence; a version: step, when, text."""
    return Section("Translations as it learned", render("translations.html", followed=followed))


def alignment_section(alignments: Sequence[Alignment], references: Sequence[str]) -> Section:
    """A map for each sentence: of every layer the mean over its heads, and each head."""
    maps = []
    for one, reference in zip(alignments, references, strict=True):
        layers = [
            [("mean over the heads", one.layer(number))] + [(f"head {head}", weights) for head, weights in enumerate(one.weights[number - 1], 1)]
            for number in range(1, len(one.weights) + 1)
        ]
        images = [[(name, attention_image(weights.numpy())) for name, weights in layer] for layer in layers]
        maps.append({"source": one.source, "target": one.target, "layers": images, "usual": one.usual, "reference": reference})
    return Section("Which words it looked at", render("alignments.html", maps=maps))


def extremes_section(sources: Sequence[str], references: Sequence[str], said: Sequence[str]) -> Section:
    """The sentences whose translations are most and least like their references, by chrF."""
    scored = [(sentence_chrf(*pair), place) for place, pair in enumerate(zip(said, references, strict=True))]
    order = [place for _, place in sorted(scored, key=lambda one: -one[0])]
    few = min(EXTREMES, len(order) // 2)
    rows = [
        (title, [dict(chrf=f"{scored[place][0]:.0f}", source=sources[place], reference=references[place], translation=said[place]) for place in places])
        for title, places in (("most like the reference", order[:few]), ("least like it", order[len(order) - few :][::-1]))
    ]
    facts = {"of": counted(len(scored), "validation sentence"), "empty": sum(not text.strip() for text in said)}
    return Section("Best and worst translations", render("extremes.html", rows=rows, **facts))
