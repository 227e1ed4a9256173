"""Memory that a step frees stays with the process: the next step takes the same tensors again, and every fresh page costs a fault."""

import ctypes
import functools
import os
import sys
from pathlib import Path

from workings.layers.fast.available import enabled

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
"""`mallopt`'s names for them (malloc.h of glibc)."""
MOST = 1 / 4
"""The part of the machine's memory that a process may hold before it gives back what it does not use."""


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc to take large blocks from the heap and never give them back; says whether it was told.

    By default it asks the system for every block above 32 MiB or so and returns it at once: a training step of ten million parameters took 45,000
    page faults, a seventh of its time. It holds for the whole process, so only a training loop asks for it; another C library is left alone.
    """
    if not enabled() or not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 1 << 26)))


def give_back(most: float = MOST) -> bool:
    """Return what is free to the system if this process, which keeps it, holds more than that part of the machine's memory; says whether it did.

    Batches of ever other shapes leave holes that nothing fits into again: in 60 steps a transformer of four layers held five times what it had in use. To ask
    after every tenth step costs it 4 % where there is much to return, and a look at one file where there is not.
    """
    if not keep_freed_memory():
        return False
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    if pages <= most * os.sysconf("SC_PHYS_PAGES"):
        return False
    return bool(ctypes.CDLL(None).malloc_trim(0))
