"""The record of a run for TensorBoard, an extra."""

import importlib
from pathlib import Path
from typing import Any

from workings.errors import BadInput


def require_tensorboard() -> None:
    """Refuse when the extra is not installed."""
    try:
        importlib.import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise BadInput("training.tensorboard needs the package tensorboard; install it with: pip install 'workings[tensorboard]'") from error


class Board:
    """Writes the numbers of each row as scalars named event/key, and samples as texts."""

    def __init__(self, folder: Path):
        from torch.utils.tensorboard import SummaryWriter

        self.folder, self.make = folder, SummaryWriter
        self.writer: Any = None

    def write(self, row: dict[str, Any]) -> None:
        """Add one row of the record. What was written after the step at which a run goes on is hidden."""
        if self.writer is None:
            self.writer = self.make(str(self.folder), purge_step=row["step"] + 1)
        if row["event"] in ("train", "validation"):
            for key in row.keys() - {"event", "step", "seconds", "best", "averaged"}:
                if not isinstance(row[key], str):  # such as how a score is computed
                    self.writer.add_scalar(f"{row['event']}/{key}", row[key], row["step"])
        if row["event"] == "sample" and "text" in row:
            self.writer.add_text("sample", row["text"], row["step"])
        self.writer.flush()
