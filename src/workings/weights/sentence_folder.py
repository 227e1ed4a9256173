"""How a folder of sentence-transformers makes one vector of a text: `modules.json`, and a folder for each step (Reimers and Gurevych 2019)."""

import json
from pathlib import Path
from typing import Any

from workings.errors import BadInput
from workings.weights.config_fields import Fields
from workings.weights.tensors import read_json
from workings.weights.tokenizer_files import write_json

POOLINGS = {"mean_tokens": "mean", "cls_token": "cls", "max_tokens": "max", "mean_sqrt_len_tokens": "mean_sqrt_len", "weightedmean_tokens": "weightedmean"}
POOLINGS |= {"lasttoken": "lasttoken"}
"""How their switches `pooling_mode_...` end -> their names of the modes."""
SUPPORTED = ("mean", "cls")


def read_sentence_folder(folder: Path) -> dict[str, Any]:
    """{"pooling": "mean" or "cls", "normalize": bool, "longest": tokens or None} of a folder; nothing if it is no such folder."""
    folder = Path(folder)
    if not (folder / "modules.json").exists():
        return {}
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
        places = [str(module.get("path", "")) for module in modules]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadInput(f"{folder / 'modules.json'} is not a list of modules with a type each; copy it again.") from None
    if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]):
        raise BadInput(
            f"{folder / 'modules.json'} makes its vectors by {' + '.join(kinds) or 'nothing'}, which is not supported here; "
            "what is: Transformer + Pooling, and Normalize after them."
        )
    return {"pooling": read_pooling(folder / places[1] / "config.json"), "normalize": kinds[2:] == ["Normalize"], "longest": read_longest(folder)}


def write_sentence_folder(folder: Path, how: dict[str, Any], width: int) -> None:
    """Write what `read_sentence_folder` reads, as sentence-transformers does. width: D, of the vectors."""
    kinds = ["Transformer", "Pooling", *(["Normalize"] if how["normalize"] else [])]
    modules = [
        {"idx": place, "name": str(place), "path": f"{place}_{kind}" if place else "", "type": f"sentence_transformers.models.{kind}"}
        for place, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n", encoding="utf-8")
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": width} | {f"pooling_mode_{ending}": mode == how["pooling"] for ending, mode in POOLINGS.items()}
    write_json(folder / "1_Pooling" / "config.json", pooling)
    if how["longest"] is not None:
        write_json(folder / "sentence_bert_config.json", {"max_seq_length": how["longest"], "do_lower_case": False})


def read_pooling(path: Path) -> str:
    """The one way of pooling that is switched on."""
    config = read_json(path)
    chosen = [mode for ending, mode in POOLINGS.items() if config.get(f"pooling_mode_{ending}")]
    if "pooling_mode" in config:
        chosen += [config["pooling_mode"]] if isinstance(config["pooling_mode"], str) else list(config["pooling_mode"])
    if len(chosen) != 1 or chosen[0] not in SUPPORTED:
        raise BadInput(f"{path} has the pooling {' + '.join(map(str, chosen)) or 'nothing'}, which is not supported here; what is: {', '.join(SUPPORTED)}.")
    return chosen[0]


def read_longest(folder: Path) -> int | None:
    """The most tokens of a text, if the folder says it."""
    path = folder / "sentence_bert_config.json"
    fields = Fields(read_json(path) if path.exists() else {})
    fields.must("do_lower_case", False)
    fields.must("transformer_task", "feature-extraction")
    fields.ignore("model_args", "tokenizer_args", "config_args", "processing_kwargs", "modality_config", "module_output_name")
    longest = fields.whole("max_seq_length", 0, least=0)
    fields.done()
    prompts = read_json(folder / "config_sentence_transformers.json") if (folder / "config_sentence_transformers.json").exists() else {}
    if prompts.get("default_prompt_name"):
        raise BadInput(
            f"{folder / 'config_sentence_transformers.json'} has default_prompt_name = {prompts['default_prompt_name']!r}, a text put before every other, "
            "which is not supported here; set it to null and put the text there yourself."
        )
    return longest or None
