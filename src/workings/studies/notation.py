"""The three changes of notation, all eight combinations: what each is worth, and whether one depends on another (statements 1.2a-c)."""

from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

from workings.errors import enumerated
from workings.studies.figures import bars
from workings.studies.language import learn
from workings.studies.statistics import Interval, every, mean_interval, outcome, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

CHANGES = {"value": ("phi(A x + b)", "A x + b"), "norm_of": ("h", "x"), "attention_on": ("h", "x")}
"""Each change: before, after."""
SWITCHES = {
    "value": ("value_activation", {"phi(A x + b)": "phi", "A x + b": "none"}),
    "norm_of": ("normalize", {"h": "h", "x": "all"}),
    "attention_on": ("attend", {"h": "h", "x": "x"}),
}
"""The setting of each, and its value for each choice."""
LAYER: dict[str, Any] = dict(position="rotary", head_width=64, initialization="fan-in")
"""A head is as wide as x, as the equations have it: then h is as wide as x, and Q, K and the norm have as many parameters whichever they are applied to."""

NOTHING = 0.02
"""Nats a character that count as nothing."""


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """All eight."""
    return [dict(zip(CHANGES, choices, strict=True)) for choices in product(*CHANGES.values())]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """The loss of the lecture's layer so written."""
    named = {f"model__{name}": value for name, value in (LAYER | switches(condition)).items()}
    return [{"loss": learn(folder, seed, scale["steps"], model__preset="lecture", **named).scores()["nats_per_character"]}]


def switches(condition: dict[str, Any]) -> dict[str, str]:
    """The settings of a combination."""
    return {name: values[condition[change]] for change, (name, values) in SWITCHES.items()}


def effects(rows: list[Row], changes: Sequence[str]) -> dict[int, float]:
    """What changes do to the loss by seed, averaged over all else: of one, the mean after it less the mean before; of several, how that depends on the others.

    The effect of one is mean(after) - mean(before); the interaction of two is half of what one does after the other less what it does before it.
    """
    totals: dict[int, float] = {}
    for row in rows:
        sign = 1.0
        for change in changes:
            sign *= 1.0 if row[change] == CHANGES[change][1] else -1.0
        totals[row["seed"]] = totals.get(row["seed"], 0.0) + sign * row["loss"] / (len(rows) / len({one["seed"] for one in rows}) / 2)
    return totals


def effect(rows: list[Row], changes: Sequence[str]) -> Interval:
    """The same over the seeds."""
    return mean_interval(effects(rows, changes).values())


def altogether(rows: list[Row]) -> Interval:
    """The loss with all three changes less that with none, seed by seed."""
    before, after = ({change: values[side] for change, values in CHANGES.items()} for side in (0, 1))
    return paired_difference(rows, "loss", before, after)


def judge(rows: list[Row]) -> Verdict:
    """Whether the notation as changed loses nothing, and which change does what."""
    total, main = altogether(rows), {change: effect(rows, [change]) for change in CHANGES}
    crossed = {pair: effect(rows, pair) for pair in combinations(CHANGES, 2)}
    nothing = total.below(NOTHING)
    worse = [change.replace("_", " ") for change, one in main.items() if one.above(NOTHING)]
    word = "not supported here" if nothing is False else "supported" if nothing and not worse else "depends on"
    alone = ", ".join(f"{change.replace('_', ' ')} {one.mean:+.3f} ({one.low:+.3f} to {one.high:+.3f})" for change, one in main.items())
    tied = ", ".join(f"{' and '.join(name.replace('_', ' ') for name in pair)} {one.mean:+.3f}" for pair, one in crossed.items() if one.excludes(0))
    sentence = (
        f"All three changes together: {total.mean:+.3f} nats a character ({total.low:+.3f} to {total.high:+.3f}; "
        f"below +{NOTHING} was asked, {outcome(rows, nothing)}); each alone, on average over the others: {alone}"
        f"{f'; more than +{NOTHING} for certain: ' + enumerated(worse) if worse else ''}; interactions: {tied or 'none for certain'}."
    )
    return Verdict(word, sentence, total.mean, total.low, total.high, "nats a character, all three changes less none")


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """What was expected of the three together and of each."""
    value, norm, attention = (effects(rows, [change]) for change in CHANGES)
    behind = [mean_interval(other[seed] - norm[seed] for seed in norm) for other in (value, attention)]
    gain = mean_interval(-effect for effect in attention.values())
    return {
        f"The three changes together lose nothing (below +{NOTHING} nats a character).": altogether(rows).below(NOTHING),
        "Normalizing x rather than h gains at least 0.1.": effect(rows, ["norm_of"]).below(-0.1),
        "Normalizing x rather than h gains the most.": every(one.above(0) for one in behind),
        "Attention on x rather than h gains 0.02 to 0.1.": every([gain.above(0.02), gain.below(0.1)]),
        "The nonlinearity of the values costs or gains less than 0.02.": effect(rows, ["value"]).near(0, 0.02),
    }


def draw(rows: list[Row], figure: Any) -> None:
    """The loss of all eight: a group of bars for norm and attention, a bar for each kind of value."""
    axes = figure.subplots()
    shown = [row | {"layer": f"norm of {row['norm_of']}\nattention on {row['attention_on']}"} for row in rows]
    bars(axes, shown, "layer", "loss", "value", "", "nats a character")
    losses = [row["loss"] for row in rows]
    axes.set_ylim(min(losses) - 0.3 * (max(losses) - min(losses)) - 0.02, max(losses) + 0.02)


STUDY = Study(
    name="notation",
    statement="1.2a-c",
    title="The three changes of notation",
    claim="Without the nonlinearity of h, with x normalized and with attention on x, the layer is simpler and still learns complex mappings.",
    hypothesis="The three changes together lose nothing (below +0.02 nats a character). Normalizing x rather than h gains the most, at least 0.1; "
    "attention on x rather than h gains less, 0.02 to 0.1; the nonlinearity of the values costs or gains less than 0.02.",
    varied="v = A x + b or h = phi(A x + b); the norm of x or of h; queries and keys from x or from h: all eight combinations.",
    held="Parameters, exactly (heads as wide as x), weights at the start, rotary positions, data and its order, steps.",
    quick=Scale(seeds=3, options={"steps": 100}),
    full=Scale(seeds=5, options={"steps": 800}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"loss": "loss, nats a character"},
    expectations=expectations,
    changed="After first trials in which little was learned: rotary positions. After the results: the word goes by whether +0.02, which the hypothesis calls "
    "nothing, is exceeded, where it went by 0.",
)
