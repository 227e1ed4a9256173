"""The classes of a foreign config: how many, and what they are called."""

from typing import Any

from workings.errors import BadInput
from workings.weights.config_fields import Fields


def read_labels(fields: Fields, headless: bool = False) -> tuple[int, tuple[str, ...]]:
    """The number of classes and their names. transformers has two classes where a config says nothing, and calls the n-th LABEL_n: that is no name.

    headless: the architecture has no classifier, whatever the config says of classes.
    """
    names = fields.take("id2label", None)
    if headless:
        return 0, ()
    number = fields.whole("num_labels", 2 if names is None else None)
    if names is None:
        return number, ()
    if not isinstance(names, dict) or set(map(str, names)) != set(map(str, range(len(names)))):
        raise BadInput("config.json has an id2label that does not name the classes 0, 1, 2, ... one by one; correct it.")
    if number is not None and number != len(names):
        raise BadInput(f"config.json has num_labels = {number}, but {len(names)} names in id2label; correct one of them.")
    called = tuple(str(names[str(place)]) for place in range(len(names)))
    return len(called), () if called == unnamed(len(called)) else called


def write_labels(classes: int, names: tuple[str, ...]) -> dict[str, Any]:
    """The same for a config.json; every class gets a name, since transformers counts them."""
    called = names or unnamed(classes)
    return (
        {"id2label": {str(place): name for place, name in enumerate(called)}, "label2id": {name: place for place, name in enumerate(called)}} if classes else {}
    )


def unnamed(classes: int) -> tuple[str, ...]:
    """What transformers calls classes without names."""
    return tuple(f"LABEL_{place}" for place in range(classes))
