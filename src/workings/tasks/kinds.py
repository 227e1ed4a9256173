"""What `workings.load` gives for each task: the one place where a task's name meets the class that uses its models.

A new task adds a line to `KINDS`: its module here, its class, and a command to try, with {folder} for the model's. The class is imported when a model of its
task is loaded, and made with the folder and `dtype`, which is None or what the weights are to be turned into.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from workings.errors import BadInput

KINDS: dict[str, tuple[str, str, str]] = {
    "language": ("writer", "Writer", 'write {folder} "Once upon a time"'),
    "embedding": ("embedder", "Embedder", 'embed {folder} "One text" "Another" --similar'),
    "masked": ("embedder", "Embedder", 'embed {folder} "One text" "Another" --similar'),
    "translation": ("translator", "Translator", 'translate {folder} "A sentence to translate."'),
    "sentences": ("sentence_classifier", "TextClassifier", 'classify {folder} "One text" "Another"'),
    "pictures": ("picture_classifier", "PictureClassifier", "classify {folder} picture.jpg"),
    "vae": ("vae_drawer", "VAEDrawer", "draw {folder} -n 64 --grid"),
    "diffusion": ("diffusion_drawer", "DiffusionDrawer", "draw {folder} -n 64 --grid"),
    "gan": ("gan_drawer", "GanDrawer", "draw {folder} -n 64 --grid"),
}
"""Task -> module, class, command to try."""
ENSEMBLES: dict[str, tuple[str, str]] = {"sentences": ("text_ensemble", "TextEnsemble")}
"""The same where an ensemble of a task's models is used by a class of its own; elsewhere it is a model as any other."""


def open_model(folder: str | Path, dtype: Any = None) -> Any:
    """The model of a run folder, a model folder of ours or another system's, as its task uses it."""
    from workings.weights.ensemble import member_folders
    from workings.weights.folder import task_of

    task = task_of(folder)
    if task not in KINDS:
        raise BadInput(f"{folder} holds a model for the task {task!r}, which no verb uses yet; workings.weights.folder.load_folder gives the bare model.")
    module, name, _ = KINDS[task]
    if task in ENSEMBLES and member_folders(folder):
        module, name = ENSEMBLES[task]
    return getattr(import_module(f"workings.tasks.{module}"), name)(Path(folder), dtype)


def command_to_try(task: str, folder: Path) -> str | None:
    """What a person may type next."""
    return KINDS[task][2].format(folder=folder) if task in KINDS else None
