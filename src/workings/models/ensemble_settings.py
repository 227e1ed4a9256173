"""The settings of several models as one. Imports no torch."""

from dataclasses import dataclass

from workings.errors import BadInput


@dataclass(kw_only=True, frozen=True)
class EnsembleSettings:
    """How many models there are, and the classes that all of them tell apart; each has settings of its own beside its weights."""

    members: int = 2
    """The models, each in a folder of its own."""
    classes: int = 0
    """The classes to tell apart."""
    class_names: tuple[str, ...] = ()
    """What the classes are called, in the order of the first model."""

    def __post_init__(self) -> None:
        if self.members < 1 or self.classes < 1 or len(self.class_names) != self.classes:
            raise BadInput(
                f"An ensemble of {self.members} has {self.classes} classes with {len(self.class_names)} names; it needs a member, a class, and a name for each."
            )
