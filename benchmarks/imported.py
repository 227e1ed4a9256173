"""Imported weights: reading a prompt and writing after it, beside transformers on the same folder and CTranslate2.

    python benchmarks/imported.py [--models gpt2 smollm2] [--batch 1 8] [--work reading writing] [--repetitions 3] [--json OUT]

GPT-2 124M and SmolLM2 135M by their shapes, with random weights: transformers makes them and saves them, this package reads the folder.
reading: a prompt of 256 tokens, one new token. writing: 32 tokens after a prompt of 8. bfloat16 and int8 read in bfloat16.
Every peer in all its modes (transformers with all threads); ratios against its fastest one.
"""

import argparse
import copy
import tempfile
from pathlib import Path

import write as writing  # first, as it says how threads wait before torch is imported

# isort: split
import torch
from common import interleave, machine, save, table, wait_for_quiet
from torch import nn

from workings.models.transformer import Transformer
from workings.weights.importing import read_foreign

WORK = {"reading": (256, 1), "writing": (8, 32)}
"""Tokens of the prompt, and tokens written."""


def gpt2() -> nn.Module:
    """GPT-2 124M."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(eos_token_id=None, pad_token_id=0))


def smollm2() -> nn.Module:
    """SmolLM2 135M."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = dict(vocab_size=49_152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3)
    return LlamaForCausalLM(
        LlamaConfig(**sizes, max_position_embeddings=2048, rope_theta=100_000.0, tie_word_embeddings=True, eos_token_id=None, pad_token_id=0)
    )


MODELS = {"gpt2": gpt2, "smollm2": smollm2}


def measure(name: str, rows: int, length: int, tokens: int, peer: nn.Module, ours: Transformer, folder: Path, repetitions: int, without: list[str]) -> dict:
    """One kind of work for one model: a table, and its numbers."""
    threads = sorted({1, torch.get_num_threads()}) if tokens > 1 else [torch.get_num_threads()]
    prompts = torch.randint(2, peer.config.vocab_size, (rows, length), generator=torch.Generator().manual_seed(0)).tolist()
    short = copy.deepcopy(ours).bfloat16()
    kinds = {"workings float32": (ours, "none"), "workings bfloat16": (short, "none"), "workings int8": (short, "int8")}
    variants = writing.our_variants(kinds, tokens, threads, prompts) + writing.hugging_face_variants(peer, tokens, threads[-1:], prompts)
    if folder.exists():
        variants += writing.ctranslate2_variants(folder, tokens, threads, prompts)
    variants = [variant for variant in variants if not any(word in variant.name for word in without)]
    share = wait_for_quiet()
    interleave(variants, repetitions)
    torch.set_num_threads(threads[-1])
    work = f"{name}, batch {rows}: " + (f"writing {tokens} tokens after {length}" if tokens > 1 else f"reading {length} tokens")
    count = rows * (tokens if tokens > 1 else length)
    rows_of_table = [["", "tokens/s", "same text"]]
    rows_of_table += [[v.name, f"{count / v.best:.0f}", f"{writing.agreed(v.answers[0], variants[0].answers[0])}/{rows * tokens}"] for v in variants]
    print(f"\n{work}; others use {share:.0%} of the machine\n{table(rows_of_table)}", flush=True)
    best, ratios = writing.fastest, {}
    for own in kinds:
        for label in ("transformers", "transformers float32", "transformers bfloat16", "CTranslate2 int8", "CTranslate2 float32"):
            if other := best(variants, label):
                ratios[f"{own} / {label}"] = round(other.best / best(variants, own).best, 2)
    print("\n".join(f"{ratio:6.2f}x  {pair}" for pair, ratio in ratios.items()), flush=True)
    return {"work": work, "tokens_per_second": {v.name: count / v.best for v in variants}, "ratios": ratios, "others_use": share}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--work", nargs="+", default=list(WORK), choices=list(WORK))
    parser.add_argument("--without", nargs="+", default=[], help="leave out modes with these words in their names, such as static")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            torch.manual_seed(0)
            peer, saved, converted = MODELS[name]().eval(), Path(folder) / name, Path(folder) / f"{name}-ctranslate2"
            peer.save_pretrained(saved)
            ours = read_foreign(saved).model
            try:
                writing.convert(copy.deepcopy(peer), converted)  # the converter takes the model apart
            except ImportError:
                print("CTranslate2 is not installed; it is left out.")
            for rows in options.batch:
                for length, tokens in (WORK[work] for work in options.work):
                    results.append(measure(name, rows, length, tokens, peer, ours, converted, options.repetitions, options.without))
    save(options.json, {"machine": machine(), "results": results})


if __name__ == "__main__":
    main()
