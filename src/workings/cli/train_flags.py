"""The flags that every `workings train TASK` has."""

import textwrap
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from workings.cli.help import WIDTH
from workings.cli.shape import MaybeWhole, tell
from workings.settings import flatten
from workings.tasks.recipes import recipes_for


@dataclass(kw_only=True, frozen=True)
class TrainFlags:
    """How to train, whatever is learned.

    Args:
        recipe: Settings to begin with: a name from the list below, or a TOML file of your own; whatever else is given on the command line is laid over it.
        out: The run's folder. [default: runs/TASK-DATE-TIME]
        overwrite: Replace the run that is already in --out.
        seed: The seed of everything random; the same seed gives the same run.
        steps: Stop after this many steps; with --minutes too, whichever ends first.
        minutes: Stop after this many minutes of training; the learning rate's schedule is fitted to the time.
            [default: 5, when neither the recipe nor --steps says how long]
        device: auto, cpu, cuda or mps.
        precision: auto, float32 or bfloat16; auto is bfloat16 where the hardware has it.
        set: Change any setting, as in --set training.patience=3; can be given more than once. The settings are listed below.
        quiet: Print nothing but warnings.
    """

    recipe: str | None = None
    out: str | None = None
    overwrite: bool = False
    seed: MaybeWhole = None
    steps: MaybeWhole = None
    minutes: float | None = None
    device: str | None = None
    precision: str | None = None
    set: list[str] | None = None
    quiet: bool = False


Flags = Annotated[TrainFlags, Parameter(name="*")]
NONE = TrainFlags()


def recipes_text(task: str) -> str:
    """The recipes of a task, for the end of its help."""
    names = recipes_for(task)
    return "\n\n" + textwrap.fill(f"Recipes: {', '.join(names)}.", WIDTH, break_on_hyphens=False) if names else ""


def differing(flag: str, defaults: dict[str, Any], usual: dict[str, Any]) -> str:
    """What a flag makes of the usual defaults."""
    usual = flatten(usual)
    found = ", ".join(f"{name}={value}" for name, value in flatten(defaults).items() if usual.get(name) != value)
    return textwrap.fill(f"With {flag}: {found}", WIDTH, break_on_hyphens=False)


def train(task: str, flags: TrainFlags, **own: Any) -> None:
    """Train, and say where the run is. own: the flags that the task has beside these."""
    from workings import verbs

    given: dict[str, Any] = asdict(flags) | {"set": flags.set or ()} | own
    run = verbs.train(task, **given)
    tell(run.folder, task, flags.quiet)
