"""A model of ours becomes a folder that `transformers` loads, through the same name maps that read one."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.data.picture_settings import Preparation
from workings.errors import BadInput, suggest
from workings.models.architectures import name_of
from workings.settings import from_dict
from workings.weights.adopt import refuse_to_replace
from workings.weights.ensemble import member_folders
from workings.weights.families import family_of
from workings.weights.families.preparation import write_preparation
from workings.weights.folder import load_folder, model_folder
from workings.weights.names import write_all
from workings.weights.placing import whole_folder
from workings.weights.sentence_folder import write_sentence_folder
from workings.weights.tensors import FILE, write_tensors
from workings.weights.tokenizer_files import token_ids, write_json, write_tokenizer

REPRESENTATIVES = {
    "encoder": "BertModel",
    "encoder-decoder": "MarianMTModel",
    "vision-transformer": "ViTForImageClassification",
    "resnet": "ResNetForImageClassification",
    "unet": "UNet2DModel",
}
"""Our architecture -> a class of the family that may have a place for it; a transformer's depends on its norm."""


LOADING = "## How to load it\n"
"""Where a card says so."""

FORMS = {
    "hf": "workings.weights.exporting:export_hf",
    "onnx": "workings.weights.onnx:export_onnx",
    "torch": "workings.weights.program:export_program",
}
"""Form -> the function that writes it: it is given the model's folder and a new folder to fill."""


def export_model(model: str | Path, to: str, out: str | Path | None = None, overwrite: bool = False) -> Path:
    """Write the model of a run or model folder in a form; the new folder, exports/NAME-FORM unless told, appears whole. Returns it."""
    if to not in FORMS:
        raise BadInput(f"There is no form {to!r} to export to. {suggest(to, FORMS)}")
    source = model_folder(model)
    folder = Path(out) if out is not None else Path("exports") / f"{Path(model).resolve().name}-{to}"
    refuse_to_replace(folder, overwrite, "--out")
    if folder.exists() and folder.resolve() in (source.resolve(), *source.resolve().parents):
        raise BadInput(f"{folder} holds the model itself; choose another folder with --out.")
    members = member_folders(source)
    if members:
        raise BadInput(f"{model} is an ensemble, which is no single model elsewhere; export a soup of its members, or each of them: {members[0]} and so on.")
    module, _, function = FORMS[to].partition(":")
    with whole_folder(folder) as new:
        getattr(import_module(module), function)(source, new)
    return folder


def export_hf(source: Path, out: Path) -> None:
    """Fill a folder that transformers' AutoModel and AutoTokenizer load, with equal logits and ids; refused where a switch has no place there."""
    saved = load_folder(source)
    settings: Any = saved.model.settings
    family = family_of(representative(settings))
    architecture = family.home(settings)
    ids = token_ids(saved.tokenizer) if saved.tokenizer is not None and saved.task == "language" else {}
    write_foreign(out, settings, saved.model.state_dict(), architecture, **ids)
    if saved.tokenizer is not None:
        write_tokenizer(out, saved.tokenizer)
    if "generation" in saved.facts:
        write_json(out / "generation_config.json", family.write_defaults(saved.facts["generation"], settings))
    if "preparation" in saved.facts:
        write_preparation(out, from_dict(Preparation, saved.facts["preparation"]))
    if "embedding" in saved.facts:
        write_sentence_folder(out, saved.facts["embedding"], settings.body.width)
    card = source / "README.md"
    if card.exists():
        library = getattr(family, "LIBRARY", "transformers")
        text = card.read_text(encoding="utf-8").replace('library_name: "workings"', f'library_name: "{library}"')
        text = text.replace("| stored as | int8 |", "| stored as | float32, from 8 bits |")
        theirs = f'```python\nfrom {library} import {architecture}\n\nmodel = {architecture}.from_pretrained(".")  # the folder of this file\n```\n'
        (out / card.name).write_text(text.replace(LOADING, f"{LOADING}\n{theirs}\nor here:\n"), encoding="utf-8")


def representative(settings: Any) -> str:
    """A class of the only family that may have a place for these settings."""
    name = name_of(settings)
    if name == "transformer":
        return "LlamaForCausalLM" if settings.norm == "rms" else "GPT2LMHeadModel"
    if name not in REPRESENTATIVES:
        raise BadInput(f"The model is a {name} one, for which transformers has no class; it can be used with workings alone.")
    return REPRESENTATIVES[name]


def write_foreign(folder: str | Path, settings: Any, state: Mapping[str, Tensor], architecture: str, **more: Any) -> None:
    """Write `config.json` and `model.safetensors` of a foreign architecture; `more` are further fields of the config, such as token ids."""
    folder = Path(folder)
    family = family_of(architecture)
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder, write_all(state, family.entries(settings, architecture)), getattr(family, "WEIGHTS", FILE))
    stored: torch.dtype = next(tensor.dtype for tensor in state.values() if tensor.is_floating_point())
    config = family.write_config(settings, architecture) | more
    if "_class_name" not in config:
        config = {"architectures": [architecture], **config, "dtype": str(stored).removeprefix("torch.")}
    write_json(folder / "config.json", config)
