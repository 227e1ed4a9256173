"""The model card of an imported model: where it comes from, its license, its switches; Markdown with the hub's front matter."""

import json
from typing import Any

from workings.report import formats
from workings.report.card import PIPELINES, USES
from workings.report.pages import render
from workings.settings import flatten, to_dict


def imported_card(name: str, source: str, architecture: str, task: str, settings: Any, parameters: int, dtype: str, license: str | None) -> str:
    """The card as text. source: the folder's name or the hub's; license: what the source says, if it does."""
    fields: dict[str, Any] = {"library_name": "workings", "license": license or "unknown", "tags": ["workings", task]}
    fields |= {"pipeline_tag": PIPELINES[task]} if task in PIPELINES else {}
    text = render(
        "imported.md",
        front="\n".join(f"{key}: {json.dumps(field, ensure_ascii=False)}" for key, field in fields.items()),
        title=name,
        source=source,
        architecture=architecture,
        task=task,
        license=license,
        parameters=parameters,
        dtype=dtype,
        use=USES.get(task, ""),
        settings=flatten(to_dict(settings)),
    )
    return formats.printable(text)
