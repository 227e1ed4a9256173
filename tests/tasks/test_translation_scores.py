"""BLEU and chrF: sacreBLEU's own numbers, and those that can be computed by hand."""

import math

import pytest
import sacrebleu

from workings.errors import BadInput
from workings.tasks.translation_scores import sentence_chrf, translation_scores

HYPOTHESES = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
REFERENCES = ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."]


def test_the_scores_are_sacrebleus_own():
    scores = translation_scores(HYPOTHESES, REFERENCES)
    assert scores["bleu"] == sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score
    assert scores["chrf"] == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score


def test_a_translation_that_is_its_reference_scores_100():
    scores = translation_scores(REFERENCES, REFERENCES)
    assert scores["bleu"] == pytest.approx(100) and scores["chrf"] == pytest.approx(100)
    assert sentence_chrf(REFERENCES[0], REFERENCES[0]) == pytest.approx(100)


def test_nothing_in_common_scores_nothing():
    scores = translation_scores(["aaa bbb ccc ddd"], ["xxx yyy zzz www"])
    assert scores["chrf"] == 0 and scores["bleu"] < 10  # the counts of n-grams that are nowhere are smoothed


def test_a_translation_that_stops_early_pays_the_brevity_penalty_in_closed_form():
    """Every n-gram of the first c words of r is right, so BLEU = 100 e^(1 - r / c)."""
    words = [f"w{i}" for i in range(12)]
    for c in (4, 7, 11):
        scores = translation_scores([" ".join(words[:c])], [" ".join(words)], tokenize="none")
        assert scores["bleu"] == pytest.approx(100 * math.exp(1 - 12 / c))


def test_bleu_is_the_geometric_mean_of_the_parts_of_n_grams_that_are_right():
    """One wrong word at the end of eight: 7/8 words, 6/7 pairs, 5/6, 4/5; their product telescopes."""
    right = [f"w{i}" for i in range(8)]
    scores = translation_scores([" ".join([*right[:7], "x"])], [" ".join(right)], tokenize="none")
    assert scores["bleu"] == pytest.approx(100 * (4 / 8) ** 0.25)


def test_chrf_of_one_character_is_f_2_by_hand():
    """Of "ab" in "abcd": every letter and pair said is there, half of the letters and a third of the pairs are said; longer n-grams are not counted."""
    precision, recall = 1.0, (2 / 4 + 1 / 3) / 2
    assert sentence_chrf("ab", "abcd") == pytest.approx(100 * 5 * precision * recall / (4 * precision + recall))


def test_the_score_of_a_set_is_no_mean_of_scores_of_sentences_and_does_not_depend_on_their_order():
    scores = translation_scores(HYPOTHESES, REFERENCES)
    assert translation_scores(HYPOTHESES[::-1], REFERENCES[::-1]) == scores
    each = [translation_scores([h], [r])["bleu"] for h, r in zip(HYPOTHESES, REFERENCES, strict=True)]
    assert abs(scores["bleu"] - sum(each) / 3) > 1


def test_case_and_tokenization_act_and_are_in_the_signature():
    plain = translation_scores(["A dog , running ."], ["a dog, running."])
    lower = translation_scores(["A dog , running ."], ["a dog, running."], lowercase=True)
    none = translation_scores(["A dog , running ."], ["a dog, running."], tokenize="none", lowercase=True)
    assert lower["bleu"] == pytest.approx(100) and lower["chrf"] == pytest.approx(100)
    assert plain["bleu"] < lower["bleu"] and none["bleu"] < lower["bleu"]
    assert "tok:13a" in plain["bleu_signature"] and "case:mixed" in plain["bleu_signature"] and f"version:{sacrebleu.__version__}" in plain["bleu_signature"]
    assert "tok:none" in none["bleu_signature"] and "case:lc" in none["bleu_signature"] and "case:lc" in none["chrf_signature"]
    assert "nc:6" in plain["chrf_signature"] and "nw:0" in plain["chrf_signature"]


def test_words_already_set_apart_are_scored_without_a_warning(caplog):
    assert translation_scores(["a dog runs ."] * 200, ["a dog runs ."] * 200, tokenize="none")["bleu"] == pytest.approx(100)
    assert not caplog.records


@pytest.mark.parametrize(("hypotheses", "references", "said"), [(["a"], ["a", "b"], "1 translation for 2 references"), ([], [], "no translations to score")])
def test_what_cannot_be_scored_is_refused_in_a_sentence(hypotheses, references, said):
    with pytest.raises(BadInput, match=said):
        translation_scores(hypotheses, references)
