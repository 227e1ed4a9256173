"""Recipes: named settings in TOML files, here or the user's own. Imports no torch."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from workings.errors import BadInput, suggest
from workings.models.settings import sizes_for


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(path.name.removesuffix(".toml") for path in resources.files("workings.recipes").iterdir() if path.name.endswith(".toml"))


def recipes_for(task: str) -> list[str]:
    """Those for one task."""
    return [name for name in recipe_names() if read_recipe(name).get("task", "language") == task]


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


def make_way(task: str, recipe: dict[str, Any], model: str | None, minutes: float | None) -> dict[str, Any]:
    """A recipe without what the flags replace: with --model only its sizes stay, with --minutes its steps go."""
    if task == "language" and model is not None and isinstance(recipe.get("model"), dict):
        recipe = recipe | {"model": {key: value for key, value in recipe["model"].items() if key in sizes_for(model)}}
    if minutes is not None and isinstance(recipe.get("training"), dict):
        recipe = recipe | {"training": {key: value for key, value in recipe["training"].items() if key != "steps"}}
    return recipe
