"""A translator's scores on pairs: its loss, and how like their references its translations are."""

import time
from typing import Any

import torch

from workings.data.overlap import overlap_scores
from workings.data.pairs import Pairs
from workings.data.token_buckets import TokenBuckets
from workings.tasks.translation import framed, lengths_of, token_scores
from workings.tasks.translation_scores import Tokenize, translation_scores
from workings.tasks.translator import Translator

TOKENS, ROWS = 4096, 512
"""How much is predicted at once."""


def evaluate_pairs(
    translator: Translator, pairs: Pairs, tokenize: Tokenize = "13a", lowercase: bool = False, beam: int | None = None, learned: Pairs | None = None
) -> dict[str, Any]:
    """Every token of the references predicted once, given those before it; and every source translated as the model's folder wants it, or with that beam.

    tokenize and lowercase: how BLEU compares, see `translation_scores`. learned: the pairs that the model has learned from, to count which are also here.
    Pairs with a side that the model cannot read at once are left out, and counted.
    """
    model = translator.model.settings
    kept, examples = framed(pairs, translator.tokenizer, model, max(model.encoder.context, model.decoder.context))
    scores: dict[str, Any] = {"pairs": len(kept)}
    if len(kept) < len(pairs):
        scores["left_out"] = len(pairs) - len(kept)
    if learned is not None:
        scores |= overlap_scores(learned.sources, kept.sources)
    with torch.inference_mode():
        scores |= token_scores(translator.model, examples, TokenBuckets(lengths_of(examples), TOKENS, ROWS, 0))
    started = time.perf_counter()
    said = [one.text for one in translator.translate_all(kept.sources, **({"beam": beam} if beam is not None else {}))]
    seconds = time.perf_counter() - started
    return scores | translation_scores(said, kept.targets, tokenize, lowercase) | {"seconds": seconds}
