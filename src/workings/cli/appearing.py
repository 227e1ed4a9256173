"""A text file that appears whole: its lines are written beside its place, and stay there if the work ends too soon."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def appearing(name: str) -> Iterator[TextIO]:
    """A file to write into: NAME.part, which becomes NAME when the block is left without an error; else it is kept, if anything is in it, and that is said."""
    path = Path(name)
    if path.exists() and not path.is_file():  # a device or a pipe is there already, and must not be replaced
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        if not part.exists() or part.stat().st_size == 0:
            part.unlink(missing_ok=True)
            raise
        kept = f"what was written until then is in {part}"
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(f"interrupted; {kept}") from error
        print(f"workings: {kept}", file=sys.stderr)
        raise
