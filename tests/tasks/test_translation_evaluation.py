"""A translator is evaluated: on the pairs of its run, on others, and what it has seen before is told."""

import json

import pytest
import sacrebleu

import workings
from tests.tasks.pairs import SMALL, write_pairs
from workings import verbs
from workings.cli.main import main
from workings.data.tokenizers import PairTokenizer
from workings.errors import BadInput
from workings.settings import flatten
from workings.tasks import translation
from workings.tasks.translation import read_parts
from workings.tasks.translation_settings import read_settings


def parts(run):
    """What a run learns from, and what it is validated with."""
    return read_parts(read_settings(run.settings()).data)


def train_small(folder, **choices):
    """A run of some steps on the pairs of a small language."""
    path = write_pairs(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workings.training.machine.measured_peak", lambda *given, **options: 100.0)
        assigned = [f"{key}={value}" for key, value in flatten(SMALL).items() if key != "training.steps"]
        return verbs.train("translation", data=str(path), out=folder / "run", steps=20, set=assigned, quiet=True, **choices)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train_small(tmp_path_factory.mktemp("translation"))


def test_the_scores_of_the_run_are_those_it_noted(run):
    noted = json.loads((run.model / "config.json").read_text())["scores"]
    scores = workings.evaluate(run, beam=1)
    for name in ("loss", "accuracy", "tokens", "bleu", "chrf"):
        assert scores[name] == pytest.approx(noted[name], rel=1e-4), name
    assert scores["pairs"] == len(parts(run)[1]) and "left_out" not in scores and scores["seconds"] > 0


def test_bleu_and_chrf_are_sacrebleus_own_of_what_the_model_translates(run):
    held = parts(run)[1]
    said = workings.load(run).translate(held.sources, beam=2)
    scores = workings.evaluate(run, beam=2, tokenize="none", lowercase=True)
    assert scores["bleu"] == sacrebleu.corpus_bleu(said, [held.targets], tokenize="none", lowercase=True, force=True).score
    assert scores["chrf"] == sacrebleu.metrics.CHRF(lowercase=True).corpus_score(said, [held.targets]).score
    assert "tok:none" in scores["bleu_signature"] and "case:lc" in scores["chrf_signature"]


def test_the_two_parts_of_a_run_are_its_pairs_and_have_none_in_common(run):
    learned, held = parts(run)
    lines = {tuple(line.split("\t")) for line in (run.folder.parent / "pairs.tsv").read_text().splitlines()[1:]}
    assert len(held) + len(learned) == 120 and set(zip(held.sources + learned.sources, held.targets + learned.targets, strict=True)) == lines


def test_other_pairs_are_scored_by_the_columns_of_the_training_and_those_seen_before_are_counted(run, tmp_path):
    seen = parts(run)[0].sources[0]
    (tmp_path / "other.tsv").write_text(f"de\tnote\ten\nrot hund\tx\t{seen}\nx\tx\tdog dog dog dog dog dog red\n\t\tred\n" + f"hund\tx\t{'dog ' * 60}\n")
    scores = workings.evaluate(run, data=str(tmp_path / "other.tsv"))
    assert (scores["pairs"], scores["left_out"], scores["empty"], scores["overlap"]) == (2, 1, 1, 1) and scores["overlap_part"] == 0.5
    (tmp_path / "flat.csv").write_text("a,b\ndog red,rot hund\n")
    assert workings.evaluate(run, data=str(tmp_path / "flat.csv"), source="a", target="b")["pairs"] == 1
    assert "overlap" not in workings.evaluate(run.model, data=str(tmp_path / "flat.csv"), source="a", target="b")  # a model's folder does not know


def test_the_training_pairs_are_read_once_and_never_made_into_tokens(run, monkeypatch):
    read, tokens = [], []

    def counting_pairs(source, *given):
        read.append(source)
        return read_pairs(source, *given)

    def counting_tokens(tokenizer, texts):
        tokens.extend(texts)
        return encode_each(tokenizer, texts)

    read_pairs, encode_each = translation.read_pairs, PairTokenizer.encode_each
    monkeypatch.setattr(translation, "read_pairs", counting_pairs)
    monkeypatch.setattr(PairTokenizer, "encode_each", counting_tokens)
    learned, held = parts(run)
    read.clear()
    scores = workings.evaluate(run, beam=1)
    assert len(read) == 1 and {*held.sources, *held.targets} == set(tokens)
    assert scores["overlap"] == sum(source in learned.sources for source in held.sources) == pytest.approx(scores["overlap_part"] * len(held))


def test_parallel_files_are_named_by_their_languages(run, tmp_path):
    for language, text in (("en", "red dog\ncat runs\n"), ("de", "hund rot\nrennt katze\n")):
        (tmp_path / f"test.{language}").write_text(text)
    assert workings.evaluate(run, data=str(tmp_path / "test"))["pairs"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(context=5), "--context has no meaning for a model of the task 'translation'"),
        (dict(source="en"), "--source, --target, --encoding say how to read --data"),
        (dict(data="no.tsv"), "no.tsv"),
        (dict(beem=5), "There is no choice 'beem' of an evaluation. Did you mean 'beam'"),
        (dict(beam=0), "translate.beam is 0"),
    ],
    ids=str,
)
def test_what_evaluation_cannot_do_is_refused(run, arguments, said):
    with pytest.raises(BadInput, match=said):
        workings.evaluate(run, **arguments)


def test_a_models_folder_does_not_know_its_pairs(run):
    with pytest.raises(BadInput, match="does not know the pairs it was trained on"):
        workings.evaluate(run.model)


def test_the_command_says_every_score_with_its_signature(run, capsys):
    main(["evaluate", str(run.folder), "--beam", "1"])
    lines = capsys.readouterr().out.splitlines()
    (bleu,) = (line for line in lines if "BLEU" in line)
    assert "(nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:" in bleu and any("chrF (nrefs:1" in line for line in lines)
    assert any("nats per token" in line for line in lines) and any("seconds to translate" in line for line in lines)
    assert sum("also among those that the model has learned from" in line for line in lines) == 1
    main(["evaluate", str(run.folder), "--beam", "1", "--json"])
    assert json.loads(capsys.readouterr().out)["bleu"] == pytest.approx(float(bleu.split()[0]), abs=1e-4)
