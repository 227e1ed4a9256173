"""Training a translator of 3 + 3 layers, width 256, beside MarianMTModel of transformers, with the same weights and batches.

    python benchmarks/train_translation.py [--data PAIRS --source de --target en] [--tokens 8000] [--ff 512] [--batches 4]
        [--groups bf16-dropout bf16 fp32-dropout] [--compile] [--repetitions 5] [--json OUT]

PAIRS: what `workings train translation --data` takes; the built-in Bible verses by default. A round trains on the first batches of at most 4,096 tokens,
as `workings train translation` makes them; everyone repeats the same rounds: the loss with labels smoothed by 0.1, gradient, clipping at 1, fused AdamW.
Each variant has a process of its own, they take their rounds in turn, and the fastest repetition counts; the ratio is against the peer's fastest mode.
Tokens are those of both sides, padding not counted.

This project's model begins with the weights of the peer: without dropout both must have the same losses, which are shown; with dropout they drop other
elements, in the same places and with the same probability.
"""

import argparse
import os
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from bare_loop import OURS, compare, lists, rounds
from common import Variant, elsewhere, interleave, machine, save, wait_for_quiet
from torch import Tensor, nn

from workings.layers.fast.memory import keep_freed_memory
from workings.models.encoder_decoder import EncoderDecoder
from workings.objectives.next_token import IGNORE, next_token_loss
from workings.tasks.sentences import some_hidden
from workings.tasks.translation import Translation
from workings.tasks.translation_settings import read_settings
from workings.weights.importing import read_foreign

GROUPS = {"bf16-dropout": (torch.bfloat16, 0.3), "bf16": (torch.bfloat16, 0.0), "fp32-dropout": (None, 0.3)}
LAYERS, HEADS, WIDTH, CONTEXT, SMOOTHING = 3, 8, 256, 256, 0.1


def write_peer(words: int, ff: int, end: int, folder: Path) -> None:
    """MarianMTModel of that size with weights from seed 0; its token of padding, which has no gradient, is one more than the texts have."""
    from transformers import MarianConfig, MarianMTModel

    sizes = dict(vocab_size=words + 1, d_model=WIDTH, max_position_embeddings=CONTEXT, activation_function="relu", scale_embedding=True)
    for side in ("encoder", "decoder"):
        sizes |= {f"{side}_layers": LAYERS, f"{side}_attention_heads": HEADS, f"{side}_ffn_dim": ff}
    torch.manual_seed(0)
    MarianMTModel(MarianConfig(**sizes, pad_token_id=words, eos_token_id=end, decoder_start_token_id=end, forced_eos_token_id=end)).save_pretrained(folder)


def our_rounds(batches: list[dict[str, list]], folder: str, group: str):
    """Rounds of this project's model."""
    keep_freed_memory()
    dtype, dropout = GROUPS[group]
    found = read_foreign(folder).model
    sides = {side: replace(getattr(found.settings, side), dropout=dropout) for side in ("encoder", "decoder")}
    model = EncoderDecoder(replace(found.settings, logit_bias=False, **sides))
    model.load_state_dict({name: tensor.clone() for name, tensor in found.state_dict().items() if name != "logit_bias"})

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        total, count = next_token_loss(model(batch["source"], batch["target"], source_visible=some_hidden(batch["visible"])), batch["targets"], SMOOTHING)
        return total / count

    return rounds(model, loss, batches, dtype)


def peer_rounds(batches: list[dict[str, list]], folder: str, group: str, attention: str, compiled: bool):
    """Rounds of the peer in one of its modes."""
    from transformers import MarianMTModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    dtype, dropout = GROUPS[group]
    drops = dict(dropout=dropout, attention_dropout=dropout, activation_dropout=0.0, use_cache=False)
    peer = MarianMTModel.from_pretrained(folder, attn_implementation=attention, dtype=torch.float32, **drops)
    model = torch.compile(peer, dynamic=True) if compiled else peer

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        mask = some_hidden(batch["visible"])
        logits = model(input_ids=batch["source"], attention_mask=None if mask is None else mask.long(), decoder_input_ids=batch["target"]).logits
        return F.cross_entropy(logits.flatten(0, 1).float(), batch["targets"].flatten(), ignore_index=IGNORE, label_smoothing=SMOOTHING)

    return rounds(model, loss, batches, dtype)


def measure(group: str, batches: list[dict[str, list]], folder: str, tokens: int, given: argparse.Namespace) -> dict:
    """One group: a table on the terminal, and its numbers."""
    before = wait_for_quiet(patience=given.patience)
    peers: list[Variant] = []
    for attention in ("sdpa", "eager"):
        for compiled in (False, True) if given.compile else (False,):
            name = f"MarianMTModel, {attention} attention{', compiled' if compiled else ''}"
            peers.append(elsewhere(name, peer_rounds, batches, folder, group, attention, compiled))
    runs = [elsewhere(OURS, our_rounds, batches, folder, group), *peers]
    interleave(runs, given.repetitions)
    print(f"\n{group}: others used {before:.0%} of the machine before and {wait_for_quiet(patience=0):.0%} after")
    return compare(runs, tokens, "tokens") | {"dropout": GROUPS[group][1], "others_before": before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="bible-short")
    parser.add_argument("--source", default="")
    parser.add_argument("--target", default="")
    parser.add_argument("--tokens", type=int, default=8000, help="of the vocabulary that both languages share")
    parser.add_argument("--ff", type=int, default=512, help="the width inside the feed-forward parts")
    parser.add_argument("--batches", type=int, default=4, help="batches in a round")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--compile", action="store_true", help="the compiled modes of the peer too (they take minutes to start)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for others to be quiet")
    parser.add_argument("--json", help="where to write the numbers")
    given = parser.parse_args()
    data = {"source": given.data, "source_language": given.source, "target_language": given.target, "tokens": given.tokens}
    sizes = {"width": WIDTH, "layers": LAYERS, "heads": HEADS, "ff_width": given.ff, "context": CONTEXT}
    game = Translation(read_settings({"data": data, "model": sizes, "training": {"steps": 1}}))
    batches = [lists(game.batch(step, 0, 0, game.rows(step, 0, 0))) for step in range(given.batches)]
    counts = [sum(map(sum, batch["visible"])) + sum(token != IGNORE for row in batch["targets"] for token in row) for batch in batches]
    places = [len(batch["source"]) * (len(batch["source"][0]) + len(batch["target"][0])) for batch in batches]
    print(game.about())
    print(f"{len(batches)} batches of {sum(len(b['source']) for b in batches):,} pairs, {sum(counts):,} tokens, {1 - sum(counts) / sum(places):.1%} padding")
    with tempfile.TemporaryDirectory() as folder:
        write_peer(game.settings.model.decoder.vocabulary, given.ff, game.settings.model.end, Path(folder))
        groups = {group: measure(group, batches, folder, sum(counts), given) for group in given.groups}
    save(given.json, {"machine": machine(), "tokens": sum(counts), "groups": groups})


if __name__ == "__main__":
    main()
