"""A classifier of texts in use: from Python, from the command line, on tables, and of another system's encoder."""

import json
import math
import re

import pytest
import torch

import workings
from tests.tasks.sentences import SMALL, write_table
from tests.training.games import assert_same_bits
from workings import verbs
from workings.cli.main import main
from workings.data.tokenizers import train_tokenizer
from workings.errors import BadInput
from workings.settings import flatten
from workings.tasks.sentence_classifier import TextClassifier
from workings.tasks.sentences import read_parts
from workings.tasks.sentences_settings import read_settings
from workings.training.journal import read_metrics
from workings.weights.folder import save_folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentences")
    write_table(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workings.training.machine.measured_peak", lambda *given, **options: 100.0)
        assigned = [f"{key}={value}" for key, value in flatten(SMALL).items() if key != "training.steps"]
        return verbs.train("sentences", data=str(folder / "table.csv"), out=folder / "run", steps=8, set=assigned, quiet=True)


def test_a_run_becomes_a_model_that_classifies(run):
    found = run.classify(["a great film", "an awful film"])
    assert [belief.name for belief in found[0].classes] == sorted(("good", "bad"), key=lambda name: name != found[0].name)
    assert sum(belief.probability for belief in found[0].classes) == pytest.approx(1)
    assert run.classify("a great film").name == found[0].name
    assert workings.load(run).class_names == ("bad", "good")


def test_a_text_alone_has_the_probabilities_that_it_has_among_others(run):
    model = workings.load(run)
    texts = ["a great film", "awful", "the music of the scene was of a superb actor and the plot was fine", "was it dull"] * 9
    torch.testing.assert_close(model.probabilities(texts), torch.cat([model.probabilities([text]) for text in texts]), rtol=1e-4, atol=1e-5)


def test_a_long_text_is_shown_by_its_beginning_and_given_whole_as_json(run, capsys):
    text = "a great film and " * 40 + "no more"
    main(["classify", str(run.folder), text, "a  short\none"])
    long, short = capsys.readouterr().out.splitlines()
    shown, _, said = long.partition("…: ")
    assert text.startswith(shown) and 90 < len(shown) < 100 and said.count("%") == 2 and short.startswith("a short one: ")
    main(["classify", str(run.folder), text, "--json"])
    assert json.loads(capsys.readouterr().out)["text"] == text


def test_the_scores_of_the_run_are_those_it_noted(run):
    noted = json.loads((run.model / "config.json").read_text())["scores"]
    scores = run.evaluate()
    assert {name: noted[name] for name in scores if name in noted} == pytest.approx({name: scores[name] for name in noted if name != "step"}, rel=1e-4)
    assert (scores["cut"], scores["unknown_tokens"]) == (0, 0)


def test_another_table_is_scored_by_the_columns_of_the_training_or_by_others(run, tmp_path):
    (tmp_path / "other.tsv").write_text("review\tlabel\na great film\tgood\nan awful film\tbad\nso poor\tbad\n")
    assert workings.evaluate(run, data=str(tmp_path / "other.tsv"), text="review")["examples"] == 3
    with pytest.raises(BadInput, match="has the columns 'review', 'label'"):
        workings.evaluate(run, data=str(tmp_path / "other.tsv"))


def test_texts_of_an_evaluation_that_were_learned_are_told(run, tmp_path, capsys):
    learned = (run.folder.parent / "table.csv").read_text().splitlines()[1:41]
    new = [f"a great film number {number},good" for number in range(10)]
    (tmp_path / "test.csv").write_text(
        "\n".join(["text,label", *(line.upper().replace(",GOOD", ",good").replace(",BAD", ",bad") for line in learned), *new]) + "\n"
    )
    held = read_parts(read_settings(run.settings()).data)[1].texts
    expected = sum(line.rpartition(",")[0] not in held for line in learned)
    assert 20 <= expected < 40  # those of the validation were not learned
    main(["evaluate", str(run.folder), "--data", str(tmp_path / "test.csv"), "--json"])
    scores = json.loads(capsys.readouterr().out)
    assert (scores["overlap"], scores["overlap_part"]) == (expected, pytest.approx(expected / 50))
    main(["evaluate", str(run.folder), "--data", str(tmp_path / "test.csv")])
    out = capsys.readouterr().out
    assert f"{expected} of them also in the training texts ({expected / 50:.1%}), which flatters the scores" in out and "overlap" not in out
    (tmp_path / "new.csv").write_text("\n".join(["text,label", *new]) + "\n")
    assert workings.evaluate(run, data=str(tmp_path / "new.csv"))["overlap"] == 0
    main(["evaluate", str(run.folder), "--data", str(tmp_path / "new.csv")])
    assert "training texts" not in capsys.readouterr().out


def test_nothing_is_said_of_an_overlap_where_the_texts_of_the_training_are_not_known(run, tmp_path):
    (tmp_path / "test.csv").write_text("text,label\na great film,good\nan awful film,bad\n")
    assert "overlap" not in workings.evaluate(run.model, data=str(tmp_path / "test.csv"))
    (tmp_path / "run" / "model").mkdir(parents=True)
    for path in run.model.iterdir():
        (tmp_path / "run" / "model" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "run" / "config.toml").write_text(run.config.read_text().replace("table.csv", "gone.csv"))
    assert "overlap" not in workings.evaluate(tmp_path / "run", data=str(tmp_path / "test.csv"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(dict(context=5), "--context has no meaning"), (dict(text="x"), "say how to read --data"), (dict(data="no.csv"), "There is no table")],
)
def test_what_evaluation_cannot_do_is_refused(run, arguments, said):
    with pytest.raises(BadInput, match=said):
        workings.evaluate(run, **arguments)


def test_a_models_folder_does_not_know_its_texts(run):
    with pytest.raises(BadInput, match="does not know the texts it was trained on"):
        workings.evaluate(run.model)


def test_the_command_line_classifies_texts_tables_and_lines(run, tmp_path, capsys):
    (tmp_path / "some.jsonl").write_text('{"text": "a dull plot"}\n{"text": "fine"}\n')
    (tmp_path / "lines.txt").write_text("one line\n\nanother line\n")
    with pytest.raises(SystemExit) as stop:
        main(["classify", str(run.folder), "a great film", str(tmp_path / "some.jsonl"), str(tmp_path / "lines.txt"), "--json"])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["text"] for one in found] == ["a great film", "a dull plot", "fine", "one line", "", "another line"]
    blank = found.pop(4)
    assert stop.value.code == 2 and "Text 5 is empty" in blank["error"]
    assert all(set(one) == {"text", "classes"} and len(one["classes"]) == 2 for one in found)
    main(["classify", str(run.folder), "a great\nfilm", "--top", "1"])
    name, *rest = capsys.readouterr().out.splitlines()
    assert name.startswith("a great film: ") and name.endswith("%") and not rest


def test_the_command_line_explains_a_text(run, capsys):
    main(["classify", str(run.folder), "a great film", "an awful plot", "--explain", "--json"])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for one, text in zip(found, ("a great film", "an awful plot"), strict=True):
        why = one["explained"]
        assert why["name"] == one["classes"][0]["name"] and "".join(piece["text"] for piece in why["pieces"]) == text
        assert why["log_odds"] == pytest.approx(math.log(one["classes"][0]["probability"] / one["classes"][1]["probability"]), abs=1e-4)
        assert sum(piece["contribution"] for piece in why["pieces"]) == pytest.approx(why["log_odds"] - why["baseline"], abs=1e-3)
    main(["classify", str(run.folder), "a great film", "--explain"])
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert first.startswith("a great film: ") and last.startswith(f"  log-odds of {found[0]['explained']['name']}: ")
    assert [re.fullmatch(r"  [+\u2212]\d\.\d\d (.*)", line)[1] for line in lines] == [piece["text"] for piece in found[0]["explained"]["pieces"]]


def test_python_explains_a_text_when_asked(run):
    assert run.classify("a great film", explain=True).explained.name == run.classify("a great film").name
    assert run.classify("a great film").explained is None


@pytest.mark.parametrize(
    ("given", "said"), [("no.csv", "There is no table 'no.csv'"), ("no.txt", "There is no file 'no.txt'"), (" ", "A text to classify is empty")]
)
def test_what_is_no_text_is_refused_with_one_sentence(run, given, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["classify", str(run.folder), given])
    assert stop.value.code == 2 and said in capsys.readouterr().err


def test_texts_longer_than_what_is_read_are_cut_and_counted(run):
    model = workings.load(run)
    short, long = model.classify(["short", "the film of the plot and the actor " * 40])
    assert model.cut == 1 and short.unread is None
    assert long.unread == len(model.tokenizer.encode(long.text)) - 31  # the context is 32, one of it for <cls>


def test_of_ten_thousand_words_what_has_room_is_read_and_the_rest_is_told(run, tmp_path, capsys):
    words = "the film was superb " * 2500
    (tmp_path / "long.csv").write_text(f"text,label\n{words},good\na dull plot,bad\n")
    assert workings.evaluate(run, data=str(tmp_path / "long.csv"))["cut"] == 1
    main(["evaluate", str(run.folder), "--data", str(tmp_path / "long.csv")])
    assert " 1 of them longer than what is read of a text" in capsys.readouterr().out
    main(["classify", str(run.folder), str(tmp_path / "long.csv"), "--json"])
    out, err = capsys.readouterr()
    first, second = map(json.loads, out.splitlines())
    assert first["unread"] == len(workings.load(run).tokenizer.encode(words)) - 31 and "unread" not in second
    assert "1 of 2 texts cut to what the model reads" in err


def test_rows_of_a_table_without_a_text_are_named_and_keep_their_place(run, tmp_path, capsys):
    (tmp_path / "some.csv").write_text("text,label\na dull plot,bad\n   ,bad\nfine,good\n")
    with pytest.raises(SystemExit) as stop:
        main(["classify", str(run.folder), str(tmp_path / "some.csv"), "--json"])
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert stop.value.code == 2 and [len(row["classes"]) for row in rows] == [2, 0, 2]
    assert rows[1]["error"] in err and "Text 2 is empty" in err and "1 text of 3 could not be read" in err


def test_rows_that_an_evaluation_leaves_out_are_counted_and_a_label_that_was_not_learned_is_refused(run, tmp_path, capsys):
    (tmp_path / "test.csv").write_text("text,label\na dull plot,bad\n,bad\n  ,good\nfine,\nfine, good \n")
    main(["evaluate", str(run.folder), "--data", str(tmp_path / "test.csv")])
    out = capsys.readouterr().out
    assert " 2 examples, each once" in out and " 3 left out: without a label, empty or not to be read" in out
    (tmp_path / "test.csv").write_text("text,label\na dull plot,Bad\n")
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", str(run.folder), "--data", str(tmp_path / "test.csv")])
    err = capsys.readouterr().err
    assert stop.value.code == 2 and "The label 'Bad' in" in err and "is not among those of the training texts. Did you mean 'bad'?" in err


@pytest.mark.parametrize("text", ["ภาษาไทย", "🎬🎥👍🏽", "日本語の映画", "\u202e\u200b", "a\x00\x1b[2Jb"])
def test_scripts_that_were_never_seen_are_read_as_bytes_and_classified(run, text):
    found = workings.load(run).classify(text, explain=True)
    assert sum(belief.probability for belief in found.classes) == pytest.approx(1)
    assert "".join(piece.text for piece in found.explained.pieces) == text


def test_the_report_shows_who_is_taken_for_whom_how_sure_and_the_surest_mistakes(run):
    page = (run.folder / "report.html").read_text()
    for title in ("Data", "Which is taken for which", "As sure as right?", "Surest mistakes", "Why it says so", "Accuracy"):
        assert title in page
    assert "96 texts of" in (run.samples / "data.txt").read_text()
    card = (run.model / "README.md").read_text()
    assert "text-classification" in card and "Accuracy of always saying the commonest class" in card and "model.classify" in card


def test_a_test_set_is_scored_once_at_the_end_with_the_best_weights_and_changes_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("workings.training.machine.measured_peak", lambda *given, **options: 100.0)
    write_table(tmp_path)
    (tmp_path / "test.csv").write_text("text,label\na great film,good\nan awful film,bad\nso poor,bad\n,bad\n")
    assigned = [f"{key}={value}" for key, value in flatten(SMALL).items() if key != "training.steps"]
    choices = dict(data=str(tmp_path / "table.csv"), steps=8, set=assigned)
    with_test = verbs.train("sentences", out=tmp_path / "with", test=str(tmp_path / "test.csv"), **choices)
    err = capsys.readouterr().err
    assert "3 texts of" in err and "to test at the very end (left out: 1 row without a text)" in err and "test loss" in err
    without = verbs.train("sentences", out=tmp_path / "without", quiet=True, **choices)
    assert_same_bits(with_test.folder, without.folder)
    (row,) = [row for row in read_metrics(with_test.metrics) if row["event"] == "test"]
    assert not [row for row in read_metrics(without.metrics) if row["event"] == "test"]
    scores = with_test.evaluate(data=str(tmp_path / "test.csv"))
    assert row["examples"] == 3 and {name: row[name] for name in ("loss", "accuracy", "auroc")} == pytest.approx(
        {name: scores[name] for name in ("loss", "accuracy", "auroc")}
    )
    assert row["majority_accuracy"] == pytest.approx(1 / 3)  # the commonest class of the training texts is the rarer one here
    page, card = (with_test.folder / "report.html").read_text(), (with_test.model / "README.md").read_text()
    assert "Scores on the test data" in page and "## Scores on the test data" in card and '"split": "test"' in card
    assert "Scores on the test data" not in (without.folder / "report.html").read_text() and "test data" not in (without.model / "README.md").read_text()
    assert verbs.resume(with_test, steps=10, quiet=True).settings()["data"]["test_source"]
    assert len([row for row in read_metrics(with_test.metrics) if row["event"] == "test"]) == 1


def test_a_test_set_with_an_unknown_label_is_refused_before_anything_is_trained(tmp_path):
    (tmp_path / "test.csv").write_text("text,label\na great film,godo\n")
    with pytest.raises(BadInput, match="The label 'godo' in .*test.csv' is not among those of the training texts. Did you mean 'good'"):
        verbs.train("sentences", data=str(write_table(tmp_path)), test=str(tmp_path / "test.csv"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_resume_goes_on_with_a_run_of_sentences(run):
    assert verbs.resume(run, steps=10, quiet=True).settings()["training"]["steps"] == 10


def test_an_encoder_with_classes_of_another_system_classifies_too(tmp_path):
    from transformers import BertConfig, BertForSequenceClassification

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"a great dull film".split()]
    labels = {0: "no", 1: "maybe", 2: "yes"}
    config = BertConfig(vocab_size=len(words), hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, max_position_embeddings=16)
    config.id2label, config.label2id = labels, {name: number for number, name in labels.items()}
    theirs = BertForSequenceClassification(config).eval()
    theirs.save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    model = workings.load(tmp_path)
    (tmp_path / "test.csv").write_text("text,label\na great ☃ film,yes\nภาษาไทย,no\n")
    assert workings.evaluate(tmp_path, data=str(tmp_path / "test.csv"))["unknown_tokens"] == 2
    tokens = torch.tensor([[2, 5, 6, 8, 3]])
    with torch.no_grad():
        wanted = theirs(tokens).logits.softmax(-1)
    torch.testing.assert_close(model.probabilities(["a great film"]), wanted, rtol=1e-4, atol=1e-5)
    assert [belief.name for belief in model.classify("a great film").classes] == [labels[place] for place in wanted[0].argsort(descending=True).tolist()]


def test_a_model_of_another_job_is_refused(tmp_path):
    from workings.models.build import build
    from workings.models.settings import model_settings

    tokenizer = train_tokenizer("byte", [""])
    model = build(model_settings("gpt", vocabulary=tokenizer.size, width=8, layers=1, heads=2))
    save_folder(tmp_path / "m", "language", model.settings, model.state_dict(), tokenizer, "# Card\n")
    with pytest.raises(BadInput, match="'language', which does not say the class of a text"):
        TextClassifier(tmp_path / "m")
    with pytest.raises(BadInput, match="does not classify"):
        workings.classify(tmp_path / "m", ["a text"])
