"""Folders appear whole: written beside their place, flushed to the disk, then put there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workings.errors import BadInput
from workings.weights.tensors import flush


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `folder` at the end; if filling it fails, what was there before stays as it was."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}-*"):  # by a kill
        shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield new
        new.chmod(0o755)
        for path in (*new.iterdir(), new):
            flush(path)
        old = new.with_name(new.name + "-old")
        if folder.exists():
            os.replace(folder, old)
        os.replace(new, folder)
        flush(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise BadInput(f"The model could not be written to {folder}: {error.strerror}; the one saved before is untouched. Make room, then resume.") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
