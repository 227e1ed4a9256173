"""Settings are keyword-only dataclasses: read from TOML and from `key=value`, checked, compared, written back."""

import ast
import dataclasses
import inspect
import math
import textwrap
import types
import typing
from collections.abc import Iterable
from typing import Any

from workings.errors import BadInput, suggest

SCALARS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def field_docs(cls: type) -> dict[str, str]:
    """The one-line docstring that follows each field of a dataclass, those it inherits first; it becomes `--help`."""
    docs: dict[str, str] = {}
    for kind in reversed(cls.__mro__):
        if dataclasses.is_dataclass(kind):
            (body,) = (node.body for node in ast.parse(textwrap.dedent(inspect.getsource(kind))).body if isinstance(node, ast.ClassDef))
            docs |= {
                field.target.id: text.value.value
                for field, text in zip(body, body[1:], strict=False)
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
            }
    return docs


def field_types(cls: type) -> dict[str, Any]:
    """The resolved type of each field."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


T = typing.TypeVar("T")


def from_dict(cls: type[T], values: dict[str, Any], where: str = "") -> T:
    """Build a settings dataclass from plain values; an unknown key or a wrong type is a `BadInput` that names the place."""
    if not isinstance(values, dict):
        raise BadInput(f"{where.removesuffix('.') or 'The settings'} is {values!r}; it must be a table of settings.")
    kinds = field_types(cls)
    for key in values:
        if key not in kinds:
            raise BadInput(f"There is no setting {where + key!r}. {suggest(where + key, [where + name for name in kinds])}")
    return cls(**{key: _convert(kinds[key], value, where + key) for key, value in values.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    """The value as the field's type wants it: nested settings, a choice, a list, an optional, or a scalar."""
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return from_dict(typing.cast(type, kind), value, where + ".")
    if origin is typing.Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise BadInput(f"{where} is {value!r}. {suggest(str(value), map(str, choices))}")
        return value
    if origin in (typing.Union, types.UnionType):
        (inner,) = (choice for choice in typing.get_args(kind) if choice is not type(None))
        return None if value is None else _convert(inner, value, where)
    if origin is tuple:
        return tuple(_convert(typing.get_args(kind)[0], item, where) for item in (value if isinstance(value, (list, tuple)) else [value]))
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise BadInput(f"{where} is {value!r}; it must be {SCALARS[kind]}.")
    if kind is float and not math.isfinite(value):
        raise BadInput(f"{where} is {value}; it must be a finite number.")
    return value


def to_dict(settings: Any) -> dict[str, Any]:
    """Plain nested values, as they go into TOML and JSON; fields that are None are left out."""
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {
        name: to_dict(value) if dataclasses.is_dataclass(value) else list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None
    }


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """`["model.layers=6", "training.rate=1e-3"]` as a nested dictionary; values are read as TOML, else as text.

    >>> parse_assignments(["model.layers=6", "model.phi=relu", "training.rate=1e-3"])
    {'model': {'layers': 6, 'phi': 'relu'}, 'training': {'rate': 0.001}}
    """
    result: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise BadInput(f"--set {assignment!r} is not of the form key=value, as in --set model.layers=6.")
        *parents, last = key.strip().split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise BadInput(f"--set {assignment!r} does not go with another --set, which gives {parent!r} a value of its own.")
        place[last] = _value(text.strip())
    return result


def _value(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, table by table; neither is altered."""
    result = dict(base)
    for key, value in changes.items():
        result[key] = merge(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result


def flatten(values: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Nested tables as one level of dotted keys.

    >>> flatten({"seed": 1, "model": {"width": 8}})
    {'seed': 1, 'model.width': 8}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{where}{key}.") if isinstance(value, dict) else {where + key: value}
    return flat


def difference(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One line a setting that differs, `key: old -> new`.

    >>> difference({"model": {"layers": 4}}, {"model": {"layers": 6}})
    ['model.layers: 4 -> 6']
    """
    old, new = flatten(old), flatten(new)
    keys = [*old, *(key for key in new if key not in old)]
    return [f"{key}: {old.get(key, 'absent')} -> {new.get(key, 'absent')}" for key in keys if old.get(key) != new.get(key)]
