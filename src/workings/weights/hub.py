"""The Hugging Face hub: a model's name becomes a folder, and a folder becomes a repository. `HF_HUB_OFFLINE`, `HF_HOME` and logins are the hub's own."""

import re
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from workings.errors import BadInput, command
from workings.weights.tensors import CONVERT

NAME = re.compile(r"[A-Za-z0-9_][\w.-]*(/[\w.-]+)?")
WANTED = ("model*.safetensors", "members/*.safetensors", "*.json", "*.txt", "*.spm", "*.model", "README.md", "LICENSE*")
"""The files that a model is read from; no pickles, no programs."""
COPIES = ("onnx/*", "openvino/*", "runs/*", "checkpoint-*/*")
"""Copies in other formats, which are left out."""


def locate(name: str | Path) -> Path:
    """The folder (or file) of that name, or else the model of that name on the hub, from the cache where it is up to date."""
    path = Path(name)
    with suppress(RuntimeError):  # of a ~USER that this machine does not have
        path = path.expanduser()
    if path.exists():
        return path
    if isinstance(name, Path) or not NAME.fullmatch(name):
        raise BadInput(f"There is no folder {name}; give the folder of a model, or a model's name on the hub such as USER/NAME.")
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    unreached = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "the hub cannot be reached"
    try:
        folder = Path(snapshot_download(name, allow_patterns=list(WANTED), ignore_patterns=list(COPIES)))
    except GatedRepoError as error:
        raise BadInput(f"The hub's {name} asks for its license to be accepted: do so on its page, log in with `hf auth login`, and try again.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise BadInput(f"There is no folder {name}, and the hub has no model of that name that may be seen without `hf auth login`.") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise BadInput(
            f"There is no folder {name}, the cache has no model of that name, and {unreached}; {alike(path)}give the folder of a run or of a model, "
            "or copy the model's folder here."
        ) from error
    if not (folder / "config.json").exists():
        raise BadInput(f"The hub's {name} has no config.json, so it is no model that can be read here.")
    if not any(folder.rglob("model*.safetensors")):
        raise BadInput(f"The hub's {name} has no safetensors; if its weights are pickled: {CONVERT}.")
    return folder


def alike(path: Path) -> str:
    """Which folder here, or among the runs, may have been meant; nothing if none is called so."""
    beside = [folder for place in dict.fromkeys((path.parent, Path("runs"))) if place.is_dir() for folder in place.iterdir() if folder.is_dir()]
    close = get_close_matches(path.name, [folder.name for folder in beside], n=1)
    return f"did you mean {next(folder for folder in beside if folder.name == close[0])}? Else " if close else ""


def push(folder: str | Path, name: str, *, private: bool = True, message: str = "") -> str:
    """Send a model's folder, or that of a run's best model, to the hub as it is; returns its address. A repository that is made for it is private unless told.

    message: of the commit.
    """
    folder = Path(folder)
    folder = folder / "model" if (folder / "model" / "config.json").exists() else folder
    if not (folder / "config.json").exists():
        raise BadInput(f"There is no model in {folder}: it has no config.json, nor a model/ with one.")
    if not NAME.fullmatch(name) or "/" not in name:
        raise BadInput(f"{name!r} is no name for a model on the hub; give it as USER/NAME.")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    hub = HfApi(library_name="workings")
    try:
        address = hub.create_repo(name, private=private, exist_ok=True)
        hub.upload_folder(repo_id=name, folder_path=folder, commit_message=message or f"Upload {folder.resolve().name} with {command('push')}")
    except OfflineModeIsEnabled as error:
        raise BadInput(f"{folder} was not sent: HF_HUB_OFFLINE is set; unset it and try again.") from error
    except Exception as error:  # of the hub, of the network library below it, or of the system: none of them is a mistake of ours
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{folder} was not sent to {name} ({reason}); log in with `hf auth login`, with a token that may write there.") from error
    return str(address)
