"""The templates: values in, HTML out, everything escaped that is not marked safe."""

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from workings.report import formats


@dataclass(frozen=True)
class Section:
    """A titled part of a report: what a task adds to the part that is common to all."""

    title: str
    html: str
    """Safe HTML: made by `render`, or escaped by who made it."""


@cache
def templates() -> Environment:
    """The templates of this package, with the formats as filters."""
    environment = Environment(
        loader=PackageLoader("workings.report", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"count": formats.count, "duration": formats.duration, "value": formats.value, "setting": formats.setting}
    environment.filters |= {"text": lambda x: formats.printable(str(x))}
    return environment


def render(name: str, **values) -> str:
    """One template filled in."""
    return templates().get_template(name).render(**values)
