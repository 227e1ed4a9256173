"""`workings study NAME`: claims of the lectures as experiments."""

import sys
import textwrap
from pathlib import Path

from workings.cli.help import WIDTH
from workings.cli.shape import make_app
from workings.errors import BadInput, counted

app = make_app(
    "study",
    "workings study",
    "workings study tau",
    "workings study notation --full",
    "workings study all",
)


@app.default
def study(
    name: str | None = None,
    /,
    *,
    quick: bool = False,
    full: bool = False,
    out: str | None = None,
    keep: str | None = None,
    overwrite: bool = False,
    jobs: int | None = None,
    quiet: bool = False,
) -> None:
    """Run a claim of the lectures as an experiment, and say whether it holds here.

    Without a name, lists all studies with what was found before. A study measures every condition with every seed, and writes result.json, figure.svg and
    report.html. What is measured is kept: a study that was stopped goes on with the same command.

    Args:
        name: A study of the list, or all of them, which takes twenty minutes on two cores.
        quick: A first look, in under three minutes on two cores that nothing else wants. This is the default.
        full: With more seeds, sizes and steps, in under thirty minutes.
        out: The folder; with all, the folder of the folders. [default: runs/study-NAME-quick or runs/study-NAME-full]
        keep: A folder that takes the result as NAME-quick.json or NAME-full.json too.
        overwrite: Measure everything anew.
        jobs: How many measurements at once, each in a process with one thread. [default: as many as there are cores and memory for]
        quiet: Print nothing but the verdict.
    """
    from workings import verbs
    from workings.studies.catalog import NAMES, find
    from workings.studies.running import command_of

    if name is None:
        if quick or full or out or keep or overwrite or jobs is not None or quiet:
            raise BadInput("Which study? Name one of the list that `workings study` prints, or all.")
        print("\n".join(listed()))
        return
    if quick and full:
        raise BadInput("A study is run with --quick or with --full, not with both.")
    scale = "full" if full else "quick"
    names = NAMES if name == "all" else [find(name).name]
    failed: list[str] = []
    for one in names:
        place = Path(out) / f"study-{one}-{scale}" if out and name == "all" else out
        try:
            result = verbs.study(one, full=full, out=place, keep=keep, overwrite=overwrite, jobs=jobs, quiet=quiet)
        except KeyboardInterrupt as stop:
            if name != "all":
                raise
            raise KeyboardInterrupt(f"{str(stop).partition('; ')[0]} of {one}; go on with: {command_of('all', scale, out, keep, jobs)}") from None
        except BadInput as error:
            if name != "all":
                raise
            failed.append(one)
            print(f"workings: {error}", file=sys.stderr)
            continue
        print(f"{one}: {result.verdict.word}. {result.verdict.sentence}", flush=True)
    if failed:
        raise BadInput(f"{counted(len(failed), 'study', 'studies')} of {len(names)} came to no verdict: {', '.join(failed)}.")


def listed() -> list[str]:
    """A paragraph for each study: id, name, title, and the verdict that comes with the package."""
    from workings.studies.catalog import NAMES, find
    from workings.studies.result import kept_result

    lines = []
    for study in map(find, NAMES):
        result = kept_result(study.name)
        found = f"{result.verdict.word} ({result.scale}): {result.verdict.sentence}" if result else "not run yet"
        lines += [f"{study.statement:<6} {study.name:<16} {study.title}", textwrap.fill(found, WIDTH, initial_indent=" " * 7, subsequent_indent=" " * 7)]
    return lines
