"""The model card: what a model is, what it was trained on, how well it does, and how to use it; Markdown with the hub's front matter."""

import json
import re
from pathlib import Path
from typing import Any

from workings.data.builtin import BUILTIN
from workings.report import formats
from workings.report.pages import render
from workings.report.record import Record, read_record
from workings.report.write import seed_of
from workings.settings import flatten
from workings.tasks.translation_scores import signatures

PIPELINES = {"language": "text-generation", "sentences": "text-classification", "translation": "translation", "pictures": "image-classification"}
PIPELINES |= {"vae": "unconditional-image-generation", "gan": "unconditional-image-generation", "diffusion": "unconditional-image-generation"}
USES = {"language": 'model.write("Once upon a time")', "sentences": 'model.classify("A text").classes  # each with its name and its probability'}
USES |= {"translation": 'model.translate("A sentence to translate.")  # or a list of them'}
USES |= dict.fromkeys(("vae", "gan", "diffusion"), 'model.draw(16, seed=0).save("drawings")')
USES |= {"pictures": 'model.classify("picture.jpg").classes  # each with its name and its probability'}
LANGUAGE = re.compile("[a-z]{2,3}")
"""What the hub takes for a language: its code."""
METRICS = {"loss": "Loss (nats per token)", "perplexity": "Perplexity", "nats_per_character": "Nats per character", "bits_per_byte": "Bits per byte"}
CLASS_METRICS = {"loss": "Loss (nats per example)", "majority_accuracy": "Accuracy of always saying the commonest class", "f1": "F1 (mean over the classes)"}
PAIR_METRICS = {"loss": "Loss (nats per token)", "perplexity": "Perplexity of the references", "bleu": "BLEU", "chrf": "chrF"}
PAIR_METRICS |= {"accuracy": "Accuracy of the next token"}
DRAWING_METRICS = {"loss": "Loss (nats per picture)", "frechet": "Fréchet distance", "kernel": "Kernel distance"}
CLASS_METRICS |= {"accuracy": "Accuracy", "auroc": "AUROC (mean over the classes)", "calibration_error": "Expected calibration error"}

MEASURED = {"sentences": CLASS_METRICS, "translation": PAIR_METRICS, "pictures": CLASS_METRICS, "vae": DRAWING_METRICS, "gan": {}, "diffusion": {}}
"""What the scores of each task are called; a language model's for all others."""


def model_card(run: Path | Record) -> str:
    """The model card of a run, as Markdown with YAML front matter."""
    record = run if isinstance(run, Record) else read_record(Path(run))
    data = data_of(record.config)
    known = BUILTIN.get(data)
    metrics = MEASURED.get(record.task, METRICS)
    scores, tested = (
        [(metrics.get(name, name.replace("_", " ")), row[name]) for name in record.score_names if isinstance(row.get(name), (int, float))]
        for row in (record.best or {}, record.tested)
    )
    text = render(
        "card.md",
        front=front_matter(record, data, known),
        record=record,
        data=data,
        known=known,
        scores=scores,
        tested=tested,
        signatures=signatures() if "bleu" in (record.best or {}) else (),
        languages=languages_of(record),
        seed=seed_of(record),
        use=USES.get(record.task, ""),
        settings=flatten(record.model_config.get("settings") or record.config.get("model") or {}),
    )
    return formats.printable(text)


def languages_of(record: Record) -> tuple[str, str] | None:
    """From which language a translator translates into which, as its data calls them."""
    columns = record.model_config.get("columns") or {}
    return (columns["source"], columns["target"]) if record.task == "translation" and {"source", "target"} <= columns.keys() else None


def data_of(config: dict[str, Any]) -> str:
    """The name of the training data; of a path only its last part, as a card is for others."""
    flat = flatten(config)
    source = str(flat.get("data.source") or flat.get("data") or "")
    return Path(source).name if Path(source).is_absolute() else source


def front_matter(record: Record, data: str, known: Any) -> str:
    """The hub's fields as YAML; every scalar is written as JSON, which is YAML too."""
    pipeline = PIPELINES.get(record.task)
    fields: dict[str, Any] = {"library_name": "workings", "license": "mit" if known else "unknown", "tags": ["workings", record.task]}
    if pipeline:
        fields["pipeline_tag"] = pipeline
    codes = [name for name in languages_of(record) or () if LANGUAGE.fullmatch(name)]
    if codes:
        fields["language"] = codes
    measured = record.tested or record.best or {}
    metrics = [{"type": name, "value": score} for name, score in measured.items() if name in record.score_names and isinstance(score, (int, float))]
    if metrics and data:
        result = {
            "task": {"type": pipeline or record.task},
            "dataset": {"name": data, "type": data, "split": "test" if record.tested else "validation"},
            "metrics": metrics,
        }
        fields["model-index"] = [{"name": record.name, "results": [result]}]
    return "\n".join(f"{key}: {json.dumps(field, ensure_ascii=False)}" for key, field in fields.items())
