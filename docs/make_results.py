"""The tables of measured scores in docs/results.md and README.md, made from the result files beside the recipes.

    python docs/make_results.py            writes both tables between their marks
    python docs/make_results.py --check    writes nothing; exit code 1, and the names of the pages, where a table is not what the files say

A result file, src/workings/recipes/results/NAME.toml, holds one measurement:

    recipe       whose settings were used; none for other programs, which say their command
    changed      what was set otherwise, in words, where the command was not recorded
    title        what was learned
    command      what to type; SEED stands for each of the seeds. then: the command that scores, where it is another one
    seeds        all of them
    steps_seconds, steps_minutes, whole_minutes, processor_minutes
                 time of the steps alone, with evaluation, or on the processor, in the unit that was recorded: one for each seed,
                 or the least and the most where no more was kept
    machine      cores, processor, precision, and what else ran
    recorded     the day it was written down
    beside       what to compare with: what others published, or with peer, the name of another file, what was measured there
    note         sizes, and what is special
    scores       each with name, unit, values (one for each seed, in as many digits as were recorded), and floor: the value of as many real ones

What is not there was not recorded, and the table says so. The first score is the one that counts.
"""

import re
import statistics
import sys
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "src" / "workings" / "recipes"
PAGES = {ROOT / "docs" / "results.md": "scores", ROOT / "README.md": "first scores"}
FIRST = {"demo": 1, "shakespeare-fast": 1, "shakespeare-cpu": 1, "shakespeare-best": 1, "imdb-minilm": 1, "multi30k-de-en": 2, "mnist-fast": 1}
FIRST |= {"fashion-mlp": 1, "fashion-cnn": 1, "fashion-gru": 1, "cifar10-fast": 1, "vae-mnist": 1, "cgan-mnist": 1, "diffusion-mnist": 1}
"""Those that the README shows, each with how many of its scores."""

TASKS = ["language", "sentences", "translation", "pictures", "vae", "gan", "diffusion"]
Result = dict[str, Any]


def recipes() -> dict[str, str]:
    """Name -> task, of every recipe."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")).get("task", "language") for path in sorted(RECIPES.glob("*.toml"))}


def results() -> dict[str, Result]:
    """Name -> what its file holds, in the order of the table: task by task, in each as they are called."""
    files = {path.stem: tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal) for path in (RECIPES / "results").glob("*.toml")}
    tasks = recipes()
    return dict(sorted(files.items(), key=lambda item: (TASKS.index(tasks.get(item[1].get("recipe"), "language")), item[0])))


def unmeasured() -> list[str]:
    """The recipes that no result is of."""
    return sorted(set(recipes()) - {result.get("recipe") for result in results().values()})


def said(numbers: list[Decimal]) -> str:
    """One number, or the mean and the deviation of several (with n - 1), to as many digits as they have."""
    if len(numbers) == 1:
        return f"{numbers[0]}"
    digits = max(0, *(-Decimal(number).as_tuple().exponent for number in numbers))
    return f"{statistics.mean(numbers):.{digits}f} ± {statistics.stdev(numbers):.{digits}f}"


def score(entry: dict[str, Any], all_seeds: bool = True) -> str:
    """As "test accuracy 91.14 ± 0.08 % (91.11, 91.23, 91.08)"."""
    values, unit = entry["values"], f" {entry['unit']}" if "unit" in entry else ""
    several = f" ({', '.join(map(str, values))})" if all_seeds and len(values) > 1 else ""
    floor = f" (floor {entry['floor']})" if "floor" in entry else ""
    return f"{entry['name']} {said(values)}{unit}{several}{floor}"


def times(result: Result) -> str:
    """Seconds or minutes, one for each seed or the least and the most."""
    parts = []
    for key, unit in {
        "steps_seconds": "s",
        "steps_minutes": "min",
        "whole_minutes": "min with evaluation",
        "processor_minutes": "min of the processor",
    }.items():
        if numbers := result.get(key):
            several = ", " if len(numbers) == len(result["seeds"]) else " to "
            parts.append(f"{several.join(f'{number:,}' for number in numbers)} {unit}")
    return "; ".join(parts) or "time not recorded"


def circumstances(result: Result) -> str:
    """Which seeds, how long, on what machine, and when."""
    seeds = f"seed{'s' if len(result['seeds']) > 1 else ''} {', '.join(map(str, result['seeds']))}" if "seeds" in result else "seed not recorded"
    machine, day = result.get("machine", "machine not recorded"), result.get("recorded", "day not recorded")
    return f"{seeds}: {times(result)}; {machine}; {day}"


def commands(result: Result) -> str:
    """What to type, or whose settings were used and what was changed."""
    if "command" not in result:
        return f"command not recorded; `{result['recipe']}` with {result['changed']}"
    return "; ".join(f"`{result[key]}`" for key in ("command", "then") if key in result)


def beside(result: Result, made: dict[str, Result]) -> str:
    """What to compare with."""
    if "peer" not in result:
        return result.get("beside", "")
    peer = made[result["peer"]]
    return f"{result['beside']}: {said(peer['scores'][0]['values'])} in {times(peer)}"


def rows(header: list[str], cells: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *cells])


def scores() -> str:
    """The table of docs/results.md: every measurement, and the recipes that have none."""
    made, cells = results(), []
    for name, result in made.items():
        first, *others = [score(entry) for entry in result["scores"]]
        compared = f"beside it: {peer}" if (peer := beside(result, made)) else ""
        what = [f"`{name}`: {result['title']}", result.get("note", "")]
        columns = what, [f"**{first}**", "; ".join(others), compared], [commands(result), circumstances(result)]
        cells.append(["<br>".join(filter(None, lines)) for lines in columns])
    table = rows(["what", "scores", "command; seeds: time of steps; machine; day of record"], cells)
    return f"{table}\n\nRecipes that have not been measured yet: {', '.join(f'`{name}`' for name in unmeasured()) or 'none'}."


def first_scores() -> str:
    """The table of the README: the first scores of some."""
    made, cells = results(), []
    for name, count in FIRST.items():
        shown = [score(entry, all_seeds=False) for entry in made[name]["scores"][:count]]
        cells.append([f"{made[name]['title']} (`{name}`)", "; ".join(shown), times(made[name]), beside(made[name], made)])
    return rows(["what", "score", "time of steps", "beside it"], cells)


def page(path: Path) -> str:
    """The page with its table as the result files have it."""
    mark = PAGES[path]
    table = {"scores": scores, "first scores": first_scores}[mark]()
    before = f"<!-- {mark}: made by docs/make_results.py -->"
    pattern = re.compile(f"{re.escape(before)}\n.*?\n(?=<!-- end of {mark} -->)", re.DOTALL)
    made, found = pattern.subn(lambda _: f"{before}\n\n{table}\n\n", path.read_text(encoding="utf-8"))
    if found != 1:
        raise SystemExit(f"{path.name} does not have the marks of its table once: {before}")
    return made


def main() -> int:
    """Write the tables, or check them."""
    stale = [path for path in PAGES if page(path) != path.read_text(encoding="utf-8")]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'not what the result files say; run docs/make_results.py' if '--check' in sys.argv else 'written'}")
        if "--check" not in sys.argv:
            path.write_text(page(path), encoding="utf-8")
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
