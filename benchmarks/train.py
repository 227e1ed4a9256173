"""Training speed beside Hugging Face's GPT2LMHeadModel and x-transformers: 6 layers, 6 heads, width 384, 256 characters, batch 16 (10.7 M parameters).

    python benchmarks/train.py [--groups bf16-dropout bf16 fp32 fp32-dropout] [--no-compile] [--repetitions 5] [--json OUT]

Every variant takes the same steps on the same characters: loss, gradient, clipping at 1, fused AdamW. The peers run in all their modes (eager or
compiled, SDPA or eager attention); the ratio is against the fastest mode of any. Each variant has a process of its own - this project's training
loop tells the C library to keep freed memory, which the others shall not gain from - and they take their steps in turn; the fastest repetition counts.

Equal work is checked on the losses of the first steps: GPT2LMHeadModel begins with the weights of this project's model and must follow it; with
dropout, and for x-transformers, whose layers begin with other weights, the losses are shown beside it.
Operations are counted as 6 x (parameters of the products) + 12 L T D a token (full attention, although a causal kernel may skip half of it).
"""

import argparse
import itertools
import os
import warnings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from common import QUIET, Variant, elsewhere, interleave, machine, peak_flops, save, table, wait_for_quiet
from torch import Tensor, nn

from workings.data.cache import encode_documents
from workings.data.order import windows
from workings.data.sources import read_documents
from workings.data.tokenizers import train_tokenizer
from workings.layers.fast.memory import keep_freed_memory
from workings.layers.randomness import seed_draws
from workings.models.settings import model_settings
from workings.models.transformer import Transformer

LAYERS, HEADS, WIDTH, CONTEXT, BATCH = 6, 6, 384, 256, 16
GROUPS = {"bf16-dropout": (torch.bfloat16, 0.2), "bf16": (torch.bfloat16, 0.0), "fp32": (None, 0.0), "fp32-dropout": (None, 0.2)}
OURS = "workings"


class Text:
    """Batches of one text, the same for every variant."""

    def __init__(self):
        documents = read_documents("pride")
        self.tokenizer = train_tokenizer("character", documents)
        self.tokens = encode_documents(self.tokenizer, documents)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets [B, T] of a step."""
        inputs, targets = windows(self.tokens, CONTEXT, 0, step * BATCH, BATCH)
        return inputs.long(), targets.long()


def our_model(vocabulary: int, dropout: float) -> Transformer:
    """GPT-2's switches, weights from seed 0."""
    torch.manual_seed(0)
    return Transformer(model_settings("gpt", vocabulary=vocabulary, context=CONTEXT, width=WIDTH, layers=LAYERS, heads=HEADS, dropout=dropout))


def hugging_face(vocabulary: int, dropout: float, attention: str) -> nn.Module:
    """GPT2LMHeadModel with the weights of `our_model`."""
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = dict(vocab_size=vocabulary, n_positions=CONTEXT, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, bos_token_id=0, eos_token_id=0)
    peer = GPT2LMHeadModel(GPT2Config(**sizes, resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=dropout, use_cache=False, attn_implementation=attention))
    ours = our_model(vocabulary, dropout)
    with torch.no_grad():
        peer.transformer.wte.weight.copy_(ours.embedding.weight)
        peer.transformer.wpe.weight.copy_(ours.positions.weight)
        copy_pair(peer.transformer.ln_f, ours.final_norm)
        for theirs, block in zip(peer.transformer.h, ours.blocks, strict=True):
            a, f = block.attention, block.feed_forward
            theirs.attn.c_attn.weight.copy_(torch.cat([a.query.weight, a.key.weight, a.value.weight]).t())
            theirs.attn.c_attn.bias.copy_(torch.cat([a.query.bias, a.key.bias, a.value.bias]))
            for linear, source in ((theirs.attn.c_proj, a.out), (theirs.mlp.c_fc, f.up), (theirs.mlp.c_proj, f.down)):
                linear.weight.copy_(source.weight.t())
                linear.bias.copy_(source.bias)
            copy_pair(theirs.ln_1, block.attention_norm)
            copy_pair(theirs.ln_2, block.feed_forward_norm)
    return peer


def copy_pair(norm: nn.Module, source: nn.Module) -> None:
    """Weight and bias of a norm."""
    norm.weight.copy_(source.weight)
    norm.bias.copy_(source.bias)


def x_transformers(vocabulary: int, dropout: float, attention: str) -> nn.Module:
    """x-transformers' decoder of the same sizes, with its own layers and weights."""
    from x_transformers import Decoder, TransformerWrapper

    torch.manual_seed(0)
    layers = Decoder(dim=WIDTH, depth=LAYERS, heads=HEADS, attn_flash=attention == "sdpa", attn_dropout=dropout, ff_dropout=dropout)
    return TransformerWrapper(num_tokens=vocabulary, max_seq_len=CONTEXT, emb_dropout=dropout, attn_layers=layers)


def trainer(model: nn.Module, logits, text: Text, dtype: torch.dtype | None):
    """A step of training that returns its loss; logits: model and tokens -> [B, T, V]."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    model.train()
    done = 0

    def step() -> float:
        nonlocal done
        inputs, targets = text.batch(done)
        seed_draws(0, done)
        with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
            loss = F.cross_entropy(logits(model, inputs).flatten(0, 1).float(), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        done += 1
        return loss.item()

    return step


PEERS = {"GPT2LMHeadModel": hugging_face, "x-transformers": x_transformers}


def our_steps(group: str):
    """Steps of this project's model, as its training loop would take them."""
    keep_freed_memory()
    dtype, dropout = GROUPS[group]
    text = Text()
    return trainer(our_model(text.tokenizer.size, dropout), lambda model, tokens: model(tokens), text, dtype)


def peer_steps(group: str, name: str, attention: str, mode: str):
    """Steps of a peer in one of its modes."""
    dtype, dropout = GROUPS[group]
    text = Text()
    model = PEERS[name](text.tokenizer.size, dropout, attention)
    logits = (lambda model, tokens: model(input_ids=tokens).logits) if name == "GPT2LMHeadModel" else (lambda model, tokens: model(tokens))
    return trainer(torch.compile(model) if mode == "compiled" else model, logits, text, dtype)


def variants(group: str, compiled: bool) -> list[Variant]:
    """This project's model and every mode of its peers."""
    modes = itertools.product(PEERS, ("sdpa", "eager"), ("eager", "compiled") if compiled else ("eager",))
    peers = [elsewhere(f"{name}, {attention} attention, {mode}", peer_steps, group, name, attention, mode) for name, attention, mode in modes]
    return [elsewhere(OURS, our_steps, group), *peers]


def flops_per_token(model: Transformer) -> float:
    """6 for each parameter of a product, and 12 L T D for attention."""
    matrices = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Linear)) + model.embedding.weight.numel()
    return 6 * matrices + 12 * LAYERS * CONTEXT * WIDTH


def measure(name: str, compiled: bool, repetitions: int) -> dict:
    """One group: a table on the terminal, and its numbers."""
    dtype, dropout = GROUPS[name]
    before = wait_for_quiet()
    runs = variants(name, compiled)
    peak = peak_flops(dtype or torch.float32)
    interleave(runs, repetitions)
    peak = max(peak, peak_flops(dtype or torch.float32))
    ours, flops = runs[0], flops_per_token(our_model(Text().tokenizer.size, 0.0))
    print(
        f"\n{name}: dropout {dropout}, peak {peak / 1e9:.0f} GFLOP/s, others used {before:.0%} of the machine before and {wait_for_quiet(patience=0):.0%} after"
    )
    heading = ["", "tokens/s", "median", "of peak", "quiet", "ours is", "first step s", "loss 1", "loss 5", "largest difference of losses"]
    rows, lines = [], [heading]
    for run in runs:
        speed, middle = BATCH * CONTEXT / run.best, BATCH * CONTEXT / run.median
        quiet = sum(share < QUIET for share in run.foreign)
        apart = max(abs(a - b) for a, b in zip(run.answers, ours.answers, strict=True))
        rows.append(
            {
                "name": run.name,
                "tokens_per_second": speed,
                "median": middle,
                "quiet_steps": quiet,
                "share_of_peak": speed * flops / peak,
                "ratio": run.best / ours.best,
                "first_seconds": run.first_seconds,
                "losses": run.answers,
            }
        )
        numbers = [
            f"{speed:,.0f}",
            f"{middle:,.0f}",
            f"{speed * flops / peak:.0%}",
            f"{quiet} of {len(run.seconds)}",
            f"{run.best / ours.best:.2f}x",
            f"{run.first_seconds:.1f}",
        ]
        lines.append([run.name, *numbers, f"{run.answers[0]:.3f}", f"{run.answers[4]:.3f}", f"{apart:.4f}"])
    print(table(lines), flush=True)
    fastest = max(rows[1:], key=lambda row: row["tokens_per_second"])
    print(f"against the fastest peer ({fastest['name']}): {fastest['ratio']:.2f}x", flush=True)
    return {"dropout": dropout, "peak_gflops": peak / 1e9, "others_before": before, "ratio": fastest["ratio"], "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--no-compile", action="store_true", help="leave the compiled modes out (they take a minute each to start)")
    parser.add_argument("--repetitions", type=int, default=5, help="timed steps of each variant, at least 3")
    parser.add_argument("--json", help="where to write the numbers")
    given = parser.parse_args()
    groups = {name: measure(name, not given.no_compile, max(3, given.repetitions)) for name in given.groups}
    save(given.json, {"machine": machine(), "groups": groups})


if __name__ == "__main__":
    main()
