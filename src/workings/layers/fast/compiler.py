"""Builds the C files beside it with the machine's own C compiler, once: about a second, then read from the cache."""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

SOURCES = sorted(Path(__file__).parent.glob("*.[ch]"))
FLAGS = ("-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-fno-tree-loop-distribute-patterns", "-fPIC", "-shared")

KINDS = {"p": ctypes.c_void_p, "i": ctypes.c_int64, "d": ctypes.c_double}
KERNELS = {
    "dropped": "pppiiiiiidi",
    "uniform": "ppiiiii",
    "thrown": "pppiiiii",
    "coin_density": "ppppiiiii",
    "softmax": "ppppiiiiidiiidi",
    "softmax_backward": "ppppiiiiidiiidi",
    "gelu": "pppiiii",
    "gelu_tanh": "pppiiii",
    "cross_entropy": "ppppiidiii",
    "layer_norm": "ppppppiidiii",
    "layer_norm_backward": "ppppppppiiiiii",
    "few_rows": "ppppiiiii",
    "few_rows_of_bytes": "ppppppiiii",
    "attend_listed": "pppppiiiiiii",
    "likeliest": "ppppiiiii",
    "decode_step": "pppppiiii",
    "attend_packed": "pppiiiidii",
    "add_norm": "pppppiidii",
    "add_then_norm": "pppppiidiii",
    "read_attention": "pppppppppdiiiiiiiiiiiii",
    "gated": "ppiiii",
    "largest_of_four": "pppiiiiii",
    "largest_of_four_backward": "pppiiiiii",
    "channel_sums": "pppiiiii",
    "norm_gelu": "ppppppiiii",
    "norm_gelu_slopes": "ppppppppiiiii",
    "norm_backward": "ppppppiiii",
    "group_norm": "ppppppiiiiiiidi",
    "group_norm_backward": "pppppppiiiiiiii",
    "heads_apart": "pppiiiii",
    "heads_together": "pppiiiii",
}
"""The arguments of each kernel: pointers, whole numbers, others."""


def cache_folder() -> Path:
    """Where the built library is kept: $WORKINGS_CACHE, or ~/.cache/workings."""
    return Path(os.environ.get("WORKINGS_CACHE") or Path.home() / ".cache" / "workings")


@functools.cache
def library() -> ctypes.CDLL | None:
    """The kernels, or None where they cannot be built; then everything is done by PyTorch."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    try:
        return load(build(compiler))
    except (OSError, AttributeError, subprocess.SubprocessError):
        return None


def build(compiler: str) -> Path:
    """Compile into the cache, under a name that changes with the source, the compiler and the processor; whoever is second finds it there."""
    flags = (*FLAGS, "-mprefer-vector-width=512") if torch.backends.cpu.get_cpu_capability() == "AVX512" else FLAGS
    version = subprocess.run([compiler, "-dumpfullversion", "-dumpmachine"], capture_output=True, timeout=20, check=True).stdout
    facts = b"\0".join((*(source.read_bytes() for source in SOURCES), version, " ".join(flags).encode(), processor().encode()))
    path = cache_folder() / f"kernels-{hashlib.sha256(facts).hexdigest()[:16]}.so"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made, sources = Path(folder) / "kernels.so", [str(source) for source in SOURCES if source.suffix == ".c"]
            subprocess.run(
                [compiler, *flags, *sources, "-o", str(made), "-lm"],
                capture_output=True,
                timeout=120,
                check=True,
            )
            made.replace(path)
    return path


def processor() -> str:
    """What `-march=native` depends on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def load(path: Path) -> ctypes.CDLL:
    """Open the library; PyTorch's OpenMP is already loaded, and is the one that the kernels then use."""
    loaded = ctypes.CDLL(str(path))
    for name, arguments in KERNELS.items():
        kernel = getattr(loaded, name)
        kernel.restype, kernel.argtypes = None, [KINDS[letter] for letter in arguments]
    return loaded


def kernel(name: str) -> Callable[..., None]:
    """A kernel, to be called with addresses and numbers, the number of threads last; the library must be there."""
    return getattr(library(), name)


def run(name: str, *arguments: Tensor | int | float | None) -> None:
    """Call a kernel, tensors by their address; the number of threads is added."""
    given = [a.data_ptr() if isinstance(a, Tensor) else a for a in arguments]
    kernel(name)(*given, torch.get_num_threads())
