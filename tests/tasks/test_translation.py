"""The translation task: its batches, its first loss, what it learns, what it saves, and that stopping costs nothing."""

import math

import pytest
import torch

import workings
from tests.tasks.pairs import WORDS, translators, write_pairs
from tests.training.games import assert_same_bits, rows, signal_at, train
from workings.blackboard.encoder_decoder import translation_loss
from workings.errors import BadInput
from workings.objectives.next_token import IGNORE
from workings.settings import merge
from workings.tasks.translation import Translation
from workings.tasks.translation_settings import read_settings, resolved
from workings.tasks.translator import Translator
from workings.training.journal import read_metrics


def game(folder, **changes) -> Translation:
    return translators(folder)(changes)[0]


@pytest.mark.parametrize("model", [{}, {"preset": "gpt"}, {"preset": "llama"}, {"preset": "lecture-plus"}])
@pytest.mark.parametrize("vocabulary", ["shared", "separate"])
def test_the_first_loss_of_an_untrained_model_is_the_logarithm_of_the_vocabulary(model, vocabulary, tmp_path):
    task = game(tmp_path, model=model, data={"vocabulary": vocabulary})
    assert task.evaluate()["loss"] == pytest.approx(math.log(task.tokenizer.size), rel=0.1)


def test_a_batch_holds_each_source_with_its_own_translation_moved_by_one(tmp_path):
    task = game(tmp_path, data={"vocabulary": "separate"})
    batch, end = task.batch(3, 0, 0, task.rows(3, 0, 0)), task.settings.model.end
    translated = dict(zip(task.learned.sources, task.learned.targets, strict=True))
    for source, visible, target, targets in zip(*(batch[name] for name in ("source", "visible", "target", "targets")), strict=True):
        read, said = source[visible], targets[targets != IGNORE]
        assert read[-1] == said[-1] == end and target[0] == task.settings.model.start
        assert torch.equal(target[1 : len(said)], said[:-1])
        text = "".join(task.tokenizer.sides[0].decode(read[:-1]))
        assert translated[text] == task.tokenizer.decode(said[:-1])


def test_the_same_step_has_the_same_rows_however_it_is_cut(tmp_path):
    task = game(tmp_path)
    count = task.rows(5, 0, 8)
    whole, parts = task.batch(5, 0, 0, count), [task.batch(5, 0, first, 1) for first in range(count)]
    assert count > 1 and all(torch.equal(torch.cat([part[key] for part in parts]), whole[key]) for key in whole)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_blackboards_over_each_pair_alone(smoothing, tmp_path):
    task = game(tmp_path, tuning={"label_smoothing": smoothing}, data={"batch_tokens": 40})
    model = task.players["model"].double().eval()
    parameters, count = dict(model.named_parameters()), task.rows(0, 0, 0)
    loss = task.loss("model", task.batch(0, 0, 0, count), 0)
    examples = [tuple(side[row] for side in task.examples) for row in task.buckets.rows(0).tolist()]
    alone = [translation_loss(source.tolist(), target.tolist()[:-1], parameters, task.settings.model, smoothing) for source, target in examples]
    assert loss.count == sum(len(target) for _, target in examples)
    torch.testing.assert_close(loss.total, sum(alone), rtol=1e-9, atol=1e-9)


def test_a_small_language_is_learned_whose_sentences_are_turned_around(tmp_path):
    write_pairs(tmp_path, 600)
    changes = dict(training={"steps": 400, "batch": 64, "evaluate_every": 100}, data={"batch_tokens": 800}, model={"dropout": 0.0, "width": 32})
    make = translators(tmp_path, **changes)
    assert train(make, tmp_path / "run") == "done"
    assert [row for row in rows(tmp_path / "run") if row["event"] == "validation"][-1]["accuracy"] >= 0.95
    translator = Translator(tmp_path / "run" / "model")
    sentences = ["red dog runs", "small cat sees dog", "cat runs"]
    expected = [" ".join(WORDS[word] for word in reversed(sentence.split())) for sentence in sentences]
    assert translator.translate(sentences) == expected
    assert [translator.translate(sentence, beam=1) for sentence in sentences] == expected


KINDS = {
    "plain": {},
    "averaged": dict(optimizer={"average": 0.9}, training={"pieces": 2}, model={"dropout": 0.2}),
    "separate": dict(data={"vocabulary": "separate", "tokenizer": "unigram"}),
    "modern": dict(model={"preset": "llama", "stochastic_depth": 0.2}, tuning={"scored": 0}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_stopping_changes_nothing_though_batches_differ_in_size(kind, tmp_path):
    make = translators(tmp_path, **KINDS[kind])
    assert train(make, tmp_path / "whole") == "done"
    for step in (3, 10, 17):
        train(make, tmp_path / "pieces", signal_at(step))
    assert train(make, tmp_path / "pieces") == "done"
    assert_same_bits(tmp_path / "whole", tmp_path / "pieces")


@pytest.mark.parametrize("kind", KINDS)
def test_the_resolved_settings_are_read_back_to_the_same(kind, tmp_path):
    settings = game(tmp_path, **KINDS[kind]).settings
    assert resolved(read_settings(resolved(settings))) == resolved(settings)


@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_model_goes_on_with_its_own_tokenizer_and_gives_its_own_loss(kind, tmp_path):
    make = translators(tmp_path, **KINDS[kind])
    train(make, tmp_path / "run")
    start = {"tuning": {"start": str(tmp_path / "run")}, "data": {"source": str(tmp_path / "pairs.tsv"), "validation": 0.2}}
    task = Translation(read_settings(merge(start, {"training": {"precision": "float32"}})))
    best = min(row["loss"] for row in rows(tmp_path / "run") if row["event"] == "validation")
    task.players["model"].eval()
    assert task.evaluate()["loss"] == pytest.approx(best, rel=1e-5)


def test_pairs_that_are_too_long_are_left_out_and_told(tmp_path):
    path = write_pairs(tmp_path)
    path.write_text(path.read_text() + "dog\t" + "hund " * 10_000 + "\n", encoding="utf-8")
    task = game(tmp_path)
    assert any("1 row longer than 32 tokens" in fact for fact in task.data_facts())
    assert len(task.learned) + len(task.held) == 120


def test_sources_in_both_parts_are_told(tmp_path):
    path = write_pairs(tmp_path, 40)
    task = game(tmp_path, data={"validation_source": str(path)})
    assert any("also in the training set, which flatters the scores" in fact for fact in task.data_facts())


def test_the_weights_with_the_best_bleu_are_kept_where_that_is_watched(tmp_path):
    make = translators(tmp_path, tuning={"watch": "bleu"}, training={"steps": 60, "evaluate_every": 6})
    train(make, tmp_path / "run")
    found = [row for row in rows(tmp_path / "run") if row["event"] == "validation"]
    assert (
        Translator(tmp_path / "run" / "model").facts["scores"]["bleu"] == max(row["bleu"] for row in found) == [row["bleu"] for row in found if row["best"]][-1]
    )


def test_test_pairs_are_scored_once_at_the_end_as_evaluate_scores_them(tmp_path):
    held_out = tmp_path / "test.tsv"
    held_out.write_text("en\tde\nred dog\thund rot\ncat sees dog\thund sieht katze\n", encoding="utf-8")
    path = write_pairs(tmp_path)
    sizes = ["width=16", "layers=1", "heads=2", "ff_width=24", "context=32"]
    choices = [f"model.{size}" for size in sizes] + ["data.tokens=280"]
    run = workings.train("translation", data=str(path), test=str(held_out), steps=6, out=tmp_path / "run", quiet=True, set=choices)
    (told,) = [row for row in read_metrics(run.metrics) if row["event"] == "test"]
    scores = workings.evaluate(run.folder, data=str(held_out))
    assert told["pairs"] == 2 and {name: told[name] for name in ("loss", "bleu", "chrf", "bleu_signature")} == pytest.approx(
        {name: scores[name] for name in ("loss", "bleu", "chrf", "bleu_signature")}
    )
    assert "bleu" in run.report.read_text(encoding="utf-8").lower()


BAD = {
    "nothing to watch": (dict(tuning={"watch": "bleu", "scored": 0}), "nothing is translated; set tuning.scored higher"),
    "a shape of the trained model": (dict(tuning={"start": "x"}, model={"layers": 2}), "model.layers is that of the trained model"),
    "a setting that is not there": (dict(data={"batchtokens": 3}), "data.batchtokens.*Did you mean"),
    "a smoothing of all": (dict(tuning={"label_smoothing": 1.0}), "must be below 1"),
    "a model that does not write": (dict(model={"preset": "gru"}), "no transformer 'gru'"),
    "a table that is none": (dict(model=3), "must be a table"),
}


@pytest.mark.parametrize("what", BAD)
def test_settings_that_cannot_be_are_refused_in_a_sentence(what):
    table, sentence = BAD[what]
    with pytest.raises(BadInput, match=sentence):
        read_settings(table)


def test_every_pair_too_long_is_refused(tmp_path):
    with pytest.raises(BadInput, match="Every pair of .* more than 2 tokens"):
        game(tmp_path, data={"longest": 2})
