"""What `workings doctor` tells: each fact of this machine, whether it is well, and what to do when it is not."""

import os
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from workings.layers.fast.available import enabled
from workings.layers.fast.compiler import cache_folder, library
from workings.training.machine import choose_device, cpu_name, has_bfloat16, machine, matrix_units, measured_peak

GIB = 2**30


@dataclass(kw_only=True, frozen=True)
class Finding:
    """One row of the doctor: a name, its value, whether that is well, and what to do if not."""

    name: str
    value: str
    ok: bool = True
    advice: str = ""


def findings(folder: Path | None = None) -> list[Finding]:
    """Every row; takes about a second, for the measured products. `folder` is where runs would be written (default: here)."""
    return [*_software(), *_processor(), *_products(), _kernels(), *_room(folder or Path.cwd())]


def _software() -> list[Finding]:
    facts = machine()
    tested = next((r.split("==")[1] for r in _pins() if r.startswith("torch==")), None)
    version = facts["torch"].partition("+")[0]
    return [
        Finding(name="workings", value=facts["workings"] + (f" (git {facts['git']})" if facts["git"] else "")),
        Finding(name="python", value=facts["python"]),
        Finding(
            name="torch",
            value=facts["torch"],
            ok=tested in (None, version),
            advice=f"The tests ran with torch {tested}; if results differ, install that one: pip install torch=={tested}",
        ),
        *(Finding(name=name, value=metadata.version(name)) for name in ("numpy", "safetensors", "tokenizers", "datasets")),
        Finding(name="system", value=facts["platform"]),
    ]


def _pins() -> list[str]:
    pins = Path(__file__).parents[3] / "constraints.txt"
    return pins.read_text().split() if pins.exists() else []


def _processor() -> list[Finding]:
    facts = machine()
    memory, threads, cores = facts["memory_gib"], facts["threads"], facts["cores"]
    return [
        Finding(name="cpu", value=cpu_name()),
        Finding(
            name="cores",
            value=f"{cores} usable, torch uses {threads} thread{'s' * (threads != 1)}",
            ok=threads <= cores,
            advice=f"More threads than cores slow each other down; set OMP_NUM_THREADS={cores}.",
        ),
        Finding(
            name="memory",
            value="not told by this system" if memory is None else f"{memory} GiB",
            ok=memory is None or memory >= 4,
            advice="Below 4 GiB, keep models small: --set model.width=128 --set model.layers=4.",
        ),
        Finding(name="device", value=f"auto is {choose_device('auto')}"),
    ]


def _products() -> list[Finding]:
    cpu = torch.device("cpu")
    units = [name for name, present in matrix_units().items() if present]
    plain, short = measured_peak(torch.float32), measured_peak(torch.bfloat16)
    return [
        Finding(name="float32 products", value=f"{plain:,.0f} GFLOP/s measured"),
        Finding(
            name="bfloat16 products",
            value=f"{short:,.0f} GFLOP/s measured ({', '.join(units) or 'no unit for it'})",
            ok=not has_bfloat16(cpu) or short > plain,
            advice="This CPU has the unit but gains nothing from it now; close what else is running, or train with --precision float32.",
        ),
        Finding(name="precision", value=f"auto is {'bfloat16' if has_bfloat16(cpu) else 'float32'} on the CPU"),
    ]


def _kernels() -> Finding:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    if not enabled():
        return Finding(name="fast paths", value="off", ok=False, advice="WORKINGS_FAST=0 is set, so PyTorch does everything; unset it to train faster.")
    if library() is not None:
        return Finding(name="fast paths", value=f"kernels compiled by {compiler}")
    if sys.platform != "linux":
        return Finding(name="fast paths", value="PyTorch's own; the compiled kernels are for Linux")
    advice = "Everything works without one, but training is slower; install it (Debian: apt install gcc)."
    if compiler is not None:
        advice = f"{compiler} could not build them; training works, but slower. It must be able to link OpenMP, and {cache_folder()} must be writable."
    return Finding(name="fast paths", value="PyTorch's own; no kernels" if compiler else "PyTorch's own; no C compiler", ok=False, advice=advice)


def _room(folder: Path) -> list[Finding]:
    free = shutil.disk_usage(folder).free / GIB
    return [
        Finding(
            name="disk",
            value=f"{free:.1f} GiB free for {folder}",
            ok=free >= 2,
            advice="Runs need room for checkpoints; free some space, or write elsewhere with --out.",
        ),
        Finding(
            name="writable",
            value="yes" if os.access(folder, os.W_OK) else "no",
            ok=os.access(folder, os.W_OK),
            advice=f"Runs cannot be written to {folder}; use --out.",
        ),
    ]


def as_text(rows: list[Finding]) -> str:
    """The rows as aligned lines, with advice under what is not well and a sentence at the end."""
    width = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        lines.append(f"{'ok' if row.ok else '!!'}  {row.name:<{width}}  {row.value}")
        if not row.ok:
            lines.append(f"    {'':<{width}}  {row.advice}")
    wrong = sum(not row.ok for row in rows)
    return "\n".join([*lines, "", "All is well." if not wrong else f"{wrong} thing{'s' * (wrong > 1)} to look at, marked with !!."])
