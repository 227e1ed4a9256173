"""Training a DCGAN beside the loop that tutorials write, in float32 and tuned: the same two networks, the same batch of 64 pictures of 64 x 64.

    python benchmarks/train_gan.py [--steps 5] [--repetitions 5] [--json OUT]

The other loop is written as it usually is: the discriminator learns from real pictures, then from drawings, both with the binary cross-entropy of a sigmoid,
then the generator from the same drawings judged anew; two Adams. "tuned" has its channels last, bfloat16 by autocast, logits instead of the sigmoid and fused
Adam. Ours is the whole step of `workings train gan`: data, both players, the average of the generator, the record's sums. Each variant has a process of
its own, they take their rounds of some steps in turn, and the fastest repetition counts.
"""

import argparse
import os
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
warnings.filterwarnings("ignore")

import numpy as np
import torch
import torch.nn.functional as F
from common import Variant, elsewhere, interleave, machine, save, table, wait_for_quiet
from torch import nn

SIDE, CHANNELS, LATENT, WIDTH, BATCH, HELD = 64, 3, 100, 64, 64, 8


def pictures() -> np.ndarray:
    """Pictures of noise, uint8 [N, 64, 64, 3]."""
    return np.random.default_rng(0).integers(0, 256, (BATCH * 4 + HELD, SIDE, SIDE, CHANNELS), dtype=np.uint8)


def tutorial_players() -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator as stacks of layers (Radford et al. 2016), without the last sigmoid."""
    up, down = [], []
    widths = [WIDTH * 8, WIDTH * 4, WIDTH * 2, WIDTH]
    for place, (inputs, outputs) in enumerate(zip([LATENT, *widths], widths, strict=False)):
        up += [nn.ConvTranspose2d(inputs, outputs, 4, 1 if place == 0 else 2, 0 if place == 0 else 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)]
    for place, (inputs, outputs) in enumerate(zip([CHANNELS, *widths[::-1]], widths[::-1], strict=False)):
        down += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), *([nn.BatchNorm2d(outputs)] if place else []), nn.LeakyReLU(0.2, inplace=True)]
    generator = nn.Sequential(*up, nn.ConvTranspose2d(WIDTH, CHANNELS, 4, 2, 1, bias=False), nn.Tanh())
    return generator, nn.Sequential(*down, nn.Conv2d(widths[0], 1, 4, 1, 0, bias=False), nn.Flatten(0))


def tutorial_rounds(steps: int, tuned: bool):
    """Rounds of the loop that tutorials write."""
    torch.manual_seed(0)
    generator, discriminator = tutorial_players()
    layout = torch.channels_last if tuned else torch.contiguous_format
    generator, discriminator = generator.to(memory_format=layout), discriminator.to(memory_format=layout)
    adams = [torch.optim.Adam(player.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=tuned) for player in (generator, discriminator)]
    real = torch.from_numpy(pictures()[:BATCH]).permute(0, 3, 1, 2).float() / 127.5 - 1
    real = real.contiguous(memory_format=layout)

    def loss(logits: torch.Tensor, target: float) -> torch.Tensor:
        wanted = torch.full_like(logits, target)
        return F.binary_cross_entropy_with_logits(logits, wanted) if tuned else F.binary_cross_entropy(logits.sigmoid(), wanted)

    def step() -> float:
        for _ in range(steps):
            with torch.autocast("cpu", torch.bfloat16, enabled=tuned):
                discriminator.zero_grad()
                of_real = loss(discriminator(real), 1.0)
                of_real.backward()
                drawn = generator(torch.randn(BATCH, LATENT, 1, 1))
                of_drawn = loss(discriminator(drawn.detach()), 0.0)
                of_drawn.backward()
                adams[1].step()
                generator.zero_grad()
                wanted = loss(discriminator(drawn), 1.0)
                wanted.backward()
                adams[0].step()
        return (of_real + of_drawn).item()

    return step


def our_rounds(steps: int):
    """Rounds of this project's loop, as `workings train gan` takes its steps."""
    from workings.tasks.gan import Gan
    from workings.tasks.gan_settings import read_settings, resolved
    from workings.training.fit import Loop
    from workings.training.progress import Progress
    from workings.training.run import Run

    folder = Path(tempfile.mkdtemp())
    np.savez(folder / "noise.npz", images=pictures(), labels=np.zeros(BATCH * 4 + HELD, dtype=np.int64))
    data = {"source": str(folder / "noise.npz"), "validation": HELD / (BATCH * 4 + HELD)}
    settings = read_settings({"data": data, "model": {"latent": LATENT, "width": WIDTH}, "training": {"batch": BATCH, "steps": 10**6}})
    game = Gan(settings)
    loop = Loop(game, settings.training, Run(folder), Progress(quiet=True), resolved(game.settings))
    loop.state.planned = 10**6

    def step() -> float:
        loop.state.sums = {}
        for _ in range(steps):
            loop.step()
        total, count = loop.state.sums["discriminator/loss"]
        return total / count

    return step


def compare(runs: list[Variant], pictures_seen: int) -> list[dict]:
    """A table on the terminal, and its numbers; the first run is ours."""
    ours, found = runs[0], []
    lines = [["", "pictures/s", "median", "ours is", "by processor", "first loss", "last loss"]]
    for run in runs:
        ratio, by_processor = run.best / ours.best, min(run.processor) / min(ours.processor)
        facts = dict(speed=pictures_seen / run.best, median=pictures_seen / run.median, ratio=ratio, ratio_of_processor=by_processor)
        found.append(dict(name=run.name, **facts, losses=run.answers))
        numbers = [f"{facts['speed']:,.0f}", f"{facts['median']:,.0f}", f"{ratio:.2f}x", f"{by_processor:.2f}x"]
        lines.append([run.name, *numbers, *(f"{loss:.3f}" for loss in (run.answers[0], run.answers[-1]))])
    print(table(lines), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=5, help="of a round")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for others to be quiet")
    parser.add_argument("--json", help="where to write the numbers")
    given = parser.parse_args()
    before = wait_for_quiet(patience=given.patience)
    runs = [
        elsewhere("workings", our_rounds, given.steps),
        elsewhere("tutorial, float32", tutorial_rounds, given.steps, False),
        elsewhere("tutorial, tuned", tutorial_rounds, given.steps, True),
    ]
    interleave(runs, given.repetitions)
    print(f"others used {before:.0%} of the machine before and {wait_for_quiet(patience=0):.0%} after")
    found = compare(runs, given.steps * BATCH)
    save(given.json, {"machine": machine(), "others_before": before, "rows": found})


if __name__ == "__main__":
    main()
