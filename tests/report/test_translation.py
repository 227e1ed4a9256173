"""What a translator's report shows: its translations as they changed, alignments whose pictures are their weights, the best and the worst."""

import base64
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.report.folders import make_run, write_rows
from tests.report.pages import Page
from tests.tasks.test_translation_evaluation import train_small
from workings.generation.alignment import Alignment
from workings.report.card import model_card
from workings.report.record import read_record
from workings.report.translation import alignment_section, changes, changes_section, extremes_section, translation_sections, validation_of
from workings.tasks.translator import Translator


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return train_small(tmp_path_factory.mktemp("reported")).folder


def opacities(address: str) -> np.ndarray:
    """The weights that a picture of a map shows."""
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA")
    return (np.asarray(image)[..., 3] / 255.0) ** 2


def test_the_report_of_a_run_has_its_sections_and_needs_nothing_from_outside(run):
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    for title in ("Data", "Translations as it learned", "Which words it looked at", "Best and worst translations"):
        assert page.text.count(title) >= 2  # in the contents, and above the section
    assert "What it wrote as it learned" not in page.text and "BLEU" in page.text
    assert not [address for address in page.loaded() if not address.startswith(("data:", "#"))]


def test_the_report_needs_none_of_the_pairs_of_the_training(run, tmp_path):
    away = tmp_path / "run"
    shutil.copytree(run, away)
    config = away / "config.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("pairs.tsv", "gone.tsv"), encoding="utf-8")
    assert [section.html for section in translation_sections(away)] == [section.html for section in translation_sections(run)]
    translator, record = Translator(run), read_record(run)
    kept = validation_of(run, record, translator)
    assert len(kept) == 24 and len(set(kept.sources)) == len(kept)
    (away / "samples" / "validation.jsonl").unlink()
    shown = validation_of(away, record, translator)
    assert (shown.sources, shown.targets) == (kept.sources[: len(shown)], kept.targets[: len(shown)]) and len(shown) == 6


def test_a_map_shows_the_weights_of_its_layer_and_head_with_all_words(run):
    torch.manual_seed(0)
    weights = torch.rand(3, 2, 4, 5).softmax(-1)
    section = alignment_section([Alignment(list("abcde"), list("wxyz"), weights)], ["a reference"])
    page = Page(section.html)
    images = [opacities(address) for tag, attributes in page.tags if tag == "img" and (address := attributes["src"])]
    for layer in range(3):
        wanted = [weights[layer].mean(0), *weights[layer]]
        for found, expected in zip(images[layer * 3 : layer * 3 + 3], wanted, strict=True):
            np.testing.assert_allclose(found, expected.numpy(), atol=0.01)
    np.testing.assert_allclose(images[9], weights[1].mean(0).numpy(), atol=0.01)  # the large one: the second last layer
    assert [attributes.get("data-layer") for tag, attributes in page.tags if attributes.get("aria-pressed")] == ["2"]
    for word in ("a", "e", "w", "z", "a reference"):
        assert word in page.pieces or word in page.text


def test_translations_are_followed_and_one_that_did_not_change_is_told_once(tmp_path):
    folder = make_run(tmp_path / "run")
    said = ["x", "the dog", "the dog", "a dog"]
    rows = [
        {"event": "sample", "step": step, "text": "", "pairs": [dict(source="der Hund", reference="the dog", translation=one)]} for step, one in enumerate(said)
    ]
    write_rows(folder, rows)
    (followed,) = changes(read_record(folder))
    assert [(version["step"], version["text"]) for version in followed["versions"]] == [(0, "x"), (1, "the dog"), (3, "a dog")]
    text = Page(changes_section([followed]).html).text
    assert "der Hund" in text and text.count("the dog") == 2


def test_the_best_and_the_worst_translations_are_those_by_chrf_and_none_is_both():
    references = [f"sentence number {number} of them all" for number in range(7)]
    said = [reference[: len(reference) - 3 * number] for number, reference in enumerate(references)]
    page = Page(extremes_section(references, references, said).html)
    rows = [line for line in page.text.splitlines() if "sentence number" in line]
    assert [next(number for number in range(7) if f"number {number}" in row) for row in rows] == [0, 1, 2, 6, 5, 4]
    assert "100" in rows[0] and "Of 7 validation sentences" in page.text
    assert "1 of the translations is empty" in " ".join(Page(extremes_section(["a"] * 3, ["a"] * 3, ["a", "", "b"]).html).text.split())


def test_texts_cannot_write_html():
    bad = "<script>alert(1)</script>"
    sections = [
        alignment_section([Alignment([bad], [bad], torch.ones(1, 1, 1, 1))], [bad]),
        changes_section([{"source": bad, "reference": bad, "versions": [{"step": 1, "when": "", "text": bad}]}]),
        extremes_section([bad, "b"], [bad, "b"], [bad, "b"]),
    ]
    for section in sections:
        page = Page(section.html)
        assert "script" not in {tag for tag, _ in page.tags} and bad in page.text


def test_the_card_names_languages_scores_and_use(run):
    yaml = pytest.importorskip("yaml")
    card = model_card(run)
    matter = yaml.safe_load(card.split("---\n")[1])
    assert (matter["pipeline_tag"], matter["language"]) == ("translation", ["en", "de"])
    for part in ("It translates from `en` into `de`", "model.translate(", "| BLEU |", "| chrF |", "nrefs:1|case:mixed", "Perplexity of the references"):
        assert part in card
    config = json.loads((run / "model" / "config.json").read_text())
    assert config["columns"] == {"source": "en", "target": "de"}
