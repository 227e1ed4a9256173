"""What a step frees, the next step gets again."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from workings.layers.fast.memory import keep_freed_memory
if "keep" in sys.argv:
    print(int(keep_freed_memory()))
else:
    print(-1)
def step():
    tensors = [torch.ones(1 << 24) for _ in range(3)]  # 64 MiB each
    return sum(float(x[0]) for x in tensors)
for _ in range(8):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(*arguments: str, fast: str = "1") -> list[int]:
    """What the program prints: whether the library was told, and the page faults of three steps."""
    answer = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True, env=os.environ | {"WORKINGS_FAST": fast})
    return [int(line) for line in answer.stdout.split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_memory_that_was_freed_is_taken_again_without_a_page_fault():
    told, faults = run("keep")
    if not told:
        pytest.skip("this machine's C library has no mallopt")
    _, otherwise = run()
    pages = 3 * 3 * (1 << 26) // 4096
    assert otherwise > pages / 600  # even with the largest pages of 2 MiB
    assert faults < otherwise / 10


def test_nothing_is_changed_where_fast_paths_are_turned_off():
    assert run("keep", fast="0")[0] == 0


HELD = """
import torch
from workings.layers.fast.memory import give_back, keep_freed_memory
def held():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) // 1024
print(int(keep_freed_memory()))
pinned = []
for _ in range(40):  # each block of 8 MiB is followed by one that stays
    block = torch.ones(1 << 21)
    pinned.append(torch.ones(1 << 12))
    del block
    pinned.append(torch.ones(1 << 21))
large, pinned = held(), pinned[::2]
freed = held()
print(large, freed, int(give_back(most=1.0)), held(), int(give_back(most=0.0)), held())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="malloc_trim is glibc's")
def test_what_is_kept_without_use_is_given_back_only_above_a_part_of_the_memory():
    answer = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True, env=os.environ | {"WORKINGS_FAST": "1"})
    told, large, freed, early, still, given, small = (int(word) for word in answer.stdout.split())
    if not told:
        pytest.skip("this machine's C library has no mallopt")
    assert freed > large - 50 and not early and still > large - 50  # 320 MiB were freed, and kept
    assert given and small < large - 250
