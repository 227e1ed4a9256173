"""Deep learning, workings shown: every model defined by its equations, proven equal to them, trained with one command.

The verbs of the command line are functions here. Nothing heavy is imported until one is used.

    run = workings.train("language", data="my.txt", minutes=3)
    run.write("Once upon a time")
"""

import importlib
import os
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workings.verbs import (
        Run,
        classify,
        combine,
        data,
        demo,
        doctor,
        draw,
        embed,
        evaluate,
        export,
        from_pretrained,
        import_model,
        load,
        push,
        report,
        resume,
        study,
        tour,
        train,
        translate,
        write,
    )

__version__ = "0.1.0"
__all__ = [
    "Run",
    "__version__",
    "classify",
    "combine",
    "data",
    "demo",
    "doctor",
    "draw",
    "embed",
    "evaluate",
    "export",
    "from_pretrained",
    "import_model",
    "load",
    "push",
]
__all__ += ["report", "resume", "study", "tour", "train", "translate", "write"]


os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Read once, when torch is first imported. Threads that spin while they wait made a step six times slower whenever another program wanted a core.


class VerbPackage(ModuleType):
    """A package that is also the verb of its name: `workings.data`, `workings.report` and `workings.tour` can be called."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return getattr(importlib.import_module("workings.verbs"), self.__name__.rpartition(".")[2])(*args, **options)


def __getattr__(name: str) -> Any:
    if name in ("data", "report", "tour"):
        return importlib.import_module(f"workings.{name}")
    if name in __all__:
        return getattr(importlib.import_module("workings.verbs"), name)
    raise AttributeError(f"module 'workings' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
