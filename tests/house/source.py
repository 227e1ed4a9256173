"""The sources as the house tests read them: paths, module names, syntax trees."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "workings"


@cache
def sources() -> dict[str, Path]:
    """Dotted module name -> file, for every module of the package."""
    return {name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def name(path: Path) -> str:
    """src/workings/models/settings.py -> workings.models.settings."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import in the file, those inside functions too; `from a import b` is also a.b when that is a module."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [module for module in inner if module in sources()]
            yield from ((node.lineno, module) for module in modules or [node.module])


def text_files() -> list[Path]:
    """Everything that people read and that is kept in git: sources, tests, docs, settings; not the built-in data, not vendored scripts."""
    kinds = {".py", ".md", ".toml", ".cff", ".txt", ".html", ".css", ".sh", ""}
    tops = [path for path in ROOT.iterdir() if path.name not in {".git", ".venv", "runs", "build", "dist"}]
    paths = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*"))]
    skipped = {"_build", "__pycache__", "files", "_static", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    return sorted(path for path in paths if path.is_file() and path.suffix in kinds and not skipped & set(path.parts))
