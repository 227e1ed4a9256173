"""Training a VAE 784-400-20-400 beside pythae's trainer and a bare loop around pythae's model, on the same pictures.

    python benchmarks/train_vae.py [--batch 100] [--groups bf16 fp32] [--repetitions 5] [--json OUT]

A round is an epoch of 5,000 gray pictures: what a person gets from `workings train vae` (the loop of `fit`, with its schedule, its record and its order of the
data) against `BaseTrainer.train_step`, which is what a person gets from pythae. Its trainer has no short precision on a CPU; the bare loop has both. Each
variant has a process of its own, they take their rounds in turn, and the fastest repetition counts. The mean loss of each epoch is shown: all learn the same
objective (gray cross-entropy and the KL in closed form, Adam at 1e-3) from first weights of their own, so that these must come near each other, not agree.
"""

import argparse
import os
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from bare_loop import OURS, compare
from common import elsewhere, interleave, machine, save, wait_for_quiet
from torch import Tensor, nn

from workings.data.picture_sources import read_pictures
from workings.tasks.vae import DrawsByVAE
from workings.tasks.vae_settings import read_settings, resolved
from workings.training.fit import Loop
from workings.training.progress import Progress
from workings.training.run import Run

HIDDEN, LATENT, PICTURES = 400, 20, 5000
PRECISIONS = {"bf16": "bfloat16", "fp32": "float32"}


def pictures() -> Tensor:
    """The training part of the built-in set, uint8 [5000, 1, 28, 28]."""
    found = read_pictures("builtin:fashion").train
    return found.pixels(torch.arange(PICTURES))


def our_rounds(batch: int, precision: str):
    """An epoch of `fit`'s loop."""
    steps = PICTURES // batch
    table = {
        "data": {"source": "builtin:fashion"},
        "model": {"latent": LATENT, "widths": [HIDDEN]},
        "objective": {"binarization": "gray"},
        "optimizer": {"schedule": "constant", "warmup": 0.0},
        "training": {"batch": batch, "steps": 1000 * steps, "precision": precision},
    }
    settings = read_settings(table)
    folder = Path(tempfile.mkdtemp())
    loop = Loop(DrawsByVAE(settings), settings.training, Run(folder), Progress(True, ""), resolved(settings))
    loop.begin()

    def step() -> float:
        for _ in range(steps):
            rates = loop.step()
            if loop.state.step % settings.training.log_every == 0 and loop.state.step % steps:
                loop.journal.write("train", loop.state.step, **rates)
        total, count = loop.state.sums.pop("loss")
        loop.log(rates)
        return total / count

    return step


def peer(batch: int):
    """pythae's model and what it is trained on, as its users make them."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self):
            BaseEncoder.__init__(self)
            self.latent_dim = LATENT
            self.hidden, self.mean, self.spread = nn.Linear(784, HIDDEN), nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)

        def forward(self, x):
            y = F.relu(self.hidden(x.reshape(len(x), -1)))
            return ModelOutput(embedding=self.mean(y), log_covariance=self.spread(y))

    class Decoder(BaseDecoder):
        def __init__(self):
            BaseDecoder.__init__(self)
            self.hidden, self.output = nn.Linear(LATENT, HIDDEN), nn.Linear(HIDDEN, 784)

        def forward(self, z):
            return ModelOutput(reconstruction=torch.sigmoid(self.output(F.relu(self.hidden(z)))).reshape(-1, 1, 28, 28))

    torch.manual_seed(0)
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce"), encoder=Encoder(), decoder=Decoder())
    return model, BaseDataset(pictures().float() / 255, torch.zeros(PICTURES))


def trainer_rounds(batch: int):
    """An epoch of pythae's trainer, which loads its data in its own process: workers only slow down what is in memory already."""
    import logging

    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.INFO)
    model, data = peer(batch)
    config = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=batch,
        learning_rate=1e-3,
        num_epochs=1000,
    )
    trainer = BaseTrainer(model, data, training_config=config)
    trainer.prepare_training()
    done = 0

    def step() -> float:
        nonlocal done
        done += 1
        return float(trainer.train_step(done))

    return step


def bare_rounds(batch: int, precision: str, compiled: bool):
    """An epoch of pythae's model in a bare loop: sliced tensors and fused Adam."""
    model, data = peer(batch)
    x = data.data
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    encode, decode = (torch.compile(part) if compiled else part for part in (model.encoder, model.decoder))

    def loss_of(x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            code = encode(x)
            mean, spread = code.embedding.float(), code.log_covariance.float()
            z = mean + torch.exp(0.5 * spread) * torch.randn_like(mean)
            made = decode(z)["reconstruction"].float()
        return model.loss_function(made, x, mean, spread, z)[0]

    def step() -> float:
        order, total = torch.randperm(PICTURES), 0.0
        for rows in order.split(batch):
            loss = loss_of(x[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / PICTURES

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--groups", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--compile", action="store_true", help="also the bare loop compiled")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for others to be quiet")
    parser.add_argument("--json", help="where to write the numbers")
    given = parser.parse_args()
    results = []
    for group in given.groups:
        precision, before = PRECISIONS[group], wait_for_quiet(patience=given.patience)
        bare = [
            elsewhere(f"pythae's model, bare loop{', compiled' * compiled}", bare_rounds, given.batch, precision, compiled)
            for compiled in ((False, True) if given.compile else (False,))
        ]
        runs = [elsewhere(OURS, our_rounds, given.batch, precision), elsewhere("pythae's trainer, fp32", trainer_rounds, given.batch), *bare]
        interleave(runs, given.repetitions)
        print(f"\n784-{HIDDEN}-{LATENT}-{HIDDEN}, batches of {given.batch}, {group}: others used {before:.0%} of the machine before")
        results.append(compare(runs, PICTURES, "pictures") | {"precision": group, "others_before": before})
    save(given.json, {"machine": machine(), "results": results})


if __name__ == "__main__":
    main()
