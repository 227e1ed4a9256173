"""Training as one writes it by hand, over the same batches again and again: what the benchmarks of training time for everyone."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from common import QUIET, Variant, table
from torch import Tensor, nn

from workings.layers.randomness import seed_draws

OURS = "workings"


def tensors(batch: dict[str, Any]) -> dict[str, Tensor]:
    """A batch that came from another process."""
    return {name: torch.as_tensor(values) for name, values in batch.items()}


def lists(batch: dict[str, Tensor]) -> dict[str, list]:
    """A batch that goes to another process."""
    return {name: values.tolist() for name, values in batch.items()}


def rounds(model: nn.Module, loss_of: Callable[[nn.Module, dict[str, Tensor]], Tensor], batches: Sequence[dict[str, Any]], dtype: torch.dtype | None):
    """A step that trains once on every batch and returns the mean of its losses: loss, gradient, clipping at 1, fused AdamW."""
    given = [tensors(batch) for batch in batches]
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.01, fused=True)
    model.train()
    done = 0

    def step() -> float:
        nonlocal done
        losses = []
        for batch in given:
            seed_draws(0, done)
            with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
                loss = loss_of(model, batch)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            done += 1
        return sum(losses) / len(losses)

    return step


def compare(runs: list[Variant], units: int, name: str) -> dict:
    """A table on the terminal, and its numbers; the first run is ours, and a round has so many units."""
    ours, rows = runs[0], []
    lines = [["", f"{name}/s", "median", "quiet", "ours is", "by processor", "first round s", "loss 1", "loss 2", "loss 3", "last", "largest difference"]]
    for run in runs:
        apart = max(abs(a - b) for a, b in zip(run.answers, ours.answers, strict=False))
        quiet = sum(share < QUIET for share in run.foreign)
        facts = dict(speed=units / run.best, median=units / run.median, quiet=quiet, ratio=run.best / ours.best, ratio_of_medians=run.median / ours.median)
        facts |= dict(processor_seconds=min(run.processor), ratio_of_processor=min(run.processor) / min(ours.processor))
        rows.append(dict(name=run.name, **facts, first_seconds=run.first_seconds, losses=run.answers, largest_difference=apart))
        numbers = [f"{units / run.best:,.0f}", f"{units / run.median:,.0f}", f"{quiet} of {len(run.seconds)}", f"{run.best / ours.best:.2f}x"]
        numbers.append(f"{facts['ratio_of_processor']:.2f}x")
        losses = [f"{loss:.4f}" for loss in (*run.answers[:3], run.answers[-1])]
        lines.append([run.name, *numbers, f"{run.first_seconds:.1f}", *losses, f"{apart:.4f}"])
    print(table(lines), flush=True)
    fastest = max(rows[1:], key=lambda row: row["speed"])
    print(f"against the fastest peer ({fastest['name']}): {fastest['ratio']:.2f}x", flush=True)
    return {"ratio": fastest["ratio"], "rows": rows}
