"""Loading a folder of GPT-2 124M's shape from disk beside transformers' `from_pretrained`: peak memory and seconds.

    python benchmarks/load.py [--repetitions 5] [--llama] [--json OUT]

The folder is what transformers saved: random weights, float32, 498 MB. Every load has a process of its own. Its peak is the largest resident set
(VmHWM of Linux, set back before the load) above what was resident once torch and the package were imported, pages that are mapped from the file
included. The first logits are measured too, since a mapping may put off its work until then. The file is in the page cache for all.
--llama: a folder of SmolLM2 135M's shape in bfloat16 instead, whose matrices lie in the file as they are needed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

WAYS = ("workings", "workings, a folder of ours", "transformers")
SMOL = dict(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3)


def status(name: str) -> int:
    """A line of /proc/self/status in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def measure(way: str, folder: Path) -> dict[str, float]:
    """Load the folder in this process."""
    import torch

    if way == "transformers":
        from transformers import GPT2LMHeadModel, LlamaForCausalLM

        cls = LlamaForCausalLM if "Llama" in (folder / "config.json").read_text() else GPT2LMHeadModel
        load = lambda: cls.from_pretrained(folder, dtype="auto").eval()  # noqa: E731
    else:
        import workings.models.transformer  # noqa: F401
        from workings.weights.folder import load_folder

        load = lambda: load_folder(folder).model  # noqa: E731
    tokens = torch.arange(8)[None]
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    started = time.perf_counter()
    model = load()
    loaded, peak = time.perf_counter() - started, status("VmHWM") - before
    with torch.inference_mode():
        model(tokens)
    return {"peak": peak, "seconds": loaded, "peak with logits": status("VmHWM") - before, "seconds with logits": time.perf_counter() - started}


def make(folder: Path, llama: bool) -> None:
    """A random model of that shape, as transformers saves it, and the same as a folder of ours."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    from workings.weights.folder import load_folder, save_folder

    torch.manual_seed(1)
    smol = LlamaConfig(**SMOL, tie_word_embeddings=True)
    model = LlamaForCausalLM(smol).to(torch.bfloat16) if llama else GPT2LMHeadModel(GPT2Config())
    model.save_pretrained(folder / "theirs")
    saved = load_folder(folder / "theirs")
    save_folder(folder / "ours", "language", saved.model.settings, saved.model.state_dict(), None, "")


def main() -> None:
    """Measure every way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--llama", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--child", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure(given.child[0], Path(given.child[1]))))
        return
    from common import machine, save, table

    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as place:
        make(Path(place), given.llama)
        size = (Path(place) / "theirs" / "model.safetensors").stat().st_size
        for _ in range(given.repetitions):
            for way in WAYS:
                folder = Path(place) / ("ours" if "ours" in way else "theirs")
                ran = subprocess.run([sys.executable, __file__, "--child", way, str(folder)], capture_output=True, text=True, check=True)
                results[way].append(json.loads(ran.stdout.splitlines()[-1]))
    best = {way: {name: min(run[name] for run in runs) for name in runs[0]} for way, runs in results.items()}
    print(f"{'SmolLM2 135M, bfloat16' if given.llama else 'GPT-2 124M, float32'}: a file of {size / 1e6:.0f} MB")
    rows = [["way", "peak / file", "seconds", "peak / file with logits", "seconds with logits"]]
    for way, found in best.items():
        peaks, times = (
            [f"{found[name] / size:.2f}" for name in ("peak", "peak with logits")],
            [f"{found[name]:.2f}" for name in ("seconds", "seconds with logits")],
        )
        rows.append([way, peaks[0], times[0], peaks[1], times[1]])
    print(table(rows))
    save(given.json, {"machine": machine(), "file": size, "best": best, "runs": results})


if __name__ == "__main__":
    main()
