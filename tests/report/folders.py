"""Run folders to report on, made up but of the right shape."""

import json
import math
import random
from pathlib import Path

import numpy as np
import tomli_w
from PIL import Image

from workings.data.picture_settings import Preparation
from workings.settings import to_dict
from workings.weights.folder import save_folder

WRITINGS = (
    "ihtn eoa  sr,lue\ntaehnid  uoeyw sahr ,tnoie",
    "the wat hor and she sore of the the mas ande hing to the sand her",
    "Mr. Darcy was the pention of the for her sister which had been her the same,\nand the were not be so much",
    "Elizabeth was not to be so much disposed to the subject of her sister's attentions; and she was sure that\nthe two ladies",
    "“My dear Mr. Bennet,” replied his wife, “how can you be so tiresome! I am sure that he is a very\nagreeable man, and I dare say he will be very glad "
    "to see you.”\n\nElizabeth could not help smiling at his manner of speaking.",
)


def make_run(
    folder: Path,
    *,
    width: int = 192,
    rate: float = 2e-3,
    floor: float = 1.38,
    steps: int = 1200,
    every: int = 10,
    seed: int = 0,
    end: str | None = "done",
    **changes,
) -> Path:
    """A language run whose loss falls from 4.3 toward `floor`; changes: environment facts."""
    draw = random.Random(seed)
    folder.mkdir(parents=True)
    config = {
        "task": "language",
        "data": {"source": "pride", "tokenizer": "character"},
        "model": {"preset": "lecture-plus", "width": width, "layers": 4, "heads": 4, "context": 128, "dropout": 0.0},
        "optimizer": {"name": "muon", "rate": rate, "betas": [0.9, 0.95], "weight_decay": 0.1},
        "training": {"seed": seed, "batch": 32, "minutes": 4.0, "precision": "auto"},
    }
    (folder / "config.toml").write_text(tomli_w.dumps(config), encoding="utf-8")
    environment = {
        "workings": "0.1.0",
        "torch": "2.13.0+cpu",
        "python": "3.11.7",
        "platform": "Linux-6.1",
        "cpu": "AMD EPYC 9B45",
        "cores": 2,
        "threads": 2,
        "memory_gib": 15.6,
        "precision": "bfloat16",
        "device": "cpu",
        "peak_gflops": {"float32": 412.0, "bfloat16": 851.0},
        "git": None,
        "command": "workings train language --data pride",
        "seed": seed,
    }
    (folder / "environment.json").write_text(json.dumps(environment | changes), encoding="utf-8")
    parameters = 12 * 4 * width**2 + 96 * width
    rows: list[dict] = [
        {"event": "start", "step": 0, "time": "2026-11-20T09:30:00Z", "parameters": {"model": parameters}, "units": "tokens", "units_per_step": 4096}
    ]
    rows[0] |= {"flops_per_step": 6 * parameters * 4096, "steps": steps}
    seconds_per_step = 0.19 * (width / 192) ** 1.5

    def loss(step: float) -> float:
        return floor + (4.3 - floor) * math.exp(-step / 35) * 0.55 + (4.3 - floor) * 0.45 * (1 + step / 60) ** -0.9

    for step in range(every, steps + 1, every):
        warm = min(1.0, step / (0.05 * steps)) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        row = {"event": "train", "step": step, "seconds": step * seconds_per_step, "loss": loss(step) + draw.gauss(0, 0.03), "learning_rate": rate * warm}
        rows.append(
            row
            | {"gradient_norm": 0.4 + 3 * math.exp(-step / 40) + draw.random() * 0.2, "units_per_second": 4096 / seconds_per_step * draw.uniform(0.95, 1.02)}
        )
        if step % (steps // 12) == 0:
            held_out = loss(step) + 0.06 + 0.03 * step / steps
            facts = {"loss": held_out, "nats_per_character": held_out, "bits_per_byte": held_out / math.log(2) * 0.99, "best": True}
            rows.append({"event": "validation", "step": step, "seconds": step * seconds_per_step} | facts)
            rows.append({"event": "sample", "step": step, "text": WRITINGS[min(len(WRITINGS) - 1, step * len(WRITINGS) // (steps + 1))]})
    if end:
        rows.append({"event": "end", "step": steps, "reason": end, "seconds": steps * seconds_per_step, "total_seconds": steps * seconds_per_step * 1.09})
    write_rows(folder, rows)
    (folder / "model").mkdir()
    about = {"format": 1, "workings": "0.1.0", "task": "language", "architecture": "transformer", "settings": config["model"], "tokenizer": "character"}
    (folder / "model" / "config.json").write_text(json.dumps(about))
    return folder


def write_rows(folder: Path, rows: list[dict]) -> None:
    """Write the record."""
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def make_picture_run(folder: Path, model, names: tuple[str, ...], side: int = 8) -> Path:
    """A run that tells small gray pictures apart, with two mistakes and a right one noted; model: of one channel and these classes."""
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(tomli_w.dumps({"task": "pictures", "data": {"source": "made up"}}), encoding="utf-8")
    (folder / "environment.json").write_text(
        json.dumps({"workings": "0.1.0", "device": "cpu", "precision": "float32", "seed": 0, "command": "workings train pictures"}), encoding="utf-8"
    )
    how = Preparation(channels=1, size=(side, side), mean=(0.5,), std=(0.25,))
    save_folder(folder / "model", "pictures", model.settings, model.state_dict(), None, "# Card\n", preparation=to_dict(how))
    (folder / "samples").mkdir()
    draw = np.random.default_rng(0)
    for name, rows, columns in (("00000010-noted.png", 1, 3), ("augmented.png", 8, 8)):
        Image.fromarray(draw.integers(0, 256, (rows * side, columns * side), dtype=np.uint8)).save(folder / "samples" / name)
    (folder / "samples" / "data.txt").write_text("60 pictures\n2 classes\n", encoding="utf-8")
    mistakes = [{"picture": f"{name}.png", "label": names[0], "said": names[1], "probability": p} for name, p in (("a", 0.99), ("b", 0.75))]
    noted = {"classes": list(names), "confusion": [[20, 10], [5, 25]], "calibration": [[0, 0.0, 0.0], [60, 0.8, 0.75]]}
    noted |= {"mistakes": mistakes, "right": [{"picture": "c.png", "label": names[1], "said": names[1], "probability": 0.98}]}
    rows = [
        {"event": "start", "step": 0, "parameters": {"model": 100}, "units": "pictures", "units_per_step": 8, "steps": 10},
        {"event": "validation", "step": 10, "seconds": 1.0, "loss": 0.5, "accuracy": 0.75, "best": True},
        {"event": "sample", "step": 10, **noted, "files": {"noted.png": "samples/00000010-noted.png"}},
        {"event": "end", "step": 10, "reason": "done", "seconds": 1.0, "total_seconds": 1.1},
    ]
    write_rows(folder, rows)
    return folder
