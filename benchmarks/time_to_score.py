"""Seconds of steps to 1.905 nats a character on Tiny Shakespeare: nanoGPT's CPU configuration and optimizer against the recipe shakespeare-fast.

    python benchmarks/time_to_score.py TINYSHAKESPEARE.txt [--seeds 3]

Both are scored in the same way: the whole validation text (the last tenth) in windows of 64 characters, each character predicted once, float32.
The peer is nanoGPT's published CPU setting: 4 layers, 4 heads, width 128, 64 characters, batch 12, no dropout, no biases, 2,000 steps of AdamW at
1e-3 falling to 1e-4 on a cosine, 100 steps of warm-up, betas 0.9 and 0.99, decay 0.1, clipping at 1, random windows; here written plainly with torch's
own layers and `scaled_dot_product_attention`, in the faster of float32 and bfloat16 autocast on the machine at hand. Steps alone are timed; scoring is not.
"""

import argparse
import json
import math
import os
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import workings
from workings.data.cache import encode_documents
from workings.data.sources import read_documents
from workings.data.tokenizers import train_tokenizer
from workings.tasks.language import evaluate_text, split
from workings.training.journal import read_metrics
from workings.training.machine import has_bfloat16

LAYERS, HEADS, WIDTH, CONTEXT, BATCH, STEPS, TARGET = 4, 4, 128, 64, 12, 2000, 1.905


class PlainBlock(nn.Module):
    """A pre-norm GPT block from torch's own parts."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, -1))
        x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class PlainGPT(nn.Module):
    """The peer's model."""

    def __init__(self, vocabulary: int):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(vocabulary, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks, self.norm = nn.ModuleList(PlainBlock() for _ in range(LAYERS)), nn.LayerNorm(WIDTH, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * LAYERS) if name.endswith(("out.weight", "down.weight")) else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.embedding.weight)


def train_peer(train: Tensor, vocabulary: int, seed: int, bfloat16: bool, steps: int = STEPS) -> tuple[PlainGPT, float]:
    """The trained peer and its seconds of steps."""
    torch.manual_seed(seed)
    model = PlainGPT(vocabulary)
    matrices, vectors = [p for p in model.parameters() if p.ndim > 1], [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)
    started = time.perf_counter()
    for step in range(steps):
        rate = 1e-3 * (step + 1) / 100 if step < 100 else 1e-4 + 0.5 * 9e-4 * (1 + math.cos(math.pi * (step - 100) / (STEPS - 100)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(train) - CONTEXT - 1, (BATCH,))
        window = train[starts[:, None] + torch.arange(CONTEXT + 1)]
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = F.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval(), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    documents = read_documents(given.text)
    tokenizer = train_tokenizer("character", documents)
    train, validation = split(encode_documents(tokenizer, documents).long(), 0.1)
    modes = (False, True) if has_bfloat16(torch.device("cpu")) else (False,)
    trials = {mode: train_peer(train, tokenizer.size, 0, mode, steps=50)[1] for mode in modes}
    best = min(trials, key=trials.get)
    rows = []
    for seed in range(given.seeds):
        peer, seconds = train_peer(train, tokenizer.size, seed, best)
        score = evaluate_text(peer, tokenizer, validation, CONTEXT)["loss"]
        with tempfile.TemporaryDirectory() as folder:
            run = workings.train("language", data=given.text, recipe="shakespeare-fast", out=f"{folder}/run", seed=seed, quiet=True)
            ours, mine = run.evaluate(context=CONTEXT)["loss"], read_metrics(run.metrics)[-1]["seconds"]
        rows.append({"seed": seed, "peer_seconds": seconds, "peer_score": score, "seconds": mine, "score": ours, "ratio": seconds / mine})
        mode = "bfloat16" if best else "float32"
        print(f"seed {seed}: peer {score:.4f} in {seconds:.1f} s ({mode}), shakespeare-fast {ours:.4f} in {mine:.1f} s: {seconds / mine:.2f} x faster")
    print(json.dumps({"target": TARGET, "rows": rows}))


if __name__ == "__main__":
    main()
