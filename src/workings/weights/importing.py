"""A foreign folder, as `save_pretrained` writes it, becomes a model of ours: config to settings, tensors by the name map, nothing computed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from workings.data.foreign_tokenizers import FILES, read_foreign_tokenizer
from workings.data.tokenizers import Tokenizer
from workings.errors import BadInput, suggest
from workings.settings import to_dict
from workings.weights.blank import blank
from workings.weights.families import architecture_of, family_of
from workings.weights.families.preparation import read_preparation
from workings.weights.names import read_all
from workings.weights.sentence_folder import read_sentence_folder
from workings.weights.tensors import Tensors, read_json

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""What weights may be turned into."""


@dataclass
class Imported:
    """What a foreign folder holds."""

    task: str
    settings: Any
    model: nn.Module
    """In evaluation mode, its weights mapped to the file where they lie there as they are needed here."""
    tokenizer: Tokenizer | None
    """None if the folder has no files of one."""
    facts: dict[str, Any] = field(default_factory=dict)
    """"architecture" (theirs), and where the folder says it: "generation" (how it wants to be used), "preparation" (of pictures),
    "embedding" (how a text becomes one vector), "license"."""


def read_foreign(folder: str | Path, dtype: torch.dtype | None = None) -> Imported:
    """The model of a foreign folder, in the precision in which it is stored (float16 as float32, which holds it exactly), or in the one asked for."""
    folder = Path(folder)
    config = read_json(folder / "config.json")
    architecture = architecture_of(config)
    family = family_of(architecture)
    task, settings = family.read_config(config)
    tensors = Tensors(folder)
    if hasattr(family, "fitted"):
        settings = family.fitted(settings, tensors.names)
    model = blank(settings)
    if dtype is None:
        dtype = torch.float32 if tensors.dtype == torch.float16 else tensors.dtype
    state = read_all(tensors, family.entries(settings, architecture), model.state_dict(), dtype, getattr(family, "IGNORABLE", ()))
    model.load_state_dict(state, assign=True)
    tokenizer = read_foreign_tokenizer(folder, config) if any((folder / name).exists() for name in FILES) else None
    return Imported(task, settings, model.eval(), tokenizer, {"architecture": architecture} | facts_of(folder, family, config, task, settings))


def named_dtype(name: str | None) -> torch.dtype | None:
    """The type of that name, or None for none."""
    if name is not None and name not in DTYPES:
        raise BadInput(f"There is no dtype {name!r} for weights. {suggest(name, DTYPES)}")
    return None if name is None else DTYPES[name]


def foreign_task(config: dict[str, Any]) -> str:
    """What the model of a foreign config.json is for."""
    return family_of(architecture_of(config)).read_config(config)[0]


def facts_of(folder: Path, family: Any, config: dict[str, Any], task: str, settings: Any) -> dict[str, Any]:
    """What else the folder says: how it wants to be used, how pictures are prepared, its license."""
    facts: dict[str, Any] = {}
    if hasattr(family, "defaults"):
        path = folder / "generation_config.json"
        facts["generation"] = family.defaults(config, read_json(path) if path.exists() else {})
    if task == "pictures":
        preparation = read_preparation(folder, settings.channels)
        facts |= {"preparation": to_dict(preparation)} if preparation is not None else {}
    vectors = read_sentence_folder(folder)
    facts |= {"embedding": vectors} if vectors else {}
    license = front_matter(folder / "README.md").get("license")
    return facts | ({"license": license} if license else {})


def front_matter(path: Path) -> dict[str, str]:
    """The fields of one line at the head of a model card, between two lines of dashes; nothing if there are none."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    if not lines or lines[0] != "---" or "---" not in lines[1:]:
        return {}
    pairs = (line.split(":", 1) for line in lines[1 : lines.index("---", 1)] if ":" in line and not line.startswith((" ", "-", "#")))
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}
