"""`workings data`, `workings doctor` and `workings demo`."""

import json as json_module
from dataclasses import asdict

from workings.cli.shape import make_app
from workings.errors import command

data_app = make_app("data", "workings data", "workings data pride")

doctor_app = make_app("doctor", "workings doctor", "workings doctor --json")

demo_app = make_app("demo", "workings demo", "workings demo --minutes 1 --out runs/quick")


@data_app.default
def data(name: str | None = None, /) -> None:
    """List the built-in data, or show one of them.

    Args:
        name: A built-in data set, to see how it begins.
    """
    from workings import verbs

    found = verbs.data(name)
    if name is not None:
        print(found)
        return
    widths = [max(map(len, column)) for column in zip(*found, strict=True)]
    for row in found:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


@doctor_app.default
def doctor(*, json: bool = False) -> None:
    """Say what this machine has, and what to do about what is wrong.

    Versions, cores, memory, bfloat16, the measured speed of a matrix product, fast paths and disk; takes a few seconds.

    Args:
        json: Print one JSON object a line instead.
    """
    from workings import verbs

    rows = verbs.doctor()
    if json:
        for row in rows:
            print(json_module.dumps(asdict(row) | ({"advice": ""} if row.ok else {})))
    else:
        from workings.training.doctor import as_text

        print(as_text(rows))


@demo_app.default
def demo(*, out: str | None = None, minutes: float | None = None) -> None:
    """Train a transformer on a built-in novel and watch it learn to write.

    Takes at most four minutes of training on two cores, writes a report, and ends with what to try next.

    Args:
        out: The run's folder. [default: runs/language-DATE-TIME]
        minutes: Stop after this many minutes of training instead.
    """
    from workings import verbs

    folder = verbs.demo(out=out, minutes=minutes).folder
    print(f"""
The model, what was measured and the report are in {folder}. Try next:

  {command(f"report {folder} --open")}
  {command(f'write {folder} "It is a truth universally" --temperature 0.6')}
  {command("train language --data your.txt --minutes 5")}
  {command("train language --recipe demo --model lecture-plus --out runs/lecture")}
  {command(f"report {folder} runs/lecture --out compare.html")}""")
