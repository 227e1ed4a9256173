"""Translating beside transformers and CTranslate2: random Marian of 6 + 6 layers, width 512, 8 heads, 58,101 tokens; sources of 20 to 40 tokens, 40 written.

    python benchmarks/translate.py                      # 16 sentences, greedy and with a beam of 4
    python benchmarks/translate.py --sentences 1 --json one.json

Everyone writes the same number of tokens: the end token cannot win. A model of random weights makes no sense, but the same products.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
from common import Variant, interleave, machine, save, table, wait_for_quiet
from torch import nn

from workings.data.framing import padded
from workings.generation.translate import TranslationSteps, search
from workings.generation.translate_settings import TranslateSettings
from workings.generation.translate_step import prepare_steps
from workings.models.encoder_decoder import EncoderDecoder
from workings.weights.importing import read_foreign

WORDS, PAD, END = 58_101, 58_100, 0
OURS = {"workings plain float32": None, "workings float32": "none", "workings bfloat16": "bfloat16", "workings int8": "int8"}


def make_peer() -> nn.Module:
    """MarianMTModel of the shape of OPUS-MT, with random weights and an end token that is never the likeliest."""
    from transformers import MarianConfig, MarianMTModel

    sizes = dict(vocab_size=WORDS, d_model=512, max_position_embeddings=512, activation_function="swish", scale_embedding=True)
    for side in ("encoder", "decoder"):
        sizes |= {f"{side}_layers": 6, f"{side}_attention_heads": 8, f"{side}_ffn_dim": 2048}
    torch.manual_seed(0)
    model = MarianMTModel(MarianConfig(**sizes, pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD, forced_eos_token_id=None)).eval()
    model.final_logits_bias[0, END] = -1e4
    return model


def our_variants(model: EncoderDecoder, sources: list[list[int]], beam: int, tokens: int) -> list[Variant]:
    """This project's steps in their storages, and the plain ones."""
    settings = TranslateSettings(beam=beam, tokens=tokens, bad_words=((PAD,),))

    def make(storage: str | None):
        steps = TranslationSteps(model) if storage is None else prepare_steps(model, storage)
        return lambda: [found[0].tokens for found in search(steps, sources, settings)]

    return [Variant(name, lambda s=storage: make(s)) for name, storage in OURS.items()]


def hugging_face_variants(peer: nn.Module, sources: list[list[int]], beam: int, tokens: int) -> list[Variant]:
    """`generate` of transformers."""
    source, visible = padded(sources, padding=PAD)
    half = type(peer)(peer.config).to(torch.bfloat16).eval()
    half.load_state_dict(peer.state_dict())
    how = dict(max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, num_beams=beam, bad_words_ids=[[PAD]])

    def make(model: nn.Module, attention: str):
        @torch.inference_mode()
        def step() -> list[list[int]]:
            model.set_attn_implementation(attention)
            return model.generate(source, attention_mask=visible.long(), **how)[:, 1:].tolist()

        return step

    modes = [("float32", peer, "sdpa"), ("float32", peer, "eager"), ("bfloat16", half, "sdpa"), ("bfloat16", half, "eager")]
    return [Variant(f"transformers {name}, {attention}", lambda m=model, a=attention: make(m, a)) for name, model, attention in modes]


def convert(peer: nn.Module, folder: Path) -> None:
    """Write a MarianMTModel as CTranslate2 wants it: without the padding, whose embedding is zero and stands before the first token."""
    from ctranslate2.converters.transformers import MarianMTLoader

    spec = MarianMTLoader().get_model_spec(peer)
    words = [f"t{token}" for token in range(PAD)]
    spec.register_source_vocabulary(words)
    spec.register_target_vocabulary(words)
    spec.config.eos_token = spec.config.unk_token = f"t{END}"
    spec.config.decoder_start_token = spec.config.bos_token = f"t{END}"
    spec.validate()
    folder.mkdir(exist_ok=True)
    spec.save(str(folder))


def ctranslate2_variants(folder: Path, sources: list[list[int]], beam: int, tokens: int) -> list[Variant]:
    """CTranslate2, each mode in a process of its own that translates once for each line it is sent."""
    script = """
import ctranslate2, json, sys
folder, kind, inter, intra, beam, tokens = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
translator = ctranslate2.Translator(folder, device="cpu", compute_type=kind, inter_threads=inter, intra_threads=intra)
sources = [[f"t{token}" for token in source] for source in json.loads(sys.stdin.readline())]
for _ in sys.stdin:
    size = -(-len(sources) // inter)
    found = translator.translate_batch(sources, beam_size=beam, max_decoding_length=tokens, min_decoding_length=tokens, max_batch_size=size)
    print(json.dumps([[int(word[1:]) for word in one.hypotheses[0]] for one in found]), flush=True)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_", "GOMP_"))}
    cores = torch.get_num_threads()

    def make(kind: str, inter: int, intra: int):
        command = [sys.executable, "-c", script, str(folder), kind, str(inter), str(intra), str(beam), str(tokens)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        child.stdin.write(json.dumps(sources) + "\n")

        def step() -> list[list[int]]:
            child.stdin.write("\n")
            child.stdin.flush()
            return json.loads(child.stdout.readline())

        return step

    ways = [(1, cores)] + ([(cores, 1)] if len(sources) > 1 and cores > 1 else [])
    modes = [(kind, *way) for kind in ("int8", "float32") for way in ways]
    return [Variant(f"CTranslate2 {k}, {i} x {j} threads", lambda m=(k, i, j): make(*m)) for k, i, j in modes]


def measure(peer: nn.Module, model: EncoderDecoder, beam: int, options: argparse.Namespace, folder: Path | None) -> dict:
    """All variants with one beam."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(20, 41, (options.sentences,), generator=generator).tolist()
    sources = [[*torch.randint(1, PAD, (length - 1,), generator=generator).tolist(), END] for length in lengths]
    variants = our_variants(model, sources, beam, options.tokens) + hugging_face_variants(peer, sources, beam, options.tokens)
    variants += [] if folder is None else ctranslate2_variants(folder, sources, beam, options.tokens)
    share = wait_for_quiet()
    interleave(variants, options.repetitions)
    written, reference = options.sentences * options.tokens, variants[0].answers[0]
    same = {v.name: sum(one[: options.tokens] == other for one, other in zip(v.answers[0], reference, strict=True)) for v in variants}
    rows = [["", "tokens/s", "same sentences"]] + [[v.name, f"{written / v.best:.0f}", f"{same[v.name]}/{len(sources)}"] for v in variants]
    print(f"\n{options.sentences} sentences x {options.tokens} tokens, beam {beam}; others use {share:.0%} of the machine\n{table(rows)}", flush=True)
    return {"beam": beam, "tokens_per_second": {v.name: written / v.best for v in variants}, "same": same, "others_use": share}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peer = make_peer()
        peer.save_pretrained(Path(folder) / "marian")
        model, other = read_foreign(Path(folder) / "marian").model, Path(folder) / "ct2"
        try:
            convert(peer, other)
        except ImportError:
            print("CTranslate2 is not installed; it is left out.")
            other = None
        results = [measure(peer, model, beam, options, other) for beam in options.beams]
    save(options.json, {"machine": machine(), "sentences": options.sentences, "tokens": options.tokens, "results": results})


if __name__ == "__main__":
    main()
