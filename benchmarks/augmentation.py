"""Augmentation of a batch (of CIFAR, unless told otherwise) on whole tensors beside PIL picture by picture: RandAugment (n=2, m=9), pad-crop by 4, flip.

    python benchmarks/augmentation.py [--batch 512] [--side 32] [--repetitions 7] [--json OUT]

Both sides begin and end with uint8 arrays and use one thread; what counts is the processor time of the fastest repetition, and the two take turns. PIL
draws its choices from `random`, ours from (seed, step, row); the distributions are the same.
"""

import argparse
import math
import os
import random
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from common import machine, save, table
from PIL import Image, ImageOps
from pil_operations import operate

from workings.data.augmentation import Chain, Erase, Flip, PadCrop, RandomResizedCrop
from workings.data.draws import Draws
from workings.data.rand_augment import ONE_WAY, OPERATIONS, RandAugment


def rand_augmented(picture: Image.Image) -> Image.Image:
    for name in random.choices(OPERATIONS, k=2):
        picture = operate(name, picture, 0.9 if name in ONE_WAY else random.choice((-0.9, 0.9)))
    return picture


def pad_cropped(picture: Image.Image) -> Image.Image:
    left, top = random.randint(0, 8), random.randint(0, 8)
    return ImageOps.expand(picture, 4).crop((left, top, left + picture.width, top + picture.height))


def flipped(picture: Image.Image) -> Image.Image:
    return ImageOps.mirror(picture) if random.random() < 0.5 else picture


def box(picture: Image.Image, area: tuple[float, float], ratio: tuple[float, float]) -> tuple[int, int, int, int]:
    """As `RandomResizedCrop.boxes` draws them, for PIL: left, top, right, bottom."""
    for _ in range(10):
        size, shape = random.uniform(*area) * picture.width * picture.height, math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
        width, height = round((size * shape) ** 0.5), round((size / shape) ** 0.5)
        if 1 <= width <= picture.width and 1 <= height <= picture.height:
            left, top = random.randint(0, picture.width - width), random.randint(0, picture.height - height)
            return left, top, left + width, top + height
    return 0, 0, picture.width, picture.height


def resized_crop(picture: Image.Image) -> Image.Image:
    return picture.resize(picture.size, Image.Resampling.BILINEAR, box=box(picture, (0.08, 1), (3 / 4, 4 / 3)))


def erased(picture: Image.Image) -> Image.Image:
    if random.random() < 0.25:
        picture = picture.copy()
        picture.paste((0, 0, 0), box(picture, (0.02, 1 / 3), (0.3, 10 / 3)))
    return picture


JOBS = {
    "RandAugment + crop + flip": ([RandAugment(2, 9), PadCrop(4), Flip()], [rand_augmented, pad_cropped, flipped]),
    "RandAugment": ([RandAugment(2, 9)], [rand_augmented]),
    "crop + flip": ([PadCrop(4), Flip()], [pad_cropped, flipped]),
    "random-resized crop": ([lambda pictures, draws: RandomResizedCrop(pictures.shape[2:])(pictures, draws)], [resized_crop]),
    "erase": ([Erase()], [erased]),
}


def fastest(calls: dict, repetitions: int) -> dict[str, float]:
    """Seconds of processor time of each, in turns."""
    best = dict.fromkeys(calls, float("inf"))
    for repetition in range(repetitions):
        for name, call in calls.items():
            started = time.process_time()
            call(repetition)
            best[name] = min(best[name], time.process_time() - started)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--json")
    given = parser.parse_args()
    torch.set_num_threads(1)
    small = torch.rand(given.batch, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    pictures = (255 * torch.nn.functional.interpolate(small, (given.side, given.side), mode="bicubic").clamp(0, 1)).to(torch.uint8)
    rows, numbers = [["per picture", "workings us", "PIL us", "ratio"]], {}
    for name, (ours, theirs) in JOBS.items():
        chain = Chain(ours)

        def by_pil(step: int, theirs=theirs) -> torch.Tensor:
            done = []
            for array in pictures.permute(0, 2, 3, 1).contiguous().numpy():
                picture = Image.fromarray(array)
                for part in theirs:
                    picture = part(picture)
                done.append(np.asarray(picture))
            return torch.from_numpy(np.stack(done)).permute(0, 3, 1, 2).contiguous()

        best = fastest({"workings": lambda step, chain=chain: chain(pictures, Draws(0, step, given.batch)), "PIL": by_pil}, given.repetitions)
        numbers[name] = {who: 1e6 * seconds / given.batch for who, seconds in best.items()} | {"ratio": best["PIL"] / best["workings"]}
        rows.append([name, *(f"{numbers[name][who]:.2f}" for who in ("workings", "PIL")), f"{numbers[name]['ratio']:.1f}"])
    print(table(rows))
    save(given.json, {"machine": machine(), "batch": given.batch, "side": given.side, "microseconds": numbers})


if __name__ == "__main__":
    main()
