"""`report.html`: the story of a run, or several runs side by side, in one file that opens offline."""

import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import workings
from workings.errors import BadInput, counted
from workings.report import formats
from workings.report.pages import Section, render
from workings.report.panels import panels, timing
from workings.report.record import BOOKKEEPING, ENDINGS, Record, read_record
from workings.settings import flatten

SHOWN_SAMPLES = 7
SHOWN_ROWS = 200
Sections = Callable[[Path], list[Section]]
"""What a task adds: from a run folder to its sections."""


def write_report(runs: list[Path], out: Path | None = None, sections: Sections | None = None) -> Path:
    """Write the report of one run, or of several side by side, and return its path.

    runs: run folders. out: the file; by default report.html in the run's folder, or compare.html here for several. sections: what the task adds to each run.
    """
    if not runs:
        raise BadInput("A report needs at least one run folder.")
    records = [read_record(Path(path)) for path in runs]
    added = [sections(record.path) if sections else [] for record in records]
    page = single(records[0], added[0]) if len(records) == 1 else several(records, added)
    out = Path(out) if out else records[0].path / "report.html" if len(records) == 1 else Path("compare.html")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(formats.printable(page), encoding="utf-8")
    return out


def single(run: Record, sections: list[Section]) -> str:
    """The page of one run."""
    samples = samples_of(run)
    shown = [samples[i] for i in spread(len(samples), SHOWN_SAMPLES)]
    drawn = panels([run], "c")
    scores = [(name, (run.best or {}).get(name), run.validations[-1].get(name), run.unit_of(name)) for name in run.score_names]
    contents = [
        ("curves", "Curves" if drawn else ""),
        ("scores", "Scores" if scores else ""),
        ("test", "Test" if run.tested else ""),
        ("samples", "Samples" if samples else ""),
        *((f"section-{i}", section.title) for i, section in enumerate(sections, 1)),
        ("again", "Do it again"),
        ("config", "Configuration"),
        ("machine", "Machine"),
        ("numbers", "Numbers"),
    ]
    return render(
        "single.html",
        title=f"{run.name} · {run.task}",
        version=workings.__version__,
        run=run,
        ending=ENDINGS[run.ending],
        tiles=tiles(run),
        contents=[(anchor, title) for anchor, title in contents if title],
        panels=drawn,
        scores=scores if run.best else [],
        tested=[(name, score, run.unit_of(name)) for name, score in run.tested.items() if name not in BOOKKEEPING],
        samples=shown,
        more_samples=samples if len(samples) > len(shown) else [],
        sections=sections,
        seed=seed_of(run),
        config=groups(run.config),
        environment=groups({key: fact for key, fact in run.environment.items() if key != "command"}),
        archive=base64.b64encode(gzip.compress("".join(json.dumps(row) + "\n" for row in run.rows).encode(), mtime=0)).decode(),
        tables=[table(run, event, title) for event, title in (("validation", "Validation"), ("train", "Training")) if run.of(event)],
    )


def several(runs: list[Record], added: list[list[Section]]) -> str:
    """The page of several runs side by side."""
    names = names_of(runs)
    titles = list(dict.fromkeys(section.title for sections in added for section in sections))
    beside = [(title, [(i, section.html) for i, sections in enumerate(added) for section in sections if section.title == title]) for title in titles]
    drawn = panels(runs, "c", names)
    samples = [(samples_of(run) or [None])[-1] for run in runs]
    contents = [
        ("scores", "Scores"),
        ("differences", "What differs"),
        ("curves", "Curves" if drawn else ""),
        ("samples", "Samples" if any(samples) else ""),
        *((f"section-{i}", title) for i, title in enumerate(titles, 1)),
        ("again", "Each run"),
    ]
    return render(
        "several.html",
        title=" · ".join(names),
        version=workings.__version__,
        runs=runs,
        names=names,
        contents=[(anchor, title) for anchor, title in contents if title],
        comparison=comparison(runs),
        tokens_differ=tokens_differ(runs),
        differences=formats.differing([run.config for run in runs]),
        machine_differences=formats.differing([{key: fact for key, fact in run.environment.items() if key not in ("command", "seed")} for run in runs]),
        panels=drawn,
        samples=samples if any(samples) else [],
        sections=beside,
        endings=[ENDINGS[run.ending] for run in runs],
    )


def spread(n: int, most: int) -> list[int]:
    """At most `most` of n places, early ones closer together, first and last among them: learning is fastest at the start.

    >>> spread(5, 7), spread(30, 5)
    ([0, 1, 2, 3, 4], [0, 2, 7, 16, 29])
    """
    return list(range(n)) if n <= most else sorted({round((n - 1) * (i / (most - 1)) ** 2) for i in range(most)})


def seed_of(run: Record) -> Any:
    """The seed, from the environment or the config."""
    return run.environment.get("seed", flatten(run.config).get("training.seed"))


def names_of(runs: list[Record]) -> list[str]:
    """The folders' names, with their parents' when two are the same."""
    names = [run.name for run in runs]
    return [f"{run.path.resolve().parent.name}/{run.name}" if names.count(run.name) > 1 else run.name for run in runs]


def samples_of(run: Record) -> list[dict]:
    """The samples with their time and the score of the validation nearest before them."""
    items = []
    for row in run.of("sample"):
        if not row.get("text") or row.get("pairs") or "grid.png" in row.get("files", {}):  # a translator's and drawings have sections of their own
            continue
        scores = [v["loss"] for v in run.validations if v.get("loss") is not None and v["step"] <= row["step"]]
        score = scores[-1] if scores else None
        items.append({"step": row["step"], "when": timing(run, row), "text": shown(row["text"]), "score": score, "unit": run.unit_of("loss")})
    return items


def shown(text: str) -> str:
    """A sample as it is shown: runs of blank lines become one.

    >>> shown("a\\n\\n \\n\\nb"), shown("  \\n")
    ('a\\n\\nb', '(only spaces)')
    """
    return re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", text) if text.strip() else "(only spaces)"


def tile(label: str, shown: str, note: str = "") -> dict[str, str]:
    """One number of the headline."""
    return {"label": label, "value": shown, "note": note}


def tiles(run: Record) -> list[dict[str, str]]:
    """The headline in numbers."""
    best = run.best
    made = []
    if best is not None:
        for name, row in (("Best score", best), ("Final score", run.validations[-1])):
            score = run.chosen_by if run.chosen_by in row else next(iter(run.score_names), "loss")
            where = f"mean of {counted(row['averaged'], 'checkpoint')}" if "averaged" in row else f"step {row['step']:,}"
            made.append(tile(name, formats.value(row.get(score)), " · ".join(part for part in (run.unit_of(score) or formats.titled(score), where) if part)))
    else:
        losses = [row["loss"] for row in run.of("train") if "loss" in row]
        if losses:
            made.append(tile("Last training loss", formats.value(losses[-1]), run.unit_of("loss")))
    planned = run.steps_planned
    made.append(tile("Training time", formats.duration(run.seconds), total(run)))
    made.append(tile("Steps", f"{run.step:,}", f"of {planned:,} planned" if planned and planned != run.step else ""))
    if run.units_seen:
        made.append(tile(run.units.capitalize() + " seen", formats.count(run.units_seen), speed(run)))
    if run.parameters:
        players = run.start["parameters"]
        each = ", ".join(f"{player} {formats.count(n)}" for player, n in players.items())
        made.append(tile("Parameters", formats.count(run.parameters), each if len(players) > 1 else ""))
    if run.flops:
        made.append(tile("Computation", formats.count(run.flops, "FLOP"), formats.count(run.flops / run.seconds, "FLOP/s") if run.seconds else ""))
    if run.peak_share:
        made.append(tile("Share of the peak", f"{100 * run.peak_share:.0f}\u202f%", f"measured, {run.environment['precision']}"))
    return made


def total(run: Record) -> str:
    """The whole time, evaluation and saving included."""
    end = (run.of("end") or [{}])[-1].get("total_seconds")
    return f"{formats.duration(end)} with evaluation" if end else ""


def speed(run: Record) -> str:
    """Units a second over the whole run."""
    return f"{formats.count(run.units_seen / run.seconds)}/s" if run.seconds and run.units_seen else ""


def comparison(runs: list[Record]) -> list[tuple[str, list[str], int | None]]:
    """The rows of the table of scores and costs: label, one cell a run, and which run has the best score."""
    rows: list[tuple[str, list[str], int | None]] = []
    comparable = PER_TEXT if tokens_differ(runs) else (*PER_TEXT, *PER_TOKEN)
    for name in dict.fromkeys(name for run in runs for name in run.score_names):
        best = [(run.best or {}).get(name) for run in runs]
        known = [score for score in best if isinstance(score, (int, float))]
        measure = name.rsplit("/", 1)[-1]
        winner = best.index(min(known)) if known and measure in comparable else best.index(max(known)) if known and measure in MORE else None
        unit = next((run.unit_of(name) for run in runs if run.unit_of(name)), "")
        rows.append((name.replace("_", " ") + ", best" + (f" ({unit})" if unit else ""), [formats.value(score) for score in best], winner))
    for name in dict.fromkeys(name for run in runs for name in run.tested if name not in BOOKKEEPING):
        rows.append((name.replace("_", " ") + ", test", [formats.value(run.tested.get(name)) for run in runs], None))
    rows.append(("at step", [f"{run.best['step']:,}" if run.best else "–" for run in runs], None))
    rows.append(("steps", [f"{run.step:,}" for run in runs], None))
    rows.append(("training time", [formats.duration(run.seconds) for run in runs], None))
    rows.append((f"{runs[0].units} seen", [formats.count(run.units_seen) for run in runs], None))
    rows.append(("speed", [speed(run) or "–" for run in runs], None))
    rows.append(("parameters", [formats.count(run.parameters) for run in runs], None))
    rows.append(("computation", [formats.count(run.flops, "FLOP") for run in runs], None))
    rows.append(("share of the measured peak", [f"{100 * run.peak_share:.0f}\u202f%" if run.peak_share else "–" for run in runs], None))
    rows.append(("how it ended", [run.ending for run in runs], None))
    return rows


def tokens_differ(runs: list[Record]) -> bool:
    """Whether a token is not the same thing in all of them."""
    return any(key.startswith("data.token") for key in formats.differing([run.config for run in runs]))


PER_TEXT, PER_TOKEN = ("nats_per_character", "bits_per_byte"), ("loss", "perplexity")
"""Scores of which less is better; those a token can be compared only when the tokens are the same."""
MORE = ("accuracy", "f1", "auroc", "bleu", "chrf")
"""Scores of which more is better."""


def groups(tree: dict) -> list[tuple[str, list[tuple[str, Any]]]]:
    """A config's plain keys first, then each table under its name."""
    plain = [(key, item) for key, item in tree.items() if not isinstance(item, dict)]
    return [("", plain)] * bool(plain) + [(key, list(flatten(item).items())) for key, item in tree.items() if isinstance(item, dict)]


def table(run: Record, event: str, title: str) -> tuple[str, list[str], list[list[Any]], int]:
    """The rows of one event as a table, thinned evenly to SHOWN_ROWS with the first and the last kept."""
    rows = run.of(event)
    columns = list(dict.fromkeys(key for row in rows for key in row if key not in ("event", "best")))
    kept = rows if len(rows) <= SHOWN_ROWS else [rows[round(i * (len(rows) - 1) / (SHOWN_ROWS - 1))] for i in range(SHOWN_ROWS)]
    return title, columns, [[row.get(column) for column in columns] for row in kept], len(rows)
