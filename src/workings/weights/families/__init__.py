"""Foreign architectures by name, each family one explicit map in a file of this folder.

A family's module has
- `ARCHITECTURES: tuple[str, ...]`, the foreign class names that it reads (as in config.json's "architectures"), each also a key of `FAMILIES` below;
- `read_config(config) -> (task, settings)`: every field read, ignored by name, or refused by name (`config_fields.Fields`);
- `entries(settings, architecture) -> list[Entry]`: the name map (`names.py`) of that architecture;
- `IGNORABLE: tuple[str, ...]` (may be left out): patterns of tensor names that some files have and that say nothing, such as stored masks;
- `fitted(settings, names) -> settings` (may be left out): the settings with what can only be seen from the names of the tensors;
- `defaults(config, generation) -> dict` (may be left out): how the folder wants to be used, kept in the config.json of ours as "generation";
- `home(settings) -> str`: the foreign architecture that these settings are, or BadInput that names the switch that has no place there;
- `write_config(settings, architecture) -> dict`: a config.json that `transformers` loads; the exporter adds token ids, dtype and the architecture's name;
- `WEIGHTS` and `LIBRARY` (may be left out): the file of weights and the library where it is not transformers; `write_config` then says the class itself.
"""

import difflib
import importlib
from dataclasses import fields
from typing import Any

from workings.errors import BadInput

FAMILIES: dict[str, str] = {
    "GPT2LMHeadModel": "gpt2",
    "GPT2Model": "gpt2",
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "llama",
    "Qwen2ForCausalLM": "llama",
    "Qwen3ForCausalLM": "llama",
    "BertModel": "bert",
    "BertForMaskedLM": "bert",
    "BertForSequenceClassification": "bert",
    "RobertaModel": "bert",
    "RobertaForMaskedLM": "bert",
    "RobertaForSequenceClassification": "bert",
    "MarianMTModel": "marian",
    "MarianModel": "marian",
    "ViTForImageClassification": "vision_transformer",
    "ViTModel": "vision_transformer",
    "DeiTForImageClassification": "vision_transformer",
    "DeiTForImageClassificationWithTeacher": "vision_transformer",
    "DeiTModel": "vision_transformer",
    "ResNetForImageClassification": "resnet",
    "ResNetModel": "resnet",
    "CifarResNet": "resnet",
    "UNet2DModel": "unet",
    "UNet2DConditionModel": "unet",
}
"""Foreign class name -> module in this folder."""

MODEL_TYPES: dict[str, str] = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "bert": "BertModel",
    "roberta": "RobertaModel",
    "marian": "MarianMTModel",
    "vit": "ViTForImageClassification",
    "deit": "DeiTForImageClassification",
    "resnet": "ResNetForImageClassification",
}
"""What a config.json without "architectures" is taken for, by its model_type."""


def architecture_of(config: dict[str, Any]) -> str:
    """The foreign class name that a config.json is of, one that is known here."""
    names = config.get("architectures") or ([config["_class_name"]] if "_class_name" in config else None)
    name = names[0] if isinstance(names, list) and names else MODEL_TYPES.get(str(config.get("model_type")), config.get("model_type"))
    if not isinstance(name, str):
        raise BadInput("config.json names no architecture: it has neither architectures nor model_type; add the one that the weights are of.")
    if name not in FAMILIES:
        close = difflib.get_close_matches(name, FAMILIES, n=1, cutoff=0.85)
        said = f"Did you mean {close[0]!r}?" if close else f"Known are those of {', '.join(MODEL_TYPES)}."
        raise BadInput(f"The architecture {name!r} is not known here. {said}")
    return name


def family_of(architecture: str) -> Any:
    """The module that reads and writes an architecture."""
    return importlib.import_module(f"workings.weights.families.{FAMILIES[architecture]}")


ANYWHERE = "vocabulary context width layers heads ff_width norm_epsilon dropout stochastic_depth initialization".split()
"""Settings of a transformer that have a place in every foreign one, or that only training reads."""


def refuse_unless(settings: Any, architecture: str, free: tuple[str, ...] = (), **must: Any) -> None:
    """Refuse settings that a foreign architecture has no place for, by the name of the first switch and its value.

    A switch must have the value in `must`, or one of them if it is a tuple there, or else its default; those in `free` may have any.
    """
    for switch in fields(settings):
        if switch.name in ANYWHERE or switch.name in free:
            continue
        value, wanted = getattr(settings, switch.name), must.get(switch.name, switch.default)
        if value not in (wanted if isinstance(wanted, tuple) else (wanted,)):
            wanted = " or ".join(map(repr, wanted)) if isinstance(wanted, tuple) else repr(wanted)
            raise BadInput(f"model.{switch.name} is {value!r}, for which {architecture} has no place; it would have to be {wanted}.")
