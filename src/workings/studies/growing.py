"""5.2c: players that grow against the same players at full size from the start, by the pictures that they have seen and by the compute that they have used."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

import workings
from workings.models.gan_settings import ProgressiveSettings
from workings.models.progressive_gan import ProgressiveDiscriminator, ProgressiveGenerator
from workings.studies.figures import legend, lines
from workings.studies.pictures import learn
from workings.studies.statistics import Interval, by_seed, chosen, mean_interval, mean_of, outcome
from workings.studies.study import Row, Scale, Study, Verdict, Word
from workings.studies.training import assignments

ON, OFF = "growing", "full size from the start"
BATCH, SHARE = 16, 6
"""Pictures in a step; and the part of all pictures, 1 / SHARE, that is shown at each size, and as many while the next one is faded in."""
SIDE, LATENT, LOOKS = 16, 32, 8
"""Of the pictures; of the latents; and how often in a training the drawings are scored."""
NEARER = 0.9
"""What the distance of growing should be of that of full size after as much compute, at most."""
RATE = 3e-3
"""Three times the published one: chosen for the players that do not grow, which then draw something within a few hundred steps."""


def players(scale: Scale, pictures: int) -> dict[str, Any]:
    """How the growing players grow within so many pictures: 4 x 4, 8 x 8, 16 x 16, of which a third is left for the last size by itself."""
    return {"width": scale["width"], "latent": LATENT, "stable": pictures // SHARE, "fade": pictures // SHARE}


def cost(settings: ProgressiveSettings, seen: int) -> float:
    """Products of numbers that both players take for one picture when so many have been shown."""
    generator, discriminator = ProgressiveGenerator(settings), ProgressiveDiscriminator(settings)
    generator.seen.fill_(seen)
    discriminator.seen.fill_(seen)
    rows = settings.group
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        labels = torch.zeros(rows, dtype=torch.int64)
        discriminator(generator(torch.zeros(rows, settings.latent), labels), labels)
    return counter.get_total_flops() / rows


def compute(settings: ProgressiveSettings, seen: int) -> float:
    """What so many pictures have cost, in pictures of full size."""
    if settings.grown_after == 0:
        return float(seen)
    begins = np.cumsum([0, settings.stable] + [settings.fade + settings.stable] * settings.doublings)  # of each size, and the end of the last
    begins[-1] = max(begins[-1], seen)
    costs = [cost(settings, int(begin)) for begin in begins[:-1]]
    shown = np.diff(np.minimum(begins, seen))
    return float(np.dot(costs, shown) / cost(settings, int(begins[-1])))


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Growing on and off."""
    return [{"players": ON}, {"players": OFF}]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> list[Row]:
    """A row for every look at the drawings of one training: the pictures seen, the compute used, and what a judge says, which is trained first."""
    judge = learn(folder, 0, scale["judge_steps"], name="judge", model__preset="cnn-small", data__size=[SIDE])
    steps = scale["steps"]
    grows = players(scale, steps * BATCH) | ({} if condition["players"] == ON else {"stable": 0, "fade": 0})
    given = {f"model.{name}": value for name, value in grows.items()} | {
        "model.architecture": "progressive-gan",
        "data.size": [SIDE],
        "scores.drawings": scale["drawings"],
        "training.evaluate_every": steps // LOOKS,
        "optimizer.average": scale["average"],
        "optimizer.rate": RATE,
        "training.batch": BATCH,
    }
    run = workings.train(
        "gan", data="fashion", labels=True, judge=judge.folder, steps=steps, seed=seed, set=assignments(given), out=folder / "run", quiet=True, report=False
    )
    settings = ProgressiveSettings(image_size=(SIDE, SIDE), classes=10, **grows)
    looks = run.validations()
    return [
        {
            "look": look,
            "pictures": row["step"] * BATCH,
            "compute": compute(settings, row["step"] * BATCH),
            "distance": row["frechet"],
            "label_accuracy": 100 * row["label_accuracy"],
            "floor": row["frechet_floor"],
        }
        for look, row in enumerate(looks, 1)
    ]


def ends(rows: list[Row]) -> dict[int, dict[str, float]]:
    """For each seed: the distance of the growing players at the end, and that of the others after as many pictures, and after as much compute."""
    found = {}
    for seed in by_seed(rows, "distance"):
        on, off = (sorted(chosen(rows, {"players": name, "seed": seed}), key=lambda row: row["pictures"]) for name in (ON, OFF))
        logs = np.interp(on[-1]["compute"], [row["compute"] for row in off], np.log([row["distance"] for row in off]))
        found[seed] = {
            "on": on[-1]["distance"],
            "pictures": off[-1]["distance"],
            "compute": float(np.exp(logs)),
            "saved": 1 - on[-1]["compute"] / off[-1]["compute"],
        }
    return found


def parts(rows: list[Row]) -> dict[str, Interval]:
    """The distance of growing as a part of that of full size, after as much compute and after as many pictures."""
    found = ends(rows).values()
    return {name: mean_interval(one["on"] / one[name] for one in found) for name in ("compute", "pictures")}


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The hypothesis."""
    return {"after as much compute, the drawings of players that grow are at least 10 % nearer to the pictures": parts(rows)["compute"].below(NEARER)}


def judge(rows: list[Row]) -> Verdict:
    """Whether growing surely comes nearer to the pictures with as much compute, and with as many pictures."""
    compute, pictures = parts(rows).values()
    word: Word = "supported" if compute.high < 1 and pictures.high < 1 else "depends on" if compute.high < 1 else "not supported here"
    right = {name: mean_of(rows, "label_accuracy", {"players": name, "look": max(row["look"] for row in rows)}) for name in (ON, OFF)}
    saved = mean_interval(one["saved"] for one in ends(rows).values()).mean
    (held,) = expectations(rows).values()
    sentence = (
        f"Growing ends at {compute.mean:.2f} ({compute.low:.2f} to {compute.high:.2f}) times the distance that full size from the start has after as much "
        f"compute; at most {NEARER} times was asked, {outcome(rows, held)}. After as many pictures it is {pictures.mean:.2f} ({pictures.low:.2f} to "
        f"{pictures.high:.2f}) times, and growing takes {saved:.0%} less compute for them; {right[ON]:.0f} % of its drawings are what they should be, "
        f"{right[OFF]:.0f} % of the others'."
    )
    return Verdict(word, sentence, compute.mean, compute.low, compute.high, "distance of growing as a part of that of full size, after as much compute")


def draw(rows: list[Row], figure: Any) -> None:
    """Distance and label accuracy against compute."""
    left, right = figure.subplots(1, 2)
    shown = [row | {"thousands": row["compute"] / 1000} for row in rows]
    label = "compute, 1,000 full-size pictures"
    lines(left, shown, "thousands", "distance", "players", label, "Frechet distance by the judge", log_y=True, named=False)
    lines(right, shown, "thousands", "label_accuracy", "players", label, "label accuracy, %", named=False)
    legend(right)


STUDY = Study(
    name="growing",
    statement="5.2c",
    title="Players that grow",
    claim="Players whose pictures become larger while they learn draw better for what they cost.",
    hypothesis="After as much compute, the drawings of players that grow from 4 x 4 to 16 x 16 are at least 10 % nearer to the pictures than those of the same "
    "players at full size from the start.",
    varied="whether the players grow: two thirds of the pictures are shown while they do",
    held="both networks at full size, the loss (Wasserstein with a gradient penalty), the optimizer, the pictures and their order; compared after as many "
    "pictures, and after as many products of numbers; one judge for all, a convolutional network trained on the same pictures",
    quick=Scale(seeds=3, options={"steps": 1280, "width": 16, "drawings": 300, "judge_steps": 60, "average": 0.98}),
    full=Scale(seeds=3, options={"steps": 2500, "width": 32, "drawings": 1000, "judge_steps": 400, "average": 0.995}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    expectations=expectations,
    changed="The rate and the width were chosen in first runs for the players that do not grow, and the quick study got more steps after one in which neither "
    "drew anything; the word asks for intervals since then.",
    measures={
        "pictures": "pictures seen",
        "compute": "compute, in pictures of full size",
        "distance": "Frechet distance",
        "floor": "Frechet distance of pictures from pictures",
        "label_accuracy": "label accuracy, %",
    },
)
