"""A translation model in use, from Python and from the command line: a folder of Marian as transformers saves it."""

import io
import json
import os
import re

import pytest
import torch

import workings
from tests.data.test_foreign_tokenizers import make_marian
from workings.cli.main import main
from workings.cli.translate import shown
from workings.data.tokenizers import train_tokenizer
from workings.errors import BadInput
from workings.generation.translate import Translated, Translation
from workings.models.build import build
from workings.models.settings import model_settings
from workings.tasks.translator import Translator
from workings.weights.folder import load_folder, save_folder

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small random Marian with a tokenizer, whose generation_config.json asks for a beam of 3."""
    from tests.weights.test_marian import marian_oracle

    folder = tmp_path_factory.mktemp("marian")
    make_marian(folder)
    words = json.loads((folder / "vocab.json").read_text())
    pad = words["<pad>"]
    model = marian_oracle(vocab_size=len(words), pad_token_id=pad, decoder_start_token_id=pad, forced_eos_token_id=0, max_position_embeddings=40)
    model.generation_config.update(num_beams=3, max_length=12, bad_words_ids=[[pad]], length_penalty=0.8)
    model.save_pretrained(folder)
    return folder


TEXTS = ["the cat", "the dog and the cat and the dog", "cat"]


def test_a_folder_of_marian_translates_as_transformers_does_with_its_own_defaults(folder):
    theirs = transformers.MarianMTModel.from_pretrained(folder).eval()
    tokenizer = transformers.MarianTokenizer.from_pretrained(folder)
    with torch.no_grad():
        wanted = tokenizer.batch_decode(theirs.generate(**tokenizer(TEXTS, return_tensors="pt", padding=True)), skip_special_tokens=True)
    translator = workings.load(folder)
    assert isinstance(translator, Translator)
    assert translator.translate(TEXTS) == wanted
    assert translator.translate(TEXTS[0]) == wanted[0]


def test_what_is_asked_for_comes_before_the_folders_defaults(folder):
    translator = workings.load(folder)
    settings = translator.settings(length_penalty=0.0, tokens=5)
    assert (settings.beam, settings.length_penalty, settings.tokens, settings.forced_end) == (3, 0.0, 5, True)
    assert translator.settings(nbest=5).beam == 5
    assert translator.settings(temperature=0.5).beam == 1
    several = next(translator.translate_all(["the cat"], nbest=3)).translations
    assert len(several) == 3 and several == sorted(several, key=lambda one: -one.score)


def test_saved_as_our_own_folder_it_translates_the_same(folder, tmp_path):
    saved = load_folder(folder)
    facts = {"generation": saved.facts["generation"]}
    save_folder(tmp_path / "ours", saved.task, saved.model.settings, saved.model.state_dict(), saved.tokenizer, "# Card\n", **facts)
    ours = workings.load(tmp_path / "ours")
    assert ours.translate(TEXTS) == workings.load(folder).translate(TEXTS)
    assert ours.settings().beam == 3


@pytest.mark.parametrize(
    ("texts", "choices", "said"),
    [
        ("", {}, "Text 1 to translate is ''; it must be a text that is not empty"),
        (["the cat", "  "], {}, "Text 2 to translate is '  '"),
        ("the cat", {"beam": 0}, "translate.beam is 0"),
        ("the cat", {"beam": 2, "nbest": 3}, "translate.nbest is 3, but only translate.beam = 2"),
        ("the cat", {"bean": 2}, "no setting 'translate.bean'. Did you mean 'translate.beam'"),
        ("the cat", {"stopping": "soon"}, "translate.stopping is 'soon'"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_in_a_sentence(folder, texts, choices, said):
    with pytest.raises(BadInput, match=said):
        workings.load(folder).translate(texts, **choices)


@pytest.fixture
def language_model(tmp_path):
    settings = model_settings("gpt", vocabulary=5, context=6, width=8, layers=1, heads=2)
    save_folder(tmp_path / "model", "language", settings, build(settings).state_dict(), train_tokenizer("character", ["abcde"], 0), "# Card\n")
    return tmp_path / "model"


def test_a_model_that_does_not_translate_says_so(language_model):
    with pytest.raises(BadInput, match="which does not translate"):
        Translator(language_model)
    with pytest.raises(BadInput, match="holds a model that does not translate"):
        workings.translate(language_model, "abc")


def printed(capsys, *words: str) -> str:
    main(["translate", *words])
    return capsys.readouterr().out


def test_the_command_translates_texts_and_files_line_by_line(folder, tmp_path, capsys):
    wanted = workings.load(folder).translate(TEXTS)
    assert printed(capsys, str(folder), *TEXTS).splitlines() == wanted
    (tmp_path / "in.txt").write_text(f"{TEXTS[0]}\n\n{TEXTS[1]}\n{TEXTS[2]}")
    assert printed(capsys, str(folder), "--file", str(tmp_path / "in.txt"), "--out", str(tmp_path / "out.txt")) == ""
    assert (tmp_path / "out.txt").read_text().splitlines() == [wanted[0], "", *wanted[1:]]


def test_a_text_that_is_the_name_of_a_file_stands_for_its_lines(folder, tmp_path, monkeypatch, capsys):
    wanted = workings.load(folder).translate(TEXTS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news.en").write_text(f"{TEXTS[1]}\n{TEXTS[2]}\n")
    assert printed(capsys, str(folder), TEXTS[0], "news.en", TEXTS[0]).splitlines() == [*wanted, wanted[0]]
    main(["translate", str(folder), "news.en", "--out", "news.fr"])
    said = capsys.readouterr()
    assert said.out == "" and re.fullmatch(r"2 texts in [0-9.]+ s: news.fr\n", said.err)
    assert (tmp_path / "news.fr").read_text().splitlines() == wanted[1:]


def test_a_file_of_translations_appears_whole_and_what_was_made_before_an_end_too_soon_is_kept_and_said(folder, tmp_path, monkeypatch, capsys):
    wanted = workings.load(folder).translate(TEXTS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news.fr").write_text("as it was\n")

    def texts(stop: BaseException):
        """Two texts, translated one by one, and then the end."""
        for text in TEXTS[:2]:
            yield from workings.load(folder).translate_all([text])
            assert (tmp_path / "news.fr").read_text() == "as it was\n"
        raise stop

    for stop, code in ((KeyboardInterrupt(), 130), (BadInput("The third is no text."), 2)):
        monkeypatch.setattr("workings.verbs.translate", lambda *given, stop=stop, **choices: texts(stop))
        with pytest.raises(SystemExit) as end:
            main(["translate", str(folder), *TEXTS, "--out", "news.fr"])
        assert end.value.code == code and "what was written until then is in news.fr.part" in capsys.readouterr().err
        assert (tmp_path / "news.fr.part").read_text().splitlines() == wanted[:2] and (tmp_path / "news.fr").read_text() == "as it was\n"
    monkeypatch.undo()
    main(["translate", str(folder), *TEXTS, "--out", str(tmp_path / "news.fr")])
    assert (tmp_path / "news.fr").read_text().splitlines() == wanted and not (tmp_path / "news.fr.part").exists()


def test_nothing_is_left_where_nothing_was_written_and_a_device_is_not_replaced(folder, tmp_path):
    with pytest.raises(SystemExit):
        main(["translate", str(folder), "--file", "no-such-file", "--out", str(tmp_path / "out")])
    assert list(tmp_path.iterdir()) == []
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    main(["translate", str(folder), "the cat", "--out", str(pipe)])
    assert os.read(reader, 1000).decode() == workings.load(folder).translate("the cat") + "\n" and pipe.is_fifo()
    os.close(reader)


def test_standard_input_is_translated_line_by_line(folder, monkeypatch, capsys):
    wanted = workings.load(folder).translate(TEXTS)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(TEXTS)))
    assert printed(capsys, str(folder), "--file", "-").splitlines() == wanted


def test_a_translation_of_several_lines_is_one_line_of_the_answer():
    one = Translation(text="ein\nzwei\r\ndrei", score=-1.0, logprob=-1.0, tokens=[], ended=True)
    assert shown(Translated(source="a", translations=[one]), 1) == "ein zwei drei"
    assert shown(Translated(source="a", translations=[one, one]), 2) == "  -1.0000  ein zwei drei\n" * 2


def test_several_translations_come_with_scores_and_json_says_everything(folder, capsys):
    lines = printed(capsys, str(folder), "the cat", "--beam", "4", "--nbest", "2").splitlines()
    assert [float(line.split()[0]) for line in lines[:2]] == sorted((float(line.split()[0]) for line in lines[:2]), reverse=True)
    (one,) = map(json.loads, printed(capsys, str(folder), "the cat", "--json").splitlines())
    assert one["source"] == "the cat" and set(one["translations"][0]) == {"text", "score", "logprob", "tokens", "ended"}


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_layer_that_there_is_not_is_refused_before_anything_is_printed(folder, more, capsys):
    with pytest.raises(SystemExit):
        main(["translate", str(folder), "the cat", "--show-attention", "--layer", "9", *more])
    said = capsys.readouterr()
    assert said.out == "" and "There is no layer 9 of cross-attention" in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "There is nothing to translate"),
        ([""], "Text 1 to translate is empty"),
        (["the cat", "--beam", "0"], "--beam is 0"),
        (["the cat", "--beam", "2", "--nbest", "3"], "--nbest is 3"),
        (["--file", "no-such-file"], "no-such-file: No such file"),
        (["--file", "same.txt", "--out", "same.txt"], "would be written over"),
        (["same.txt", "--out", "same.txt"], "would be written over"),
        (["the cat", "--layer", "1"], "--layer says which layer --show-attention shows"),
        (["the cat", "--show-attention", "--layer", "9"], "no layer 9 of cross-attention"),
    ],
    ids=str,
)
def test_the_command_refuses_in_a_sentence(folder, words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "same.txt").write_text("the cat\n")
    with pytest.raises(SystemExit) as stop:
        main(["translate", str(folder), *words])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and said in error and len(error.strip().splitlines()) == 1
    assert (tmp_path / "same.txt").read_text() == "the cat\n"


def test_the_alignment_of_the_models_own_translation_is_that_of_its_tokens(folder):
    translator = workings.load(folder)
    for text in TEXTS:
        (one,) = translator.translate_all([text], alignment=True)
        found, best = one.alignment, one.translations[0]
        assert " ".join(found.source[:-1]) == text and found.source[-1] == "(end)"
        assert found.target[-1] == "(end)" or not best.ended
        assert "".join(found.target[: -1 if best.ended else None]).replace("␣", "") == best.text.replace(" ", "")
        torch.testing.assert_close(found.weights.sum(-1), torch.ones(found.weights.shape[:-1]))
        assert torch.equal(translator.alignment(text).weights, found.weights)
    (blank,) = translator.translate_all(["  "], alignment=True)
    assert blank.alignment is None


def test_a_translation_of_ones_own_is_aligned_word_by_word(folder):
    found = workings.load(folder).alignment("the dog and the cat", "le chien")
    assert found.source == ["the", "dog", "and", "the", "cat", "(end)"] and found.target == ["le", "chien", "(end)"]
    assert found.layer().shape == (3, 6)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((" ",), "The text to align is ' '"),
        (("the cat", ""), "The translation to align is ''"),
        (("the cat", "le chat " * 50), "translation to align has .* at most"),
    ],
    ids=["no text", "no translation", "too long"],
)
def test_what_cannot_be_aligned_is_refused_in_a_sentence(folder, given, said):
    with pytest.raises(BadInput, match=said):
        workings.load(folder).alignment(*given)


def test_the_command_shows_what_was_looked_at_in_digits_where_there_is_no_terminal(folder, capsys):
    lines = printed(capsys, str(folder), "the cat", "--show-attention").splitlines()
    assert lines[0] == workings.load(folder).translate("the cat") and lines[1] == ""
    layers = workings.load(folder).alignment("the cat").weights.shape[0]
    assert lines[-2] == f"(layer {max(1, layers - 1)} of {layers}, mean over its 3 heads)"
    assert not set("░▒▓█") & set("".join(lines))


def test_json_holds_the_map_of_the_layer_that_is_asked_for(folder, capsys):
    (one,) = map(json.loads, printed(capsys, str(folder), "the cat", "--show-attention", "--layer", "1", "--json").splitlines())
    found = workings.load(folder).alignment("the cat")
    assert (one["alignment"]["source"], one["alignment"]["target"], one["alignment"]["layer"]) == (found.source, found.target, 1)
    torch.testing.assert_close(torch.tensor(one["alignment"]["weights"]), found.layer(1), atol=1e-4, rtol=0)
