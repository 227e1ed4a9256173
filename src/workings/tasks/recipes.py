"""Recipes: named settings in TOML files, here or the user's own. Imports no torch."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from workings.errors import BadInput, suggest


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(path.name.removesuffix(".toml") for path in resources.files("workings.recipes").iterdir() if path.name.endswith(".toml"))


def read_recipe(name: str) -> dict[str, Any]:
    """The tables of a recipe: a name of the package's, or a path to a .toml file."""
    if name.endswith(".toml") or "/" in name:
        path = Path(name)
        if not path.exists():
            raise BadInput(f"There is no recipe file {name}.")
    elif name in recipe_names():
        path = resources.files("workings.recipes") / f"{name}.toml"
    else:
        raise BadInput(f"There is no recipe {name!r}. {suggest(name, recipe_names())}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The recipe {name} is not valid TOML: {error}.") from error
