"""How far back a model can recall a letter: recurrent models and a transformer of one size (statement 6.2c)."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from workings.layers.recurrence import CELLS
from workings.report.figures import INK
from workings.studies.figures import lines
from workings.studies.language import learn, parameters
from workings.studies.statistics import chosen, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

MODELS = ("rnn", "gru", "lstm", "transformer")
LETTERS, WIDTH, HEADS, TOKENS = "abcdefghijklmnop", 64, 2, 2048


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every kind of model."""
    return [{"model": model} for model in MODELS]


def line(distance: int, draw: random.Random) -> str:
    """A letter, random bits, a question mark, and the letter again, `distance` characters after the first: "c0110?c" is one of 6."""
    letter = draw.choice(LETTERS)
    return letter + "".join(draw.choices("01", k=distance - 2)) + "?" + letter


def text(distances: Sequence[int], lines: int, seed: int) -> str:
    """Lines of random distances, and one of each first, so that every character occurs."""
    draw = random.Random(seed)
    first = [letter + "01?" + letter for letter in LETTERS]
    return "\n".join([*first, *(line(draw.choice(distances), draw) for _ in range(lines))]) + "\n"


def width_of(model: str) -> int:
    """The width that gives a recurrent model as many parameters in its layers: 12 D^2 for a layer of the transformer, 2 D^2 for each gate of a cell."""
    return WIDTH if model == "transformer" else round((12 * WIDTH**2 / (2 * CELLS[model][0])) ** 0.5)


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """How many of the letters that are asked for are recalled, by distance."""
    model, distances = condition["model"], scale["distances"]
    (folder / "recall.txt").write_text(text(distances, scale["lines"], seed))
    sizes = {"model__preset": model, "model__width": width_of(model), "model__context": scale["context"], "model__heads": None}
    sizes |= {"optimizer__name": "muon", "training__batch": TOKENS // scale["context"]}
    if model == "transformer":
        sizes |= {"model__preset": "gpt", "model__heads": HEADS, "model__position": "rotary", "model__biases": "none"}
    run = learn(folder, seed, scale["steps"], str(folder / "recall.txt"), **sizes)
    trained, size = run.load(), parameters(run)
    return [{"distance": distance, "recalled": recalled(trained, distance, scale["asked"], seed), "parameters": size} for distance in distances]


@torch.inference_mode()
def recalled(trained: Any, distance: int, asked: int, seed: int) -> float:
    """The part of new lines of that distance, each alone, whose last letter is the likeliest next character. trained: what `workings.load` gives."""
    draw = random.Random(f"{seed} {distance}")
    rows = torch.stack([trained.tokenizer.encode(line(distance, draw)).long() for _ in range(asked)])
    return float((trained.model(rows[:, :-1])[:, -1].argmax(-1) == rows[:, -1]).double().mean())


def judge(rows: list[Row]) -> Verdict:
    """What the transformer recalls beyond the best recurrent model at the greatest distance, and where each model falls below one half."""
    far = max(row["distance"] for row in rows)
    own = chosen(rows, {"distance": far})
    recurrent = {model: mean(chosen(own, {"model": model})) for model in MODELS[:-1]}
    best = max(recurrent, key=lambda model: recurrent[model])
    gain = paired_difference(own, "recalled", {"model": best}, {"model": "transformer"})
    near = paired_difference(chosen(rows, {"distance": min(row["distance"] for row in rows)}), "recalled", {"model": best}, {"model": "transformer"})
    reach = {
        model: max((row["distance"] for row in rows if row["model"] == model and mean_at(rows, model, row["distance"]) >= 0.5), default=0) for model in MODELS
    }
    word = "supported" if gain.low > 0 else "not supported here" if near.mean >= 0 else "depends on"
    told = ", ".join(f"{model} {distance}" for model, distance in reach.items())
    sentence = (
        f"At distance {far} the transformer recalls {mean(chosen(own, {'model': 'transformer'})):.0%} and the best recurrent model, {best}, "
        f"{recurrent[best]:.0%}; the greatest distance at which half is recalled: {told}."
    )
    return Verdict(word, sentence, gain.mean, gain.low, gain.high, f"of the letters that the transformer recalls beyond the best recurrent model at {far}")


def mean(rows: list[Row]) -> float:
    """Of what is recalled."""
    return sum(row["recalled"] for row in rows) / len(rows)


def mean_at(rows: list[Row], model: str, distance: int) -> float:
    """The same of one model at one distance."""
    return mean(chosen(rows, {"model": model, "distance": distance}))


def draw(rows: list[Row], figure: Any) -> None:
    """What is recalled by distance, a line a model, and chance."""
    axes = figure.subplots()
    lines(axes, rows, "distance", "recalled", "model", "distance, characters", "letters recalled", log_x=True)
    axes.axhline(1 / len(LETTERS), color=INK, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1.03)


STUDY = Study(
    name="recall",
    statement="6.2c",
    title="Recall over distance",
    claim="Transformers capture long-range dependencies by attention, where recurrent models have to carry everything along.",
    hypothesis="The transformer recalls at least 95 % at every distance; GRU and LSTM at least 90 % at 4 and less than half at the greatest distance; "
    "the plain RNN is the first to fall, to less than a fifth (chance is a sixteenth) at 16.",
    varied="The model: RNN, GRU, LSTM, transformer with rotary positions. The distance between a letter and the question for it.",
    held="Layers, parameters (within 2 %), optimizer (Muon for the matrices, since all learn fastest so), data, its order, batches and steps.",
    quick=Scale(seeds=2, options={"distances": [4, 8, 16, 32, 64], "context": 128, "lines": 10_000, "steps": 200, "asked": 200}),
    full=Scale(seeds=3, options={"distances": [4, 16, 64, 128, 256], "context": 512, "lines": 20_000, "steps": 800, "asked": 500}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"recalled": "part of the letters recalled", "parameters": "parameters"},
)
