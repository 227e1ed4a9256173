"""Writing speed at batch 1 beside `generate` of transformers and CTranslate2, with the same weights and the same greedy text.

    python benchmarks/write.py [--shapes small gpt2] [--repetitions 5] [--train-steps 150] [--json OUT]

small: 6 layers, 6 heads, width 384, characters, trained for a moment so that the text means something; 256 tokens.
gpt2: the shape of GPT-2 124M with random weights; 64 tokens.

Every peer runs in all its modes (float32 and bfloat16, SDPA and eager attention, dynamic and static cache, one thread and all), the ratio is against
its fastest one. CTranslate2 has a process for each mode, as its threads and this library's disturb each other. All are warm: loading, converting
and packing are not counted, what packing took is shown. Modes are interleaved, the fastest repetition counts.

A product of one row takes 10 microseconds, and waking a sleeping thread takes longer than that: with OMP_WAIT_POLICY=PASSIVE alone two threads are
slower than one. GOMP_SPINCOUNT=10000 lets a thread wait awake for that long, for this library and for transformers alike.
OMP_WAIT_POLICY=PASSIVE, which helps training on a shared machine, would make every product here wait for its second thread: it is taken away.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

os.environ.pop("OMP_WAIT_POLICY", None)
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from common import Variant, interleave, machine, save, table, wait_for_quiet
from torch import Tensor, nn

from workings.data.cache import encode_documents
from workings.data.order import windows
from workings.data.sources import read_documents
from workings.data.tokenizers import train_tokenizer
from workings.generation.decoder import Decoder
from workings.generation.step import prepare
from workings.models.settings import model_settings
from workings.models.transformer import Transformer

SHAPES = {"small": dict(context=512, width=384, layers=6, heads=6), "gpt2": dict(context=1024, width=768, layers=12, heads=12)}
TOKENS = {"small": 256, "gpt2": 64}
OURS = ("none", "bfloat16", "int8")
"""How this project keeps matrices."""
BEGIN = 1
"""The token that every text begins with."""
Prompts = Sequence[Sequence[int]]
"""Tokens of one length, a row each."""


def characters() -> tuple[Tensor, int]:
    """A text [N] and the size of its alphabet."""
    documents = read_documents("pride")
    tokenizer = train_tokenizer("character", documents)
    return encode_documents(tokenizer, documents), tokenizer.size


def make_model(shape: str, text: Tensor, vocabulary: int, steps: int) -> Transformer:
    """The model to write with; the small one is trained for some steps of 16 x 128 characters."""
    torch.manual_seed(0)
    model = Transformer(model_settings("gpt", vocabulary=vocabulary if shape == "small" else 50_257, **SHAPES[shape]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    for step in range(steps if shape == "small" else 0):
        inputs, targets = windows(text[: len(text) * 9 // 10], 128, 0, 16 * step, 16)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(inputs.long())
        F.cross_entropy(logits.float().flatten(0, 1), targets.long().flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@torch.no_grad()
def as_gpt2(model: Transformer) -> nn.Module:
    """GPT2LMHeadModel with the weights of a model of the preset gpt."""
    from transformers import GPT2Config, GPT2LMHeadModel

    s = model.settings
    sizes = dict(vocab_size=s.vocabulary, n_positions=s.context, n_embd=s.width, n_layer=s.layers, n_head=s.heads)
    peer = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=None, pad_token_id=0)).eval()
    peer.transformer.wte.weight.copy_(model.embedding.weight)
    peer.transformer.wpe.weight.copy_(model.positions.weight)
    norms = [(peer.transformer.ln_f, model.final_norm)]
    for theirs, block in zip(peer.transformer.h, model.blocks, strict=True):
        a, f = block.attention, block.feed_forward
        theirs.attn.c_attn.weight.copy_(torch.cat([a.query.weight, a.key.weight, a.value.weight]).t())
        theirs.attn.c_attn.bias.copy_(torch.cat([a.query.bias, a.key.bias, a.value.bias]))
        for linear, source in ((theirs.attn.c_proj, a.out), (theirs.mlp.c_fc, f.up), (theirs.mlp.c_proj, f.down)):
            linear.weight.copy_(source.weight.t())
            linear.bias.copy_(source.bias)
        norms += [(theirs.ln_1, block.attention_norm), (theirs.ln_2, block.feed_forward_norm)]
    for theirs, ours in norms:
        theirs.weight.copy_(ours.weight)
        theirs.bias.copy_(ours.bias)
    return peer


def our_variants(kinds: dict[str, tuple[Transformer, str]], tokens: int, threads: list[int], prompts: Prompts = ((BEGIN,),)) -> list[Variant]:
    """This project's step for some models, each with its storage; the texts of all prompts one after another."""

    def make(model: Transformer, storage: str, count: int):
        decoder = prepare(model, storage)

        @torch.inference_mode()
        def write() -> list[int]:
            torch.set_num_threads(count)
            texts = [decoder.read(prompts, tokens - 1).argmax(-1)]
            for _ in range(tokens - 1):
                texts.append(decoder.step(texts[-1]).argmax(-1))
            return torch.stack(texts, 1).flatten().tolist()

        return write

    return [Variant(f"{name}, {count} threads", lambda k=kind, c=count: make(*k, c)) for name, kind in kinds.items() for count in threads]


def hugging_face_variants(peer: nn.Module, tokens: int, threads: list[int], prompts: Prompts = ((BEGIN,),)) -> list[Variant]:
    """`generate` of transformers in all its modes."""
    models = {"float32": peer, "bfloat16": type(peer)(peer.config).to(torch.bfloat16).eval()}
    models["bfloat16"].load_state_dict(peer.state_dict())

    def make(dtype: str, attention: str, cache: str, count: int):
        model, start = models[dtype], torch.tensor(prompts)
        how = dict(max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, use_cache=True)
        how |= dict(cache_implementation="static") if cache == "static" else {}

        @torch.inference_mode()
        def write() -> list[int]:
            torch.set_num_threads(count)
            model.set_attn_implementation(attention)
            return model.generate(start, attention_mask=torch.ones_like(start), **how)[:, start.shape[1] :].flatten().tolist()

        return write

    modes = [(d, a, "dynamic", c) for d in models for a in ("sdpa", "eager") for c in threads] + [(d, "sdpa", "static", threads[-1]) for d in models]
    return [Variant(f"transformers {d}, {a}, {cache}, {c} threads", lambda m=(d, a, cache, c): make(*m)) for d, a, cache, c in modes]


def convert(peer: nn.Module, folder: Path) -> None:
    """Write a GPT2LMHeadModel or LlamaForCausalLM as CTranslate2 wants it."""
    from ctranslate2.converters.transformers import GPT2Loader, LlamaLoader

    spec = (GPT2Loader() if hasattr(peer, "transformer") else LlamaLoader()).get_model_spec(peer)
    spec.register_vocabulary([f"t{token}" for token in range(peer.config.vocab_size)])
    spec.config.bos_token = spec.config.unk_token = spec.config.eos_token = "t0"
    spec.validate()
    folder.mkdir()
    spec.save(str(folder))


def ctranslate2_variants(folder: Path, tokens: int, threads: list[int], prompts: Prompts = ((BEGIN,),)) -> list[Variant]:
    """CTranslate2, each mode in a process of its own that writes once for each line it is sent."""
    script = """
import ctranslate2, json, sys, time
folder, kind, threads, tokens = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
prompts = [[f"t{token}" for token in prompt] for prompt in json.loads(sys.argv[5])]
generator = ctranslate2.Generator(folder, device="cpu", compute_type=kind, intra_threads=threads, inter_threads=1)
for _ in sys.stdin:
    started = time.perf_counter()
    result = generator.generate_batch(prompts, max_length=tokens, min_length=tokens, sampling_topk=1, include_prompt_in_result=False, end_token=[])
    print(json.dumps([time.perf_counter() - started, [token for row in result for token in row.sequences_ids[0]]]), flush=True)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}

    def make(kind: str, count: int):
        command = [sys.executable, "-c", script, str(folder), kind, str(count), str(tokens), json.dumps(prompts)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

        def write() -> list[int]:
            child.stdin.write("\n")
            child.stdin.flush()
            return json.loads(child.stdout.readline())[1]

        return write

    return [Variant(f"CTranslate2 {kind}, {count} threads", lambda k=kind, c=count: make(k, c)) for kind in ("int8", "float32") for count in threads]


@torch.inference_mode()
def loss(decoder: Decoder, text: Tensor, rows: int = 16, length: int = 64) -> float:
    """Nats a token of the decoder, stepping through the last windows of a text."""
    windows = text[-rows * (length + 1) :].long().view(rows, length + 1)
    logits = [decoder.read(windows[:, :1].tolist(), length)] + [decoder.step(windows[:, place]) for place in range(1, length)]
    return F.cross_entropy(torch.stack(logits, 1).flatten(0, 1), windows[:, 1:].flatten()).item()


def agreed(texts: list[int], others: list[int]) -> int:
    """How many tokens two texts have in common before they part."""
    return next((place for place, (one, other) in enumerate(zip(texts, others, strict=True)) if one != other), len(texts))


def fastest(variants: list[Variant], *words: str) -> Variant | None:
    """The fastest variant whose name begins with the first word and holds the others."""
    fitting = [v for v in variants if v.name.startswith(words[0]) and all(word in v.name for word in words[1:])]
    return min(fitting, key=lambda v: v.best, default=None)


def measure(shape: str, repetitions: int, train_steps: int, folder: Path) -> dict:
    """All variants of one shape."""
    tokens, threads = TOKENS[shape], sorted({1, torch.get_num_threads()})
    text, vocabulary = characters()
    model = make_model(shape, text, vocabulary, train_steps)
    peer = as_gpt2(model)
    started = time.perf_counter()
    prepare(model, "int8")
    packing = time.perf_counter() - started
    kinds = {f"workings {'float32' if storage == 'none' else storage}": (model, storage) for storage in OURS}
    variants = our_variants(kinds, tokens, threads) + hugging_face_variants(peer, tokens, threads)
    try:
        convert(peer, folder / shape)
        variants += ctranslate2_variants(folder / shape, tokens, threads)
    except ImportError:
        print("CTranslate2 is not installed; it is left out.")
    share = wait_for_quiet()
    interleave(variants, repetitions)
    torch.set_num_threads(threads[-1])

    reference = variants[0].answers[0]
    rows = [["", "tokens/s", "same text"]] + [[v.name, f"{tokens / v.best:.0f}", f"{agreed(v.answers[0], reference)}/{tokens}"] for v in variants]
    print(f"\n{shape}: {model.settings.layers} layers, width {model.settings.width}, {tokens} tokens; others use {share:.0%} of the machine\n{table(rows)}")
    best = fastest(variants, "transformers")
    ratios = {
        f"{name} / {label}": round(other.best / fastest(variants, name).best, 2)
        for name in kinds
        for label, other in {
            "transformers": best,
            "transformers float32": fastest(variants, "transformers", "float32"),
            "CTranslate2 int8": fastest(variants, "CTranslate2 int8"),
            "CTranslate2 float32": fastest(variants, "CTranslate2 float32"),
        }.items()
        if other
    }
    print("\n" + "\n".join(f"{ratio:6.2f}x  {name}" for name, ratio in ratios.items()))
    result = {
        "shape": shape,
        "tokens": tokens,
        "tokens_per_second": {v.name: tokens / v.best for v in variants},
        "ratios": ratios,
        "int8_packing_seconds": packing,
        "others_use": share,
    }
    result["same_text"] = {v.name: agreed(v.answers[0], reference) for v in variants}
    if shape == "small":
        result["nats"] = {name: loss(prepare(model, storage), text) for name, (_, storage) in kinds.items()}
        print("\nnats a character: " + ", ".join(f"{name} {nats:.5f}" for name, nats in result["nats"].items()))
    print(f"packing to int8 takes {packing * 1000:.0f} ms")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--train-steps", type=int, default=150)
    parser.add_argument("--json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = [measure(shape, options.repetitions, options.train_steps, Path(folder)) for shape in options.shapes]
    save(options.json, {"machine": machine(), "results": results})


if __name__ == "__main__":
    main()
