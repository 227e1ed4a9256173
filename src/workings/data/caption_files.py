"""Where captions lie beside pictures. Imports no torch."""

from pathlib import Path

BESIDE = ("captions.jsonl", "metadata.jsonl", "captions.csv")
"""Files of captions that are taken without being named."""


def captions_beside(source: str) -> str:
    """The file of captions in a folder; empty without one, or for what is no folder."""
    return next((str(path) for name in BESIDE if (path := Path(source).expanduser() / name).is_file()), "")
