"""Training models of pictures beside transformers, with the same weights and batches: vision transformers and residual networks.

    python benchmarks/train_pictures.py [--models vit-tiny-16 vit-32 resnet-18 resnet-50] [--groups bf16 fp32] [--no-compile] [--repetitions 5] [--json OUT]

vit-32 is for pictures of 32 x 32: patches of 4, width 192, 9 layers. A round trains once on each of two batches: the cross-entropy of ten classes, gradient,
clipping at 1, fused AdamW. Both begin with the same weights, so both must have the same losses, which are shown; nothing is dropped. Each variant has
a process of its own, they take their rounds in turn, and the fastest repetition counts; the ratio is against the peer's fastest mode. Residual networks of
the peer have their channels last, which is how they are fastest.
"""

import argparse
import os
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from bare_loop import OURS, compare, rounds
from common import Variant, elsewhere, interleave, machine, save, wait_for_quiet
from pictures import peer_of
from torch import Tensor, nn

from workings.layers.fast.memory import keep_freed_memory
from workings.models.build import build
from workings.models.resnet_settings import resnet_settings
from workings.models.vision_settings import body, vision_settings

PRECISIONS = {"bf16": torch.bfloat16, "fp32": None}
CLASSES, BATCHES = 10, 2
MODELS: dict[str, tuple[Callable[[], Any], int, int]] = {
    "vit-tiny-16": (lambda: vision_settings("vit-tiny-16", classes=CLASSES), 224, 16),
    "vit-32": (lambda: vision_settings("vit-tiny-16", classes=CLASSES, image_size=(32,), patch_size=(4,), body=body(width=192, layers=9, heads=3)), 32, 64),
    "resnet-18": (lambda: resnet_settings("resnet-18", classes=CLASSES), 224, 16),
    "resnet-50": (lambda: resnet_settings("resnet-50", classes=CLASSES), 224, 8),
}
"""Name -> settings, the side of a picture, pictures in a batch."""


def model_of(name: str) -> nn.Module:
    """The model with the weights that both sides begin with."""
    torch.manual_seed(0)
    return build(MODELS[name][0]())


def batches_of(name: str) -> list[dict[str, Tensor]]:
    """Pictures of noise and their classes, which are learned by heart."""
    _, side, count = MODELS[name]
    draw = torch.Generator().manual_seed(1)
    return [
        {"pictures": torch.randn(count, 3, side, side, generator=draw), "targets": torch.randint(CLASSES, (count,), generator=draw)} for _ in range(BATCHES)
    ]


def rounds_of(model: nn.Module, ask: Callable[[nn.Module, Tensor], Tensor], name: str, precision: str, channels_last: bool):
    """Rounds of a model on the batches."""

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return F.cross_entropy(ask(model, batch["pictures"]).float(), batch["targets"])

    batches = batches_of(name)
    if channels_last:
        batches = [{**batch, "pictures": batch["pictures"].contiguous(memory_format=torch.channels_last)} for batch in batches]
    return rounds(model, loss, batches, PRECISIONS[precision])


def our_rounds(name: str, precision: str):
    """Rounds of this project's model, with what its training does."""
    keep_freed_memory()
    return rounds_of(model_of(name), lambda model, x: model(x), name, precision, channels_last=True)


def peer_rounds(name: str, precision: str, attention: str, compiled: bool):
    """Rounds of the peer in one of its modes."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    peer = peer_of(model_of(name), attention, torch.float32)
    last = not attention
    if last:
        peer = peer.to(memory_format=torch.channels_last)
    return rounds_of(torch.compile(peer) if compiled else peer, lambda model, x: model(pixel_values=x).logits, name, precision, channels_last=last)


def measure(name: str, precision: str, given: argparse.Namespace) -> dict:
    """One model in one precision: a table on the terminal, and its numbers."""
    before = wait_for_quiet(patience=given.patience)
    attentions = ("",) if name.startswith("resnet") else ("sdpa", "eager")
    modes = [(attention, False) for attention in attentions] + [(attention, True) for attention in attentions[-1:] if given.compile]
    peers: list[Variant] = []
    for attention, compiled in modes:
        words = ", ".join(filter(None, ("transformers", attention and f"{attention} attention", "compiled" if compiled else "")))
        peers.append(elsewhere(words, peer_rounds, name, precision, attention, compiled))
    runs = [elsewhere(OURS, our_rounds, name, precision), *peers]
    interleave(runs, given.repetitions)
    print(f"\n{name}, {precision}: others used {before:.0%} of the machine before and {wait_for_quiet(patience=0):.0%} after")
    return compare(runs, BATCHES * MODELS[name][2], "pictures") | {"model": name, "precision": precision, "others_before": before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--groups", nargs="+", default=["bf16"], choices=PRECISIONS)
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for others to be quiet")
    parser.add_argument("--json", help="where to write the numbers")
    given = parser.parse_args()
    results = [measure(name, precision, given) for name in given.models for precision in given.groups]
    save(given.json, {"machine": machine(), "results": results})


if __name__ == "__main__":
    main()
