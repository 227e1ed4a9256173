"""Tied against untied output: parameters and loss, at equal width and at equal parameters (statement 2.2b)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workings.studies.figures import bars
from workings.studies.language import learn, told
from workings.studies.statistics import Interval, every, mean_of, outcome, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict
from workings.studies.training import parameters

LAYERS, HEADS = 2, 2
SIZES = {"tokens": 2048, "width": 64}
"""What the hypothesis is about."""


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
    """Whether tying saves parameters, which is a part of the claim, and does better for certain at equal width and at equal parameters; or worse at both."""
    wide, many = gains(rows)
    both = every([wide.above(0), many.above(0)])
    word = "supported" if both and saved(rows) > 0 else "not supported here" if wide.high < 0 and many.high < 0 else "depends on"
    asked = "" if both else f"; a gain above 0 was asked of both, {outcome(rows, both)}"
    sentence = f"Tying saves {saved(rows):.0%} of the parameters; at equal width it {told(wide)}, at equal parameters it {told(many)}{asked}."
    return Verdict(word, sentence, wide.mean, wide.low, wide.high, "nats a character that tying gains at equal width")


def gains(rows: list[Row]) -> tuple[Interval, Interval]:
    """What tying gains at equal width and at equal parameters, nats a character."""
    wide, many = (paired_difference(rows, "loss", {"output": "tied"}, {"output": f"untied, as {much}"}) for much in ("wide", "many"))
    return wide, many


def saved(rows: list[Row]) -> float:
    """The part of the parameters that tying saves at equal width."""
    return 1 - mean_of(rows, "parameters", {"output": "tied"}) / mean_of(rows, "parameters", {"output": "untied, as wide"})


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """What was expected of the parameters and of both comparisons."""
    wide, many = gains(rows)
    return {
        "With 2,048 tokens at D = 64 tying saves more than a third of the parameters.": saved(rows) > 1 / 3,
        "At equal width it changes the loss by less than 0.05 nats a character.": wide.near(0, 0.05),
        "At equal parameters it gains at least 0.03.": many.above(0.03),
    }


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
    quick=Scale(seeds=3, options=SIZES | {"steps": 150}),
    full=Scale(seeds=5, options=SIZES | {"steps": 800}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"parameters": "parameters", "loss": "loss, nats a character"},
    expectations=expectations,
    changed="After the quick result: the full study has D = 64, where it had 128, at which a third cannot be saved; and that parameters are saved counts "
    "as a part of the claim, so that only tying that is worse for certain in both comparisons goes without support.",
)
