"""The verbs: what the command line does, as Python functions that return what they made."""

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workings.errors import BadInput, command, suggest
from workings.settings import merge, parse_assignments
from workings.tasks.recipes import read_recipe
from workings.training.checkpoints import write_whole
from workings.training.run import Run as RunFolder
from workings.training.run import new_run, open_run

TASKS = ("language",)
"""What can be trained."""


class Run(RunFolder):
    """A trained run: its folder, and what can be done with it."""

    def load(self) -> Any:
        """The model in use, as `workings.load` gives it."""
        return load(self.folder)

    def write(self, prompt: str = "", **choices: Any) -> str:
        """The prompt and what the model writes after it."""
        return self.load().write(prompt, **choices)

    def evaluate(self, **choices: Any) -> dict[str, float]:
        """Scores on the validation text, as `workings.evaluate` gives them."""
        return evaluate(self.folder, **choices)


def train(
    task: str = "language",
    *,
    data: str | None = None,
    recipe: str | None = None,
    model: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    seed: int | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    device: str | None = None,
    precision: str | None = None,
    column: str | None = None,
    encoding: str | None = None,
    tokenizer: str | None = None,
    set: Iterable[str] = (),
    quiet: bool = False,
) -> Run:
    """Train a task from the start and write its report; returns the run.

    Later ones win: the defaults, the recipe, the named arguments, `set` (as in set=["model.layers=6"]).
    """
    if task not in TASKS:
        raise BadInput(f"There is no task {task!r}. {suggest(task, TASKS)}")
    given = {
        "data": {"source": data, "column": column, "encoding": encoding, "tokenizer": tokenizer},
        "model": {"preset": model},
        "training": {
            "seed": seed,
            "steps": steps,
            "minutes": 0.0 if steps is not None and minutes is None else minutes,
            "device": device,
            "precision": precision,
        },
    }
    flags = {section: {key: value for key, value in values.items() if value is not None} for section, values in given.items()}
    table = _make_way(read_recipe(recipe), model, minutes) if recipe else {}
    table = merge(table, {section: values for section, values in flags.items() if values})
    return _train(merge(table, parse_assignments(set)), out, overwrite, quiet)


def _make_way(recipe: dict[str, Any], model: str | None, minutes: float | None) -> dict[str, Any]:
    """A recipe without what the flags replace: with --model only its sizes stay, with --minutes its steps go."""
    from workings.models.settings import sizes_for

    if model is not None and isinstance(recipe.get("model"), dict):
        recipe = recipe | {"model": {key: value for key, value in recipe["model"].items() if key in sizes_for(model)}}
    if minutes is not None and isinstance(recipe.get("training"), dict):
        recipe = recipe | {"training": {key: value for key, value in recipe["training"].items() if key != "steps"}}
    return recipe


def _train(table: dict[str, Any], out: str | Path | None, overwrite: bool, quiet: bool) -> Run:
    from workings.tasks.language import Language
    from workings.tasks.language_settings import read_settings, resolved
    from workings.training.fit import ready

    settings = read_settings(table)
    game = Language(settings)  # before the folder is made: what is refused leaves nothing behind, and an old run as it was
    ranks = ready(settings.training)
    run = Run(Path(ranks.agree(str(new_run("language", out, overwrite).folder) if ranks.first else "")))
    config = resolved(game.settings)
    if ranks.first:
        run.write_settings(config)
        run.samples.mkdir(exist_ok=True)
        (run.samples / "held-out.txt").write_text(game.tokenizer.decode(game.validation[:600]), encoding="utf-8")  # what the report reads with the model
    return _fit(run, game, config, quiet)


def _fit(run: Run, game: Any, config: dict[str, Any], quiet: bool) -> Run:
    """Train and report; an interruption that was saved ends in KeyboardInterrupt, which the command line turns into exit code 130."""
    from workings.training.fit import fit

    first = int(os.environ.get("RANK", 0)) == 0
    if first and not run.environment.exists():
        run.write_environment(_environment(game.settings.training))
    facts = json.loads(run.environment.read_text(encoding="utf-8")) if first else {}
    headline = f"{run.folder}: {game.about()}; {facts['precision']} on {facts['device']}" if first else ""
    reason = fit(game, game.settings.training, run, config, quiet, headline)
    if first and (run.model / "config.json").exists():
        from workings.report.card import model_card

        write_whole(run.model / "README.md", model_card(run.folder).encode())
        report(run.folder)
    if reason == "interrupted":
        raise KeyboardInterrupt(f"saved; go on with: {command(f'resume {run.folder}')}")
    return run


def _environment(training: Any) -> dict[str, Any]:
    """What a run runs on: machine, versions, precision, the machine's measured peak, command, seed."""
    from workings.training.machine import choose_device, choose_precision, machine, measured_peak

    device = choose_device(training.device)
    precision = choose_precision(training.precision, device)
    name = str(precision).removeprefix("torch.") if precision else "float32"
    peaks = {kind: round(measured_peak(dtype, device)) for kind, dtype in (("float32", None), (name, precision))}
    return machine() | {
        "device": str(device),
        "precision": name,
        "peak_gflops": peaks,
        "seed": training.seed,
        "command": shlex.join(["workings", *sys.argv[1:]]),
    }


def resume(run: str | Path, *, steps: int | None = None, minutes: float | None = None, set: Iterable[str] = (), quiet: bool = False) -> Run:
    """Go on with a run from its newest whole checkpoint: the same bits as if it had never stopped. It goes on to `steps`, or for so many more `minutes`."""
    from workings.tasks.language import Language
    from workings.tasks.language_settings import read_settings, resolved

    folder = open_run(run)
    if minutes is not None:
        minutes += folder.spent() / 60
    table = folder.settings()
    if steps is not None or minutes is not None:
        kept = {key: value for key, value in table.get("training", {}).items() if key not in ("steps", "minutes")}
        budget = {key: value for key, value in (("steps", steps), ("minutes", minutes)) if value is not None}
        table = table | {"training": kept | budget}
    settings = read_settings(merge(table, parse_assignments(set)))
    game = Language(settings)
    return _fit(Run(folder.folder), game, resolved(game.settings), quiet)


def load(path: str | Path) -> Any:
    """The model of a run folder or model folder, ready to use: `workings.load(path).write("Once")`.

    Also of a folder as transformers' `save_pretrained` writes it. What is given depends on the model's task: see `workings.tasks.kinds`.
    """
    from workings.tasks.kinds import open_model

    return open_model(path)


def from_pretrained(name: str | Path, dtype: str | None = None) -> Any:
    """The same for a folder or the name of a model on the hub; dtype turns the weights into "float32" or "bfloat16"."""
    from workings.tasks.kinds import open_model
    from workings.weights.hub import locate
    from workings.weights.importing import named_dtype

    return open_model(locate(name), named_dtype(dtype))


def import_model(name: str | Path, *, to: str | Path | None = None, dtype: str | None = None, overwrite: bool = False) -> Any:
    """Make a model folder of ours from a folder or the name of a model on the hub; returns what was made (`folder`, `task`, `lines()` of what it is).

    dtype: what the weights are turned into: "float32", "bfloat16", or "int8", which keeps matrices in a quarter of the file.
    """
    from workings.report.imported_card import imported_card
    from workings.weights.adopt import adopt
    from workings.weights.hub import locate

    return adopt(str(name), locate(name), to, dtype, overwrite, imported_card)


def export(model: str | Path, *, to: str, out: str | Path | None = None, overwrite: bool = False) -> Path:
    """Write a model in a form that other systems load; returns the folder. to: "hf", for transformers; "onnx", for onnxruntime; "torch", a program of torch's."""
    from workings.weights.exporting import export_model

    return export_model(model, to, out, overwrite)


def push(model: str | Path, name: str, *, private: bool = True, message: str = "") -> str:
    """Send a model's folder, or that of a run's best model, to the hub as USER/NAME; returns its address."""
    from workings.weights.hub import push as push_folder

    return push_folder(model, name, private=private, message=message)


def evaluate(
    run: str | Path, *, data: str | None = None, context: int | None = None, stride: int | None = None, column: str | None = None, encoding: str | None = None
) -> dict[str, float]:
    """Scores of a run's best model on its own validation text, or on another one; float32, every token predicted once."""
    writer = _writer(run)
    if data is not None:
        return writer.evaluate(data, context=context, stride=stride, column=column, encoding=encoding)
    if column is not None or encoding is not None:
        raise BadInput("--column and --encoding say how to read --data; give that too.")
    if not RunFolder(Path(run)).config.exists():
        raise BadInput(f"{run} is the folder of a model, which does not know the text it was trained on; name a text with --data.")
    from workings.data.cache import encode_cached
    from workings.tasks.language import read_text, split
    from workings.tasks.language_settings import read_settings

    settings = read_settings(open_run(run).settings())
    _, validation = split(encode_cached(writer.tokenizer, read_text(settings.data)), settings.data.validation)
    return writer.evaluate_tokens(validation, context, stride)


def write(run: str | Path, prompts: Sequence[str] | str = "", *, stream: Callable[[int, str], Any] | None = None, **choices: Any) -> list[Any]:
    """Texts after prompts; choices are the fields of `WriteSettings`. stream(number, piece) hears them as they come."""
    return _writer(run).write_all([prompts] if isinstance(prompts, str) else prompts, stream, **choices)


def _writer(run: str | Path) -> Any:
    from workings.tasks.writer import Writer

    return Writer(Path(run))


def embed(model: str | Path, texts: Sequence[str] | str, **choices: Any) -> Any:
    """The vector of a text, [D], or of each of several, [B, D]; model: a folder, or a name on the hub. Choices are those of `Embedder.embed`."""
    from workings.tasks.embedder import Embedder
    from workings.weights.hub import locate

    return Embedder(locate(model)).embed(texts, **choices)


def classify(model: str | Path, pictures: Iterable[str | Path], *, top: int = 5) -> Any:
    """What is in each picture, and in each picture of each folder, one after another: `Classified` with the `top` likeliest classes, or with an error."""
    from workings.tasks.picture_classifier import PictureClassifier

    return PictureClassifier(model).classify_all(pictures, top=top)


def translate(model: str | Path, texts: str | Iterable[str], **choices: Any) -> Iterator[Any]:
    """Translations of texts one after another, in their order, each as a `Translated`; choices are the fields of `TranslateSettings`."""
    translator = load(model)
    if not hasattr(translator, "translate_all"):
        raise BadInput(f"{model} holds a model that does not translate; give the folder of one that does, such as an imported Marian.")
    return translator.translate_all([texts] if isinstance(texts, str) else texts, **choices)


def report(*runs: str | Path, out: str | Path | None = None) -> Path:
    """The report of a run, or of several side by side; returns the HTML file."""
    from workings.report.run_sections import run_sections
    from workings.report.write import write_report

    return write_report([open_run(run).folder for run in runs], Path(out) if out is not None else None, run_sections)


def data(name: str | None = None) -> Any:
    """The built-in sets as rows (name, task, size, license, what it is), or the first lines of one."""
    from workings.data import builtin

    return builtin.describe() if name is None else builtin.preview(name)


def doctor() -> list[Any]:
    """What this machine has, whether that is well, and what to do if not."""
    from workings.training.doctor import findings

    return findings()


def demo(*, out: str | Path | None = None, minutes: float | None = None) -> Run:
    """The main job on built-in text: a transformer learns to write like Jane Austen."""
    return train("language", recipe="demo", out=out, minutes=minutes)
