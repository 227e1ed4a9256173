"""Do regularization and augmentation make up for little data? A table of test accuracies (statement 4.2c): regularization x augmentation x part of the data.

    python examples/small_data.py [--data fashion] [--model vit] [--fractions 0.02 0.1 1] [--seeds 0 1 2] [--steps 600] [--out small-data]

Every cell is a training of its own with as many steps as the others, whatever part of the training pictures it sees. Regularization is weight decay,
stochastic depth, dropout in the feed-forward parts and smoothed labels (4.2a); augmentation is RandAugment, flips, shifts, MixUp and CutMix (4.2b). The runs
are kept in OUT, those that are there already are not trained again, and the table is OUT/table.md.
"""

import argparse
import json
import statistics
from itertools import product
from pathlib import Path

import workings

REGULARIZATION = {
    False: ["optimizer.weight_decay=0.0", "model.body.stochastic_depth=0.0"],
    True: ["optimizer.weight_decay=0.1", "model.body.stochastic_depth=0.1", "model.body.dropout=0.1", "tuning.label_smoothing=0.1"],
}
AUGMENTATION = {False: "none", True: "strong"}


def tested(run: Path) -> float:
    """The accuracy on the test pictures that a run has recorded."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return next(row["accuracy"] for row in rows if row["event"] == "test")


def train(folder: Path, given: argparse.Namespace, fraction: float, regularized: bool, augmented: bool, seed: int) -> float:
    """The test accuracy of one training."""
    run = folder / f"{fraction:g}-{'regularized' if regularized else 'plain'}-{AUGMENTATION[augmented]}-{seed}"
    if not (run / "report.html").exists():
        settings = [*REGULARIZATION[regularized], f"data.fraction={float(fraction)}", f"training.evaluate_every={given.steps}"]
        own = dict(data=given.data, model=given.model, augment=AUGMENTATION[augmented], seed=seed, steps=given.steps)
        workings.train("pictures", **own, out=run, overwrite=True, set=settings, quiet=True)
    return tested(run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion", help="pictures with a test part")
    parser.add_argument("--model", default="vit", help="a vision transformer")
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.02, 0.1, 1.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--out", type=Path, default=Path("small-data"))
    given = parser.parse_args()
    lines = [
        "| part of the data | neither | regularization | augmentation | both |",
        "|---|---|---|---|---|",
    ]
    for fraction in given.fractions:
        cells = []
        for augmented, regularized in product((False, True), (False, True)):
            scores = [100 * train(given.out, given, fraction, regularized, augmented, seed) for seed in given.seeds]
            spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
            cells.append(f"{statistics.mean(scores):.1f}{spread}")
            print(f"{fraction:g}, regularization {regularized}, augmentation {augmented}: {cells[-1]} %", flush=True)
        lines.append(f"| {fraction:g} | {' | '.join(cells)} |")
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
