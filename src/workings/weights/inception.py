"""The weights of FID's Inception-v3, under the names that their published port to PyTorch (pt_inception-2015-12-05) has."""

from pathlib import Path

import torch

from workings.errors import BadInput
from workings.models.inception import Inception
from workings.weights.bare import OneFile
from workings.weights.blank import NoDraws
from workings.weights.names import Entry, plain, read_all, unsaid
from workings.weights.tensors import PICKLED

STEM = {0: "Conv2d_1a_3x3", 1: "Conv2d_2a_3x3", 2: "Conv2d_2b_3x3", 4: "Conv2d_3b_1x1", 5: "Conv2d_4a_3x3"}
BLOCKS = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
BRANCHES: dict[str, tuple[tuple[str, ...], ...]] = {
    "5": (("branch1x1",), ("branch5x5_1", "branch5x5_2"), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")),
    "6a": (("branch3x3",), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")),
    "6": (("branch1x1",), tuple(f"branch7x7_{n}" for n in range(1, 4)), tuple(f"branch7x7dbl_{n}" for n in range(1, 6))),
    "7a": (("branch3x3_1", "branch3x3_2"), tuple(f"branch7x7x3_{n}" for n in range(1, 5))),
    "7": (("branch1x1",), ("branch3x3_1", "branch3x3_2"), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")),
}
"""What the convolutions of each branch are called; of a fork the two have an a and a b after it."""
CONVERT = (
    "a pickle can run any program when it is opened, so it is not read here; where it can be trusted, convert it once: "
    "safetensors.torch.save_file(torch.load(FILE, weights_only=True), 'inception.safetensors')"
)


def convolution_names() -> dict[str, str]:
    """Ours -> theirs, of every convolution with its norm."""
    names = {f"stem.{place}": name for place, name in STEM.items()}
    for number, block in enumerate(BLOCKS):
        for place, branch in enumerate(BRANCHES.get(block, BRANCHES[block[0]])):
            for step, name in enumerate(branch):
                ours, theirs = f"blocks.{number}.branches.{place}.{step}", f"Mixed_{block}.{name}"
                forked = block in ("7b", "7c") and place > 0 and step == len(branch) - 1
                names |= {f"{ours}.wide": f"{theirs}a", f"{ours}.high": f"{theirs}b"} if forked else {ours: theirs}
        if block not in ("6a", "7a"):
            names[f"blocks.{number}.projection"] = f"Mixed_{block}.branch_pool"
    return names


def entries() -> list[Entry]:
    """Every tensor of the file; its classifier is not used."""
    found = []
    for ours, theirs in convolution_names().items():
        found.append(plain(f"{theirs}.conv.weight", f"{ours}.convolution.weight"))
        found += [plain(f"{theirs}.bn.{name}", f"{ours}.norm.{name}") for name in ("weight", "bias", "running_mean", "running_var")]
        found.append(plain(f"{theirs}.bn.num_batches_tracked", f"{ours}.norm.num_batches_tracked", optional=True))
    return [*found, *unsaid("fc.weight", "fc.bias")]


def read_inception(path: str | Path) -> Inception:
    """The network of a .safetensors file with the published names, in evaluation mode."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise BadInput(f"There is no file {path} with the weights of Inception-v3; give one, or leave scores.inception empty, which gives no FID.")
    if path.suffix in PICKLED:
        raise BadInput(f"{path}: {CONVERT}.")
    tensors = OneFile(path)
    if f"{STEM[0]}.conv.weight" not in tensors.names:
        raise BadInput(f"{path} does not hold FID's Inception-v3 (pt_inception-2015-12-05 under its published names); a network of other weights gives no FID.")
    with torch.device("meta"), NoDraws():
        model = Inception()
    model.load_state_dict(read_all(tensors, entries(), model.state_dict(), torch.float32), assign=True)
    return model.eval().requires_grad_(False)
