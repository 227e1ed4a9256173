"""A U-Net beside that of diffusers, with the same weights and pictures: a step of training, and drawing.

    python benchmarks/train_unet.py [--jobs train draw] [--groups bf16 fp32] [--no-compile] [--repetitions 5] [--steps 10] [--patience 60] [--json OUT]

Pictures of 32 x 32 in batches of 16, three levels of 64, 128 and 256 channels, two blocks a level, attention at 16 x 16 and 8 x 8 with heads of 64 channels: 16
million parameters. A round of training learns the noise of two batches by heart (mean squared error, gradient, clipping at 1, fused AdamW); a round of
drawing takes as many DDIM steps as `--steps` says, from the same noise, and returns the mean square of what it has drawn. Both sides begin with the same
weights, so both must have the same numbers, which are shown. Each mode of the peer has a process of its own: channels of a pixel side by side or not, eager
or compiled; the ratio is against its fastest.
"""

import argparse
import os
import warnings
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from bare_loop import OURS, compare, rounds
from common import Variant, elsewhere, interleave, machine, save, wait_for_quiet
from torch import Tensor, nn

from workings.layers.fast.memory import keep_freed_memory
from workings.models.unet import UNet
from workings.models.unet_settings import unet_settings
from workings.weights.families import unet
from workings.weights.names import write_all

PRECISIONS = {"bf16": torch.bfloat16, "fp32": None}
PICTURES, SIDE, BATCHES, TIMES = 16, 32, 2, 1000
SETTINGS = unet_settings("unet-base")
Ask = Callable[[Tensor, Tensor], Tensor]


def model_of() -> UNet:
    """The model with the weights that both sides begin with; what begins at zero is drawn too, or half of the network would do nothing."""
    torch.manual_seed(0)
    model = UNet(SETTINGS)
    for parameter in model.parameters():
        if parameter.dim() > 1 and not parameter.any():
            nn.init.normal_(parameter, std=0.2 * parameter[0].numel() ** -0.5)
    return model


def kept() -> Tensor:
    """How much of a picture is left at each time: the cosine schedule (Nichol and Dhariwal 2021)."""
    t = torch.arange(TIMES, dtype=torch.float64) / TIMES
    return torch.cos((t + 0.008) / 1.008 * torch.pi / 2).square().float()


def batches_of() -> list[dict[str, Tensor]]:
    """Pictures, the noise that is in them and their times."""
    draw, batches = torch.Generator().manual_seed(1), []
    for _ in range(BATCHES):
        clean, noise = torch.randn(2, PICTURES, 3, SIDE, SIDE, generator=draw)
        time = torch.randint(TIMES, (PICTURES,), generator=draw)
        share = kept()[time][:, None, None, None]
        batches.append({"pictures": share.sqrt() * clean + (1 - share).sqrt() * noise, "noise": noise, "times": time.float()})
    return batches


def training(model: nn.Module, ask: Ask, precision: str, channels_last: bool):
    """Rounds of training on the batches."""

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return F.mse_loss(ask(batch["pictures"], batch["times"]).float(), batch["noise"])

    batches = batches_of()
    if channels_last:
        batches = [{**batch, "pictures": batch["pictures"].contiguous(memory_format=torch.channels_last)} for batch in batches]
    return rounds(model, loss, batches, PRECISIONS[precision])


def drawing(model: nn.Module, ask: Ask, precision: str, channels_last: bool, steps: int):
    """Rounds of DDIM (Song et al. 2021), eta = 0."""
    model.eval()
    share, times = kept(), torch.linspace(TIMES - 1, 0, steps).long().tolist()
    noise = torch.randn(PICTURES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    noise = noise.contiguous(memory_format=torch.channels_last) if channels_last else noise

    @torch.inference_mode()
    def step() -> float:
        x, dtype = noise, PRECISIONS[precision]
        for now, later in zip(times, [*times[1:], None], strict=True):
            with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
                said = ask(x, torch.full((PICTURES,), float(now)))
            said = said.float()
            clean = ((x - (1 - share[now]).sqrt() * said) / share[now].sqrt()).clamp(-1, 1)
            left = share[later] if later is not None else torch.ones(())
            x = left.sqrt() * clean + (1 - left).sqrt() * said
        return float(x.square().mean())

    return step


def our_rounds(job: str, precision: str, steps: int):
    """Rounds of this project's model, with what its training does."""
    keep_freed_memory()
    model = model_of()
    return training(model, model, precision, False) if job == "train" else drawing(model, model, precision, False, steps)


def peer_rounds(job: str, precision: str, channels_last: bool, compiled: bool, steps: int):
    """Rounds of the peer in one of its modes."""
    import diffusers

    config = {name: value for name, value in unet.write_config(SETTINGS, unet.PLAIN).items() if not name.startswith("_")}
    peer = diffusers.UNet2DModel(**config)
    peer.load_state_dict(write_all(model_of().state_dict(), unet.entries(SETTINGS, unet.PLAIN)))
    peer = peer.to(memory_format=torch.channels_last) if channels_last else peer
    run = torch.compile(peer) if compiled else peer

    def ask(x: Tensor, time: Tensor) -> Tensor:
        return run(x, time, return_dict=False)[0]

    return training(peer, ask, precision, channels_last) if job == "train" else drawing(peer, ask, precision, channels_last, steps)


def measure(job: str, precision: str, given: argparse.Namespace) -> dict:
    """One job in one precision: a table on the terminal, and its numbers."""
    before = wait_for_quiet(patience=given.patience)
    peers: list[Variant] = []
    for channels_last in (False, True):
        for compiled in (False, True) if given.compile else (False,):
            words = ", ".join(filter(None, ("diffusers", "channels last" if channels_last else "", "compiled" if compiled else "")))
            peers.append(elsewhere(words, peer_rounds, job, precision, channels_last, compiled, given.steps))
    runs = [elsewhere(OURS, our_rounds, job, precision, given.steps), *peers]
    interleave(runs, given.repetitions)
    print(f"\n{job}, {precision}: others used {before:.0%} of the machine before and {wait_for_quiet(patience=0):.0%} after")
    units = (BATCHES if job == "train" else 1) * PICTURES
    return compare(runs, units, "pictures") | {"job": job, "precision": precision, "steps": given.steps, "others_before": before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", default=["train", "draw"], choices=["train", "draw"])
    parser.add_argument("--groups", nargs="+", default=["bf16"], choices=PRECISIONS)
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="steps of the sampler in a round of drawing")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for others to be quiet")
    parser.add_argument("--json", help="where to write the numbers")
    given = parser.parse_args()
    results = [measure(job, precision, given) for job in given.jobs for precision in given.groups]
    save(given.json, {"machine": machine(), "results": results})


if __name__ == "__main__":
    main()
