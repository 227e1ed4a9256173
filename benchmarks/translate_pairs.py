"""Translating with a translator that was trained here, beside transformers and CTranslate2 with the same weights: sentences/s and BLEU, with natural ends.

    python benchmarks/translate_pairs.py runs/de-en test.de test.en                  # greedy, with a beam of 5, and greedy one by one
    python benchmarks/translate_pairs.py runs/de-en test.de test.en --tokenize none  # for words that are set apart already

Everyone is given the same tokens, sorted by length, in batches of its own best size; what is timed is from tokens to tokens. One by one is the first hundred.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
from common import Variant, interleave, machine, save, table, wait_for_quiet
from torch import nn

import workings
from workings.data.files import read_text
from workings.data.framing import padded
from workings.generation.translate import ROWS, TranslationSteps, batches, search
from workings.generation.translate_settings import TranslateSettings
from workings.generation.translate_step import prepare_steps
from workings.models.encoder_decoder import EncoderDecoder
from workings.tasks.translation_scores import translation_scores
from workings.tasks.translator import Translator

OURS = {"workings plain float32": None, "workings float32": "none", "workings bfloat16": "bfloat16", "workings int8": "int8"}
MOST, SINGLE = 80, 100
"""Tokens of a translation, and sentences that are translated one by one."""
Sources = Sequence[list[int]]


def in_order(sources: Sources, rows: int, translate: Callable[[list[list[int]]], list[list[int]]]) -> list[list[int]]:
    """The translations of all sources, which are taken in batches of like length."""
    found: dict[int, list[int]] = {}
    for batch in batches([len(source) for source in sources], rows):
        found |= dict(zip(batch, translate([sources[place] for place in batch]), strict=True))
    return [found[place] for place in range(len(sources))]


def our_variants(model: EncoderDecoder, sources: Sources, beam: int, rows: int) -> list[Variant]:
    """This project's steps in their storages, and the plain ones."""
    settings = TranslateSettings(beam=beam, tokens=MOST)

    def make(storage: str | None):
        steps = TranslationSteps(model) if storage is None else prepare_steps(model, storage)
        return lambda: in_order(sources, min(rows, max(1, ROWS // beam)), lambda some: [best[0].tokens for best in search(steps, some, settings)])

    return [Variant(name, lambda s=storage: make(s)) for name, storage in OURS.items()]


def hugging_face_variants(peer: nn.Module, sources: Sources, beam: int, rows: int) -> list[Variant]:
    """`generate` of transformers."""
    end, rows = peer.config.eos_token_id, min(rows, 64)
    half = type(peer)(peer.config).to(torch.bfloat16).eval()
    half.load_state_dict(peer.state_dict())

    def make(model: nn.Module, attention: str):
        @torch.inference_mode()
        def translate(some: list[list[int]]) -> list[list[int]]:
            source, visible = padded(some, padding=end)
            found = model.generate(source, attention_mask=visible.long(), max_new_tokens=MOST, num_beams=beam, do_sample=False)[:, 1:].tolist()
            return [row[: row.index(end)] if end in row else row for row in found]

        def step() -> list[list[int]]:
            model.set_attn_implementation(attention)
            return in_order(sources, rows, translate)

        return step

    modes = [(name, model, attention) for name, model in (("float32", peer), ("bfloat16", half)) for attention in ("sdpa", "eager")]
    return [Variant(f"transformers {name}, {attention}", lambda m=model, a=attention: make(m, a)) for name, model, attention in modes]


def convert(peer: nn.Module, folder: Path) -> None:
    """Write a MarianMTModel as CTranslate2 wants it; unlike OPUS-MT's, its decoder begins with an ordinary token."""
    from ctranslate2.converters.transformers import BartLoader

    class Loader(BartLoader):
        architecture_name = "MarianMTModel"

    peer.config.normalize_before = peer.config.normalize_embedding = False
    spec = Loader().get_model_spec(peer)
    words = [f"t{token}" for token in range(peer.config.vocab_size)]
    spec.register_source_vocabulary(words)
    spec.register_target_vocabulary(words)
    spec.config.eos_token = spec.config.unk_token = f"t{peer.config.eos_token_id}"
    spec.config.decoder_start_token = spec.config.bos_token = f"t{peer.config.decoder_start_token_id}"
    spec.validate()
    folder.mkdir(exist_ok=True)
    spec.save(str(folder))


SCRIPT = """
import ctranslate2, json, sys
folder, kind, inter, intra, beam, most, rows = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
translator = ctranslate2.Translator(folder, device="cpu", compute_type=kind, inter_threads=inter, intra_threads=intra)
sources = [[f"t{token}" for token in source] for source in json.loads(sys.stdin.readline())]
for _ in sys.stdin:
    if rows == 1:
        found = [translator.translate_batch([source], beam_size=beam, max_decoding_length=most)[0] for source in sources]
    else:
        found = translator.translate_batch(sources, beam_size=beam, max_decoding_length=most, max_batch_size=rows)
    print(json.dumps([[int(word[1:]) for word in one.hypotheses[0]] for one in found]), flush=True)
"""


def ctranslate2_variants(folder: Path, sources: Sources, beam: int, rows: int) -> list[Variant]:
    """CTranslate2, each mode in a process of its own that translates once for each line it is sent; it sorts by length itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_", "GOMP_"))}
    cores = torch.get_num_threads()

    def make(kind: str, inter: int, intra: int):
        command = [sys.executable, "-c", SCRIPT, str(folder), kind, *map(str, (inter, intra, beam, MOST, min(rows, 64)))]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        child.stdin.write(json.dumps(sources) + "\n")

        def step() -> list[list[int]]:
            child.stdin.write("\n")
            child.stdin.flush()
            return json.loads(child.stdout.readline())

        return step

    ways = [(1, cores), (1, 1)] if rows == 1 else [(1, cores), (cores, 1)]
    modes = [(kind, *way) for kind in ("int8", "float32") for way in ways]
    return [Variant(f"CTranslate2 {k}, {i} x {j} threads", lambda m=(k, i, j): make(*m)) for k, i, j in modes]


def measure(
    peer: nn.Module, translator: Translator, sources: Sources, references: list[str], way: str, options: argparse.Namespace, folder: Path | None
) -> dict:
    """All variants in one way: greedy, beam, or single (greedy, one by one)."""
    beam, rows = {"greedy": (1, 10_000), "beam": (options.beam, 10_000), "single": (1, 1)}[way]
    sources, references = (sources[:SINGLE], references[:SINGLE]) if way == "single" else (sources, references)
    variants = our_variants(translator.model, sources, beam, rows) + hugging_face_variants(peer, sources, beam, rows)
    variants += [] if folder is None else ctranslate2_variants(folder, sources, beam, rows)
    share = wait_for_quiet()
    interleave(variants, options.repetitions)
    said = {v.name: v.answers[0] for v in variants}
    bleu = {name: translation_scores([translator.tokenizer.decode(one) for one in found], references, options.tokenize)["bleu"] for name, found in said.items()}
    same = {name: sum(one == other for one, other in zip(found, said["workings plain float32"], strict=True)) for name, found in said.items()}
    speed = {v.name: len(sources) / v.best for v in variants}
    rows_of_table = [["", "sentences/s", "BLEU", "same sentences"]]
    rows_of_table += [[name, f"{speed[name]:.1f}", f"{bleu[name]:.2f}", f"{same[name]}/{len(sources)}"] for name in said]
    print(f"\n{way}: {len(sources)} sentences, beam {beam}; others use {share:.0%} of the machine\n{table(rows_of_table)}", flush=True)
    return {"way": way, "beam": beam, "sentences_per_second": speed, "bleu": bleu, "same": same, "others_use": share}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("source", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--ways", nargs="+", choices=("greedy", "beam", "single"), default=["greedy", "single", "beam"])
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--tokenize", default="13a")
    parser.add_argument("--json")
    options = parser.parse_args()
    from transformers import MarianMTModel

    with tempfile.TemporaryDirectory() as folder:
        peer = MarianMTModel.from_pretrained(workings.export(options.run, to="hf", out=Path(folder) / "hf")).eval()
        translator, other = Translator(Path(options.run)), Path(folder) / "ct2"
        try:
            convert(peer, other)
        except ImportError:
            print("CTranslate2 is not installed; it is left out.")
            other = None
        texts, references = (read_text(path).removesuffix("\n").split("\n") for path in (options.source, options.reference))
        sources = [[*tokens.tolist(), translator.model.settings.end] for tokens in translator.tokenizer.encode_each(texts)]
        results = [measure(peer, translator, sources, references, way, options, other) for way in options.ways]
    save(options.json, {"machine": machine(), "sentences": len(sources), "results": results})


if __name__ == "__main__":
    main()
