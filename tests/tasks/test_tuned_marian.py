"""A Marian of another system goes on learning here, with its own tokenizer, and goes back; and what was trained here from nothing is one."""

import pytest
import torch

import workings
from tests.tasks.pairs import translators
from tests.tasks.test_translator import folder  # noqa: F401
from tests.training.games import train
from workings.errors import BadInput
from workings.settings import merge
from workings.tasks.translation import Translation
from workings.tasks.translation_settings import read_settings

transformers = pytest.importorskip("transformers")
WORDS = ["the cat", "the dog and the cat", "cat", "the dog", "a cat and the dog", "the cat and the cat"]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "pairs.tsv"
    rows = [(text, " ".join(reversed(text.split()))) for text in WORDS * 8]
    path.write_text("en\tfr\n" + "".join(f"{a}\t{b}\n" for a, b in rows), encoding="utf-8")
    return path


def settings_for(folder, table, **changes):  # noqa: F811
    given = {"tuning": {"start": str(folder), "label_smoothing": 0.0}, "data": {"source": str(table), "validation": 0.2}, "training": {"precision": "float32"}}
    return read_settings(merge(given, changes))


def test_the_first_loss_is_that_of_transformers_on_the_same_pairs(folder, table):  # noqa: F811
    game = Translation(settings_for(folder, table))
    theirs, tokenizer = transformers.MarianMTModel.from_pretrained(folder).eval(), transformers.MarianTokenizer.from_pretrained(folder)
    total, count = 0.0, 0
    for source, target in zip(game.held.sources, game.held.targets, strict=True):
        inputs = tokenizer(source, text_target=target, return_tensors="pt")
        with torch.no_grad():
            total, count = total + float(theirs(**inputs).loss) * inputs["labels"].numel(), count + inputs["labels"].numel()
    game.players["model"].eval()
    scores = game.evaluate()
    assert scores["tokens"] == count and scores["loss"] == pytest.approx(total / count, rel=1e-4)


def test_it_learns_and_goes_back_to_transformers_with_the_same_translations(folder, table, tmp_path):  # noqa: F811
    run = workings.train("translation", data=str(table), start=folder, steps=60, out=tmp_path / "run", quiet=True, set=["optimizer.rate=0.01"])
    losses = [row["loss"] for row in map(__import__("json").loads, run.metrics.read_text().splitlines()) if row["event"] == "validation"]
    assert losses[-1] < losses[0] - 0.5
    exported = workings.export(run.folder, to="hf", out=tmp_path / "hf")
    theirs, tokenizer = transformers.MarianMTModel.from_pretrained(exported).eval(), transformers.MarianTokenizer.from_pretrained(exported)
    inputs = tokenizer(WORDS, return_tensors="pt", padding=True)
    said = tokenizer.batch_decode(theirs.generate(**inputs, num_beams=1, max_new_tokens=12, do_sample=False), skip_special_tokens=True)
    assert run.translate(WORDS, beam=1, tokens=13) == said


def test_the_way_it_wants_to_translate_is_kept(folder, table, tmp_path):  # noqa: F811
    run = workings.train("translation", data=str(table), start=folder, steps=2, out=tmp_path / "run", quiet=True)
    assert run.load().settings() == workings.load(folder).settings()


def test_what_is_trained_from_nothing_is_a_marian_for_others(tmp_path):
    train(translators(tmp_path), tmp_path / "run")
    exported = workings.export(tmp_path / "run", to="hf", out=tmp_path / "hf")
    theirs, ours = transformers.MarianMTModel.from_pretrained(exported).eval(), workings.load(tmp_path / "run").model
    source, target = torch.randint(1, 250, (2, 7)), torch.randint(1, 250, (2, 5))
    with torch.no_grad():
        torch.testing.assert_close(ours(source, target), theirs(input_ids=source, decoder_input_ids=target).logits, rtol=1e-4, atol=1e-5)


def test_a_model_that_does_not_translate_is_refused(table, tmp_path):
    from tests.tasks.sentences import classifiers

    train(classifiers(tmp_path), tmp_path / "classes", steps=7)
    with pytest.raises(BadInput, match="for the task 'sentences'; give one that translates"):
        Translation(settings_for(tmp_path / "classes", table))
