"""What the machine has: its facts for the run folder, the device, the precision, and the speed of a matrix product."""

import contextlib
import os
import platform
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

import workings
from workings.errors import BadInput, suggest

PRECISIONS: dict[str, torch.dtype | None] = {
    "float32": None,
    "fp32": None,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
}
"""The names that `--precision` takes beside auto; None is plain float32, without autocast."""


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; auto is CUDA when there is one, then Apple's MPS, then the CPU."""
    kind = name.partition(":")[0]
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if kind not in present:
        raise BadInput(f"There is no device {name!r}. {suggest(kind, ['auto', *present])}")
    if not present[kind]:
        raise BadInput(f"This machine has no {kind} device that torch {torch.__version__} can use; leave --device at auto, or use cpu.")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    number = name.partition(":")[2] or "0"
    if not (number.isdigit() and int(number) < count):
        raise BadInput(f"There is no device {name!r}; this machine has {count} of that kind, counted from 0.")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype | None:
    """The type for autocast, or None for plain float32; auto is bfloat16 where the hardware multiplies in it, else float32.

    float16 is refused: on a CPU it is about a hundred times slower than float32, and elsewhere it would need loss scaling.
    """
    if name == "auto":
        return torch.bfloat16 if has_bfloat16(device) else None
    if name in ("float16", "fp16"):
        reason = "is about a hundred times slower than float32 on a CPU" if device.type == "cpu" else "needs loss scaling, which the loop does not do"
        raise BadInput(f"Precision {name!r} {reason}; use auto, bfloat16 or float32.")
    if name not in PRECISIONS:
        raise BadInput(f"There is no precision {name!r}. {suggest(name, ['auto', *PRECISIONS])}")
    return PRECISIONS[name]


def has_bfloat16(device: torch.device) -> bool:
    """Whether the hardware itself multiplies bfloat16 matrices; emulation does not count."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and any(matrix_units().values())


def matrix_units() -> dict[str, bool]:
    """Which bfloat16 units the CPU has; a torch without the question counts as no."""

    def ask(question: str) -> bool:
        answer = getattr(torch.cpu, question, None)
        return bool(answer()) if answer else False

    return {"AVX512_BF16": ask("_is_avx512_bf16_supported"), "AMX": ask("_is_amx_tile_supported")}


def autocast(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    """Matrix products in `dtype` inside this context; None changes nothing."""
    return contextlib.nullcontext() if dtype is None else torch.autocast(device.type, dtype)


def measured_peak(dtype: torch.dtype | None = None, device: torch.device | None = None, *, size: int = 2048, seconds: float = 0.4) -> float:
    """GFLOP/s of the best of a few size x size x size products through `F.linear`, in at most about `seconds`."""
    device = device or torch.device("cpu")
    x, weight = torch.ones(2, size, size, device=device, dtype=dtype or torch.float32)
    best, begin = float("inf"), time.perf_counter()
    with torch.inference_mode():
        while best == float("inf") or time.perf_counter() - begin + best < seconds:
            start = time.perf_counter()
            F.linear(x, weight)
            if device.type != "cpu":
                getattr(torch, device.type).synchronize()
            best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def machine() -> dict[str, Any]:
    """The facts of `environment.json` that do not depend on the run."""
    return {
        "workings": workings.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "memory_gib": memory_gib(),
        "bfloat16_units": [name for name, present in matrix_units().items() if present],
        "git": git_commit(),
    }


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return _answer("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or platform.machine()


def usable_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_gib() -> float | None:
    """The machine's memory in GiB, or None where the system does not tell."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def git_commit() -> str | None:
    """The commit of the source tree that this package runs from, `-dirty` when files were changed; None when installed as a wheel."""
    root = Path(__file__).parents[3]
    return _answer("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*") if (root / ".git").exists() else None


def _answer(*command: str) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
