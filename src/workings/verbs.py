"""The verbs: what the command line does, as Python functions that return what they made."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workings.errors import BadInput
from workings.settings import merge, parse_assignments
from workings.stages import all_stages, train_run
from workings.tasks.jobs import refuse_other_first, settings_module
from workings.tasks.recipes import make_way, read_recipe
from workings.training.run import Run as RunFolder
from workings.training.run import open_run


class Run(RunFolder):
    """A trained run: its folder, and what can be done with it."""

    @property
    def task(self) -> str:
        """What it was trained for."""
        return str(self.settings().get("task", "language"))

    def load(self) -> Any:
        """The model in use, as `workings.load` gives it."""
        return load(self.folder)

    def write(self, prompt: str = "", **choices: Any) -> str:
        """The prompt and what the model writes after it."""
        return self.load().write(prompt, **choices)

    def classify(self, texts: str | Sequence[str], **choices: Any) -> Any:
        """The likeliest classes of a text, or of each of several."""
        return self.load().classify(texts, **choices)

    def translate(self, texts: str | Sequence[str], **choices: Any) -> Any:
        """The best translation of a text, or of each of several."""
        return self.load().translate(texts, **choices)

    def draw(self, n: int = 16, **choices: Any) -> Any:
        """Pictures, as `workings.draw` gives them."""
        return draw(self.folder, n, **choices)

    def evaluate(self, **choices: Any) -> dict[str, float]:
        """Scores on the validation data, as `workings.evaluate` gives them."""
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
    text: str | None = None,
    label: str | None = None,
    source: str | None = None,
    target: str | None = None,
    validation: str | None = None,
    test: str | None = None,
    start: str | Path | None = None,
    pretrain: str | None = None,
    unlabeled: str | None = None,
    picture: str | None = None,
    size: int | Sequence[int] | None = None,
    teacher: str | Path | None = None,
    augment: str | None = None,
    strict: bool | None = None,
    labels: bool | None = None,
    judge: str | Path | None = None,
    captions: str | None = None,
    latent: str | Path | None = None,
    set: Iterable[str] = (),
    quiet: bool = False,
    report: bool = True,
) -> Run:
    """Train a task from the start and write its report, or none with report=False; returns the run.

    Later ones win: the defaults, the recipe, the named arguments, `set` (as in set=["model.layers=6"]).
    For "language": column. For "sentences": text and label, the columns; validation and test, tables of their own; start, the trained model to begin
    with (`--from`); pretrain, "masked" or "next-token", what it first learns from the texts alone, in RUN/pretraining; unlabeled, further texts for that.
    For "translation": source and target, the languages' columns; validation, test and start, as for sentences.
    For "pictures": picture and label, a table's columns; size, of all pictures; augment, a name; strict; validation, test and start, as for sentences;
    teacher, the model that the new one learns to agree with.
    To draw: labels, whether the classes are told to the model; judge, the picture classifier that drawings are scored by.
    For "diffusion": captions, a table of them, "names" or "labels"; latent, the autoencoder whose latents are learned.
    """
    settings_module(task)
    if minutes is not None and minutes <= 0:
        raise BadInput(f"minutes is {minutes}; it must be above 0 (leave it out to train as long as the recipe says, or for five minutes).")
    columns = {"column": column, "text": text, "label": label, "picture": picture, "source_language": source, "target_language": target}
    tables = {"validation_source": validation, "test_source": test}
    given = {
        "data": {"source": data, "encoding": encoding, "tokenizer": tokenizer, "size": size, "strict": strict, "labels": labels, "captions": captions}
        | {"latent": None if latent is None else str(latent)}
        | columns
        | tables,
        "model": {"preset": model},
        "augmentation": {"preset": augment},
        "distillation": {"teacher": None if teacher is None else str(teacher)},
        "scores": {"judge": None if judge is None else str(judge)},
        "pretraining": {"objective": pretrain, "unlabeled": unlabeled},
        "tuning": {"start": None if start is None else str(start)},
        "training": {
            "seed": seed,
            "steps": steps,
            "minutes": 0.0 if steps is not None and minutes is None else minutes,
            "device": device,
            "precision": precision,
        },
    }
    flags = {section: {key: value for key, value in values.items() if value is not None} for section, values in given.items()}
    table = make_way(task, read_recipe(recipe), model, minutes) if recipe else {}
    table = merge(table, {section: values for section, values in flags.items() if values})
    return Run(train_run(task, merge(table, parse_assignments(set)), out, overwrite, quiet, report).folder)


def resume(run: str | Path, *, steps: int | None = None, minutes: float | None = None, set: Iterable[str] = (), quiet: bool = False) -> Run:
    """Go on with a run from its newest whole checkpoint: the same bits as if it had never stopped. It goes on to `steps`, or for so many more `minutes`."""
    folder = open_run(run)
    if steps is not None and steps < folder.newest():
        raise BadInput(f"{folder.folder} is at step {folder.newest():,} already, beyond {steps:,}; name a later step, or say --minutes.")
    if minutes is not None:
        minutes += folder.spent() / 60
    table = folder.settings()
    if steps is not None or minutes is not None:
        kept = {key: value for key, value in table.get("training", {}).items() if key not in ("steps", "minutes")}
        budget = {key: value for key, value in (("steps", steps), ("minutes", minutes)) if value is not None}
        table = table | {"training": kept | budget}
    task = str(table.get("task", "language"))
    settings = settings_module(task).read_settings(merge(table, parse_assignments(set)))
    if folder.pretraining.exists() and not folder.checkpoints.exists():
        refuse_other_first(task, folder.settings(), settings, Run(folder.pretraining).over())
    return Run(all_stages(folder, task, settings, quiet).folder)


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


def combine(*models: str | Path, out: str | Path, how: str = "ensemble", data: str | None = None, overwrite: bool = False) -> Any:
    """One model folder of several models: an "ensemble", "soup" or "greedy-soup" (with data), as `tasks.combining.combine` says; returns what was made."""
    from workings.report.imported_card import imported_card
    from workings.tasks.combining import combine as combine_models

    return combine_models(models, out, how, data, overwrite, imported_card)


def export(model: str | Path, *, to: str, out: str | Path | None = None, overwrite: bool = False) -> Path:
    """Write a model in a form that other systems load; returns the folder. to: "hf" (transformers), "onnx" (onnxruntime) or "torch" (its own program)."""
    from workings.weights.exporting import export_model

    return export_model(model, to, out, overwrite)


def push(model: str | Path, name: str, *, private: bool = True, message: str = "") -> str:
    """Send a model's folder, or that of a run's best model, to the hub as USER/NAME; returns its address."""
    from workings.weights.hub import push as push_folder

    return push_folder(model, name, private=private, message=message)


def evaluate(run: str | Path, *, data: str | None = None, encoding: str | None = None, **choices: Any) -> dict[str, Any]:
    """Scores of a run's best model on its own validation data, or on others; float32.

    A language model predicts every token once (context, stride, column); a model of sentences says the class of every text (text and label, the columns); a
    translator translates every pair (source and target, the columns; beam) and is compared with the references (tokenize and lowercase, how BLEU does that).
    A model that draws is judged by a picture classifier (judge; drawings, how many; inception, the weights for FID): see `tasks.drawing_scores`.
    """
    from workings.tasks.evaluation import evaluate_run

    return evaluate_run(run, data, encoding, choices)


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


def classify(model: str | Path, given: Iterable[str | Path], *, top: int = 5, explain: bool = False, **choices: Any) -> Any:
    """The `top` likeliest classes, one after another: of pictures, and of each picture of each folder; or of texts, and of those of each table or text file.

    explain: why. Of a text what each token does for the likeliest class, in `explained`; of a picture a file with its maps, named in `explained_in`: out, or
    NAME-explained.png in the folder that it is, or here. text: the column of a table that holds the texts.
    A picture that cannot be read is told in its `error`.
    """
    from workings.report.classifying import classify_all

    return classify_all(load(model), given, top=top, explain=explain, **choices)


def draw(
    model: str | Path,
    n: int = 16,
    *,
    how: str = "noise",
    pictures: Sequence[str] = (),
    label: str | None = None,
    seed: int = 0,
    temperature: float = 1.0,
    columns: int = 8,
    **choices: Any,
) -> Any:
    """Pictures by a model that draws, as a `Drawn`: `.pictures` uint8 [N, C, H, W], `.labels`, `.sheet()`, `.save(path, together)`.

    how: "noise"; "between" two drawings, or two pictures; "reconstruct" or "traverse" pictures, or a "map" of the latent (VAE). columns: of a way.
    Choices of a diffusion model: prompt, negative, guidance, steps, sampler, begin, strength, mask, trajectory.
    """
    from workings.tasks.draw import draw as draw_pictures

    return draw_pictures(model, how, pictures, n, label, seed, temperature, columns, **choices)


def translate(model: str | Path, texts: str | Iterable[str], *, alignment: bool = False, layer: int | None = None, **choices: Any) -> Iterator[Any]:
    """Translations of texts one after another, in their order, each as a `Translated`; model: a folder, or a name on the hub; choices: `TranslateSettings`.

    alignment: whether each has its `alignment`: which words of the text those of the translation looked at. layer: of which layer that will be asked.
    """
    translator = from_pretrained(model)
    if not hasattr(translator, "translate_all"):
        raise BadInput(f"{model} holds a model that does not translate; give the folder of one that does, such as an imported Marian.")
    return translator.translate_all([texts] if isinstance(texts, str) else texts, alignment, layer, **choices)


def report(*runs: str | Path, out: str | Path | None = None) -> Path:
    """The report of a run, or of several side by side; returns the HTML file."""
    from workings.report.run_sections import run_sections
    from workings.report.write import write_report

    return write_report([open_run(run).folder for run in runs], Path(out) if out is not None else None, run_sections)


def study(
    name: str,
    *,
    full: bool = False,
    out: str | Path | None = None,
    keep: str | Path | None = None,
    overwrite: bool = False,
    jobs: int | None = None,
    quiet: bool = False,
) -> Any:
    """A claim of the lectures as an experiment: runs what is not measured yet, and returns the `Result`, with its rows and its verdict.

    full: with more seeds, sizes and steps; takes up to half an hour rather than three minutes. out: the folder, runs/study-NAME-SCALE by default.
    keep: a folder that gets the result as NAME-SCALE.json. overwrite: measure anew. jobs: measurements at once, each in a process with one thread (a script
    has to call this under `if __name__ == "__main__":`); by default as many as there are cores and memory for. With 1, all is measured in this process.
    """
    from workings.studies.catalog import find
    from workings.studies.running import run_study

    return run_study(find(name), full, Path(out) if out else None, Path(keep) if keep else None, overwrite, jobs, quiet)


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


def tour(*, out: str | Path | None = None, minutes: float | None = None, quiet: bool = False) -> Any:
    """Every job and three studies, from nothing, on one page; as a `Toured`. out: a folder, gone on with if it was stopped. minutes: of the whole."""
    from workings.tour.journey import tour as whole_tour

    return whole_tour(out, minutes, quiet)
