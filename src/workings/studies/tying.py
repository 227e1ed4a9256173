"""Tied against untied output: parameters and loss, at equal width and at equal parameters (statement 2.2b)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workings.studies.figures import bars
from workings.studies.language import learn, parameters
from workings.studies.statistics import chosen, mean_interval, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

LAYERS, HEADS = 2, 2


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Tied, a head of its own at the same width, and one at the same number of parameters."""
    return [{"output": output} for output in ("tied", "untied, as wide", "untied, as many")]


def width_of(output: str, vocabulary: int, width: int) -> int:
    """That of the tied model, or the one that makes an untied model as large."""
    wanted = size(vocabulary, width, tied=True)
    return width if output != "untied, as many" else min(range(4, width + 1, 4), key=lambda w: abs(size(vocabulary, w, tied=False) - wanted))


def size(vocabulary: int, width: int, tied: bool) -> int:
    """V D for each embedding or head, 12 D^2 for a layer, and two norms of D in it and one behind the last."""
    return (1 if tied else 2) * vocabulary * width + LAYERS * (12 * width**2 + 2 * width) + width


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """Parameters and loss of a small GPT with byte pairs, whose vocabulary is most of it."""
    output, vocabulary = condition["output"], scale["tokens"]
    sizes = dict(model__width=width_of(output, vocabulary, scale["width"]), model__layers=LAYERS, model__heads=HEADS, model__tied=output == "tied")
    run = learn(folder, seed, scale["steps"], data__tokenizer="bpe", data__tokens=vocabulary, model__biases="none", model__norm="rms", **sizes)
    return [{"parameters": parameters(run), "loss": run.scores()["nats_per_character"]}]


def judge(rows: list[Row]) -> Verdict:
    """Whether tying saves parameters and still does as well or better, at both comparisons."""
    wide = paired_difference(rows, "loss", {"output": "tied"}, {"output": "untied, as wide"})
    many = paired_difference(rows, "loss", {"output": "tied"}, {"output": "untied, as many"})
    saved = 1 - number(rows, "tied") / number(rows, "untied, as wide")
    word = "supported" if wide.low > 0 and many.low > 0 else "depends on" if many.low > 0 or wide.low > 0 else "not supported here"
    sentence = (
        f"Tying saves {saved:.0%} of the parameters and gains {wide.mean:+.3f} nats a character at equal width ({wide.low:+.3f} to {wide.high:+.3f}), "
        f"{many.mean:+.3f} at equal parameters ({many.low:+.3f} to {many.high:+.3f})."
    )
    return Verdict(word, sentence, wide.mean, wide.low, wide.high, "nats a character that tying gains at equal width")


def number(rows: list[Row], output: str) -> float:
    """How many parameters it has."""
    return mean_interval(row["parameters"] for row in chosen(rows, {"output": output})).mean


def draw(rows: list[Row], figure: Any) -> None:
    """Parameters and loss."""
    left, right = figure.subplots(1, 2)
    shown = [row | {"as": row["output"].replace(", ", ",\n"), "thousands": row["parameters"] / 1000} for row in rows]
    for axes, column, label in ((left, "thousands", "parameters, thousands"), (right, "loss", "nats a character")):
        bars(axes, [row | {"all": ""} for row in shown], "as", column, "all", "", label, named=False)
    losses = [row["loss"] for row in rows]
    right.set_ylim(min(losses) - 0.1, max(losses) + 0.03)


STUDY = Study(
    name="tying",
    statement="2.2b",
    title="One matrix for input and output",
    claim="Weight tying reduces the number of parameters and can improve performance.",
    hypothesis="With 2,048 tokens at D = 64 tying saves more than a third of the parameters; at equal width it changes the loss by less than 0.05 nats "
    "a character, at equal parameters it gains at least 0.03.",
    varied="The output matrix: the embedding itself; one of its own at the same width; one of its own in a narrower model with as many parameters.",
    held="Data (byte pairs of a novel), its order, steps, layers; width or parameters.",
    quick=Scale(seeds=3, options={"tokens": 2048, "width": 64, "steps": 150}),
    full=Scale(seeds=5, options={"tokens": 2048, "width": 128, "steps": 800}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"parameters": "parameters", "loss": "loss, nats a character"},
)
