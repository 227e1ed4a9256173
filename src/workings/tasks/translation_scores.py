"""How like its references a translation is: BLEU (Papineni et al. 2002) and chrF (Popović 2015) as sacreBLEU computes them (Post 2018)."""

from collections.abc import Sequence
from typing import Any, Literal

from sacrebleu.metrics import BLEU, CHRF

from workings.errors import BadInput, counted

Tokenize = Literal["13a", "none", "intl", "char", "zh"]
"""How BLEU finds words: as mteval-v13a does, or not at all, for texts whose words are already set apart; by every script's punctuation; characters; Chinese."""


def translation_scores(hypotheses: Sequence[str], references: Sequence[str], tokenize: Tokenize = "13a", lowercase: bool = False) -> dict[str, Any]:
    """BLEU and chrF of a whole test set, each from 0 to 100, and the signatures that say how they were computed; one reference for each hypothesis.

    BLEU = BP exp(1/4 sum over n <= 4 of ln p_n), p_n the part of the hypotheses' n-grams that are in their references, BP = min(1, e^(1 - r / c)) for
    c words in r. chrF is F_2 of the n-grams of up to 6 characters, spaces left out. Sums are over the whole set, not means over sentences.
    """
    if len(hypotheses) != len(references):
        raise BadInput(f"There are {counted(len(hypotheses), 'translation')} for {counted(len(references), 'reference')}; give one for each.")
    if not references:
        raise BadInput("There are no translations to score; give one at least.")
    bleu, chrf = BLEU(tokenize=tokenize, lowercase=lowercase, force=True), CHRF(lowercase=lowercase)  # force: no warning about words set apart
    scored = [(metric.corpus_score(list(hypotheses), [list(references)]).score, str(metric.get_signature())) for metric in (bleu, chrf)]
    return {"bleu": scored[0][0], "bleu_signature": scored[0][1], "chrf": scored[1][0], "chrf_signature": scored[1][1]}


def signatures() -> tuple[str, str]:
    """How BLEU and chrF are computed by default, in sacreBLEU's words."""
    scores = translation_scores([""], [""])
    return scores["bleu_signature"], scores["chrf_signature"]


def sentence_chrf(hypothesis: str, reference: str) -> float:
    """chrF of one sentence, from 0 to 100: BLEU of one sentence says little, since few have a fourgram in common with their reference."""
    return CHRF().sentence_score(hypothesis, [reference]).score
