"""How well classes are told apart: accuracy, F1, AUROC, calibration, and which are taken for which."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 15
"""Into how many bins of equal width confidences are put (Guo et al. 2017)."""


def class_scores(logits: Tensor, targets: Tensor, majority: int) -> dict[str, Any]:
    """Everything about a prediction: logits [N, C] and targets [N] of the validation set; majority: the commonest class of the training set.

    loss is the mean cross-entropy, neither smoothed nor weighted; majority_accuracy is that of always saying the commonest class.
    """
    logits = logits.double()
    probabilities = logits.softmax(-1)
    said = probabilities.argmax(-1)
    return {
        "loss": float(F.cross_entropy(logits, targets)),
        "accuracy": float((said == targets).double().mean()),
        "majority_accuracy": float((targets == majority).double().mean()),
        "f1": macro_f1(confusion(said, targets, logits.shape[1])),
        "auroc": auroc(probabilities, targets),
        "calibration_error": calibration_error(probabilities, targets),
        "examples": len(targets),
    }


def lack(scores: dict[str, Any], watch: str) -> float:
    """What decides between two evaluations: the loss, or what the accuracy lacks; of two that are right equally often, the one with less loss."""
    loss = scores["loss"]
    return loss if watch == "loss" else 1 - scores["accuracy"] + loss / (1 + loss) / (2 * scores["examples"])  # less than one example counts


def confusion(said: Tensor, targets: Tensor, classes: int) -> Tensor:
    """How often class i was said to be class j, int64 [C, C]."""
    return (targets * classes + said).bincount(minlength=classes**2).view(classes, classes)


def macro_f1(table: Tensor) -> float:
    """The mean over the classes of F1 = 2 TP / (2 TP + FP + FN), 0 for a class never said nor seen; table: [C, C] of `confusion`."""
    right = table.diagonal().double()
    return float((2 * right / (table.sum(0) + table.sum(1)).clamp(min=1)).mean())


def auroc(probabilities: Tensor, targets: Tensor) -> float:
    """The probability that an example of a class is given more of it than one of another class, ties counting half; the mean over the classes that are seen.

    probabilities: [N, C]; targets: [N]. By ranks (Mann and Whitney 1947). 0.5 where only one class is seen.
    """
    found = [rank_area(probabilities[:, c], targets == c) for c in range(probabilities.shape[1]) if 0 < int((targets == c).sum()) < len(targets)]
    return sum(found) / len(found) if found else 0.5


def rank_area(scores: Tensor, positive: Tensor) -> float:
    """The area under one class's curve. scores: [N]; positive: [N], some True and some False."""
    values, place, counts = scores.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    ranks = (last - (counts - 1) / 2)[place]  # ties share the mean of their ranks, counted from 1
    p, n = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - p * (p + 1) / 2) / (p * n))


def calibration(probabilities: Tensor, targets: Tensor) -> list[tuple[int, float, float]]:
    """Of each bin of confidence (that of the likeliest class): how many examples, their mean confidence, and the part of them that is right."""
    confidence, said = probabilities.double().max(-1)
    bin_of = (confidence * BINS).ceil().long().clamp(1, BINS) - 1
    counts = bin_of.bincount(minlength=BINS)
    sums = [torch.zeros(BINS, dtype=torch.float64).index_add(0, bin_of, x) / counts.clamp(min=1) for x in (confidence, (said == targets).double())]
    return list(zip(counts.tolist(), sums[0].tolist(), sums[1].tolist(), strict=True))


def calibration_error(probabilities: Tensor, targets: Tensor) -> float:
    """sum over the bins of n / N |right - confidence| (expected calibration error, Guo et al. 2017)."""
    return sum(count * abs(right - confidence) for count, confidence, right in calibration(probabilities, targets)) / max(len(targets), 1)
