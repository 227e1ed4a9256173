"""How many activation regions trained ReLU networks have, by neurons and layers, and how their number grows while they learn (statement 6.1a)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workings.blackboard.linear_regions import deep_bound, zaslavsky
from workings.data.pictures import numbers
from workings.errors import counted
from workings.generation.linear_regions import LinearRegions, Plane, linear_regions, plane_through
from workings.layers.randomness import generator
from workings.models.mlp import MLP
from workings.models.mlp_settings import MLPSettings
from workings.report.figures import INK, RULE
from workings.studies.figures import lines
from workings.studies.pictures import learn
from workings.studies.statistics import Interval, by_seed, chosen, every, mean_interval
from workings.studies.study import Row, Scale, Study, Verdict, Word
from workings.tasks.picture_parts import read_parts
from workings.tasks.pictures_settings import PicturesData

TRAINING: dict[str, Any] = {
    "model.preset": "mlp",
    "model.norm": "none",
    "augmentation.preset": "none",
    "optimizer.name": "adamw",
    "optimizer.weight_decay": 0.0,
    "optimizer.schedule": "constant",
    "optimizer.warmup": 0.0,
    "training.batch": 128,
    "training.precision": "float32",
}
"""A constant rate, so that a run of few steps is the beginning of one of many."""
RATE = {"spirals": 1e-2, "fashion": 1e-3}
TURNS = 1.75
"""Of each spiral."""
POINTS = 1000
COUNTS = [base * 10**power for power in range(1, 6) for base in (1, 2, 5)]
"""Ticks where regions are counted."""
PIXELS = 380
"""The side of a drawn map."""
NEURONS, LAYERS = 96, 4
"""The networks that the verdict is about: so many neurons in so many layers, beside as many in one."""
MANY = 2.0
"""So many times as many regions are many more."""
SQUARE = 2.0
"""Half of the side of the square in which regions of the plane of the spirals are counted, in deviations; the spirals end at 1.8 or so."""


def spirals(path: Path, seed: int) -> Path:
    """Two spirals, one for each class, as pictures of two pixels: the first is how far right, the second how far up."""
    draw = np.random.default_rng(seed)
    radius, label = np.sqrt(draw.random(POINTS)), draw.integers(0, 2, POINTS)
    angle = 2 * math.pi * TURNS * radius + math.pi * label
    places = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    np.savez(path, x_train=np.round(127.5 + 120 * places).astype(np.uint8)[:, None], y_train=label)
    return path


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every number of neurons in every number of layers on the spirals, the largest on pictures too."""
    plan = [("spirals", neurons) for neurons in scale["neurons"]] + [("fashion", max(scale["neurons"]))]
    return [{"data": data, "neurons": neurons, "layers": layers} for data, neurons in plan for layers in scale["layers"]]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """Regions before, while and after a network learns; of the first seed also its weights, from which its regions are drawn."""
    data, layers = condition["data"], condition["layers"]
    widths = [condition["neurons"] // layers] * layers
    source = str(spirals(folder / "spirals.npz", seed)) if data == "spirals" else data
    counts, pieces = [], 0
    plane, half = None, SQUARE
    for steps in (0, *scale["steps"]):
        rate = RATE[data] if steps else 0.0  # the first weights are what a step of rate 0 leaves
        changes: dict[str, Any] = {"optimizer.rate": rate, "model.widths": widths, "training.evaluate_every": scale["steps"][-1]}
        run = learn(folder, seed, max(steps, 1), source, **TRAINING, **changes)
        said = run.load()
        if data == "fashion" and plane is None:
            plane, half = plane_of_three(seed, said.preparation)
        regions = linear_regions(said.model, plane, half)
        counts.append(len(regions))
        pieces = regions.pieces
    bound = zaslavsky(widths[0], 2) if layers == 1 else deep_bound(widths, 2)
    row: Row = {
        "start": counts[0],
        "regions": counts[-1],
        "pieces": pieces,
        "bound": bound,
        "accuracy": 100 * run.scores()["accuracy"],
        "steps": [0, *scale["steps"]],
        "counts": counts,
    }
    return [row | ({"weights": weights_of(said.model)} if seed == 0 and data == "spirals" and condition["neurons"] in scale["drawn"] else {})]


def plane_of_three(seed: int, preparation: Any) -> tuple[Plane, float]:
    """The plane through pictures of three classes, drawn, and half of the side of a square that holds them with a quarter more."""
    learned = read_parts(PicturesData(source="fashion")).learned
    order = torch.randperm(len(learned), generator=generator(seed, 3)).tolist()
    first = {learned.labels[row]: row for row in reversed(order)}
    rows = sorted(first.values(), key=order.index)[:3]
    plane, places = plane_through(numbers(learned.pixels(torch.tensor(rows)), preparation))
    return plane, 1.25 * float(places.abs().max())


def weights_of(model: MLP) -> dict[str, Any]:
    """Every parameter as a list of numbers of six digits."""
    return {name: rounded(tensor.tolist()) for name, tensor in model.state_dict().items()}


def rounded(values: Any) -> Any:
    """Numbers in lists, however deep, with six digits."""
    return [rounded(value) for value in values] if isinstance(values, list) else float(f"{values:.6g}")


def rebuilt(weights: dict[str, Any]) -> MLP:
    """The network with these parameters."""
    tensors = {name: torch.tensor(values, dtype=torch.float64) for name, values in weights.items()}
    widths = tuple(len(tensor) for name, tensor in tensors.items() if name.startswith("layers.") and name.endswith("bias"))
    model = MLP(MLPSettings(channels=1, image_size=(1, 2), classes=2, widths=widths, norm="none")).double()
    model.load_state_dict(tensors)
    return model.eval()


def judged(rows: list[Row]) -> list[Row]:
    """Those of the networks that the verdict is about, after training on the spirals."""
    return [row for row in chosen(rows, {"data": "spirals", "neurons": NEURONS}) if row["layers"] in (1, LAYERS)]


def ratio(rows: list[Row]) -> Interval:
    """How many times as many regions the deep network has as the one of a single layer, seed by seed: the geometric mean and its interval."""
    deep, flat = (by_seed(chosen(judged(rows), {"layers": layers}), "regions") for layers in (LAYERS, 1))
    found = mean_interval(math.log(deep[seed] / flat[seed]) for seed in deep)
    return Interval(*(math.exp(min(x, 700.0)) for x in (found.mean, found.low, found.high)))


def judge(rows: list[Row]) -> Verdict:
    """Whether the deep network has many more regions than the one of a single layer."""
    own, found = judged(rows), ratio(rows)
    more = found.above(MANY)
    word: Word = "supported" if more else "depends on" if more is None else "not supported here"
    missed = (
        ""
        if more
        else f" ({MANY:g} times were asked, which {counted(len(by_seed(own, 'regions')), 'seed')} " + ("do not settle)" if more is None else "rule out)")
    )
    deep = chosen(own, {"layers": LAYERS})
    share = max(row["regions"] / row["bound"] for row in deep)
    grown = float(np.mean([row["regions"] / row["start"] for row in own]))
    different = np.mean([row["pieces"] / row["regions"] for row in deep if "pieces" in row])
    sentence = (
        f"With {NEURONS} neurons, {LAYERS} layers have {found.mean:.2f} times as many activation regions as one layer{missed}, and {different:.2f} different "
        f"affine maps a region; the bound for {LAYERS} layers is more than {float(f'{1 / share:.2g}'):,.0f} times higher than what they have. "
        f"Training multiplies the regions by {grown:.1f} on average."
    )
    return Verdict(
        word, sentence, found.mean, found.low, found.high, f"times the activation regions of one layer, with {LAYERS} layers of as many neurons in all"
    )


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The parts of the hypothesis."""
    own, found = judged(rows), ratio(rows)
    bounds = {row["layers"]: row["bound"] for row in own}
    grown = mean_interval(by_seed([row | {"grown": row["regions"] / row["start"]} for row in own], "grown").values())
    return {
        "four layers of 24 neurons have between half and twice as many regions as one layer of 96": every([found.above(0.5), found.below(2.0)]),
        "their bound is a million times higher": bounds[LAYERS] >= 1e6 * bounds[1],
        "2 N regions are there at the start in one layer": all(row["start"] == 2 * NEURONS for row in chosen(own, {"layers": 1})),
        "training multiplies them by more than five": grown.above(5.0),
    }


def draw(rows: list[Row], figure: Any) -> None:
    """Maps of trained networks, a row for each number of neurons, then the number of regions while they learn and by neurons."""
    drawn = [row for row in rows if "weights" in row]
    neurons, layers = sorted({row["neurons"] for row in drawn}), sorted({row["layers"] for row in drawn})
    upper, lower = figure.subfigures(2, 1, height_ratios=[2.05 * len(neurons), 2.6])
    for axes, row in zip(upper.subplots(len(neurons), len(layers)).flat, sorted(drawn, key=lambda row: (row["neurons"], row["layers"])), strict=True):
        shape = f"{row['layers']} x {row['neurons'] // row['layers']}" if row["layers"] > 1 else f"{row['neurons']}"
        regions = linear_regions(rebuilt(row["weights"]), half=SQUARE)
        paint(axes, regions)
        maps = f", {regions.pieces:,} maps" if regions.pieces < len(regions) else ""
        axes.set_title(f"{shape} neurons: {len(regions):,} regions{maps}", fontsize=8, color=INK)
    left, right = lower.subplots(1, 2)
    most = chosen(rows, {"data": "spirals", "neurons": NEURONS})
    growth = [
        {key: row[key] for key in ("seed", "layers")} | {"step": x, "regions": y} for row in most for x, y in zip(row["steps"], row["counts"], strict=True)
    ]
    lines(left, growth, "step", "regions", "layers", "step of training", f"regions, {most[0]['neurons']} neurons", log_y=True, named=False)
    left.set_xscale("symlog", linthresh=growth[1]["step"])
    left.set_xlim(-growth[1]["step"] / 5, None)
    ticks(left.xaxis, most[0]["steps"])
    ticks(left.yaxis, COUNTS)
    spiral = chosen(rows, {"data": "spirals"})
    lines(right, spiral, "neurons", "regions", "layers", "neurons in all", "regions after training", log_x=True, log_y=True)
    places = sorted({row["neurons"] for row in spiral})
    right.plot(places, [zaslavsky(n, 2) for n in places], color=INK, linewidth=0.8, linestyle=":")
    right.annotate(
        "most of one layer", (places[-1], zaslavsky(places[-1], 2)), fontsize=7, color=INK, ha="right", va="bottom", xytext=(0, 3), textcoords="offset points"
    )
    ticks(right.xaxis, places)
    ticks(right.yaxis, COUNTS)


def ticks(axis: Any, places: Sequence[int]) -> None:
    """Ticks of an axis at these counts, those that it shows, as people write them."""
    low, high = axis.get_view_interval()
    axis.set_ticks([place for place in places if low <= place <= high], labels=[f"{place:,}" for place in places if low <= place <= high])
    axis.set_ticks([], minor=True)


def paint(axes: Any, regions: LinearRegions) -> None:
    """Every region in the color of its affine map, and the line where both classes are as likely."""
    from matplotlib.collections import LineCollection

    axes.imshow(picture_of(regions), extent=(-SQUARE, SQUARE, -SQUARE, SQUARE), interpolation="none")
    axes.add_collection(LineCollection(list(regions.decision(0, 1).numpy()), colors="black", linewidths=1.1, capstyle="round"))
    axes.set(xlim=(-SQUARE, SQUARE), ylim=(-SQUARE, SQUARE), xticks=[], yticks=[], aspect="equal")
    for spine in axes.spines.values():
        spine.set_color(RULE)


def picture_of(regions: LinearRegions) -> np.ndarray:
    """The regions with white borders as pixels, [PIXELS, PIXELS, 3]: as paths, thousands of them would make a figure of megabytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2), dpi=PIXELS / 2)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-SQUARE, SQUARE), ylim=(-SQUARE, SQUARE))
    axes.axis("off")
    colors = colors_of(regions.maps[:, 1] - regions.maps[:, 0])
    axes.add_collection(PolyCollection(list(regions.corners.numpy()), facecolors=colors, edgecolors="white", linewidths=0.25))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def colors_of(maps: Tensor) -> np.ndarray:
    """Of the log-odds' affine map [R, 3]: the hue is the way that they rise, and the steeper among all regions, the deeper the color. -> [R, 3]."""
    angle, size = torch.atan2(maps[:, 1], maps[:, 0]), maps[:, :2].norm(dim=1)
    rank = size.argsort().argsort().double() / max(len(size) - 1, 1)
    rank = torch.where(size > 0, rank, 0.0)
    return oklch(0.95 - 0.4 * rank, torch.where(size > 0, 0.03 + 0.11 * rank, 0.0), angle).numpy()


def oklch(lightness: Tensor, chroma: Tensor, hue: Tensor) -> Tensor:
    """Colors that look as light as they are said to be, whatever their hue (Ottosson 2020), as sRGB [N, 3]."""
    a, b = chroma * hue.cos(), chroma * hue.sin()
    long, medium, short = (
        (lightness + x * a + y * b) ** 3 for x, y in ((0.3963377774, 0.2158037573), (-0.1055613458, -0.0638541728), (-0.0894841775, -1.2914855480))
    )
    linear = torch.stack(
        [
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        ],
        1,
    ).clamp(0, 1)
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


STUDY = Study(
    name="linear_regions",
    statement="6.1a",
    title="Activation regions of ReLU networks",
    claim="ReLU networks cut their inputs into linear regions, many more with depth, and that is what makes deep networks expressive.",
    hypothesis="On the square of the data, four layers of 24 neurons have between half and twice as many regions as one layer of 96, though their bound is a "
    "million times higher; training multiplies what is there at the start, 2 N in one layer as all lines meet in a point, by more than five.",
    changed="What is counted is named activation regions since it was found that a neuron which later layers hide cuts too where the map is the same on both "
    "sides; how many different maps there are is counted beside them.",
    varied="Neurons in all and the layers that they stand in; data: two spirals in a plane, and pictures of clothing on the plane through three of them.",
    held="The number of neurons (deeper networks have more weights), data, steps, AdamW at a constant rate, batches of 128.",
    quick=Scale(seeds=3, options={"neurons": [24, 48, 96], "layers": [1, 2, 4], "steps": [30, 120, 480], "drawn": [24, 96]}),
    full=Scale(seeds=5, options={"neurons": [24, 48, 96, 192], "layers": [1, 2, 3, 4, 6], "steps": [10, 30, 100, 300, 1000, 3000], "drawn": [24, 96]}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    expectations=expectations,
    draw=draw,
    measures={
        "start": "activation regions at the start",
        "regions": "after training",
        "pieces": "different affine maps",
        "bound": "bound on the regions of a plane",
        "accuracy": "accuracy on held-out data, %",
    },
    height=6.9,
)
