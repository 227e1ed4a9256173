"""A study uses what anybody may use: every name that it takes from the library has its place on the page of the API."""

import ast
import re
from pathlib import Path

import pytest
from source import ROOT

from workings.studies.catalog import NAMES

STUDIES = ROOT / "src" / "workings" / "studies"
DOCUMENTED = set(re.findall(r"^\.\. auto\w+:: (workings\S+)$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE))
NOT_EXPERIMENTS = ("workings.studies", "workings.report", "workings.errors", "workings.blackboard")
"""What makes sentences and figures, and the equations as printed, which have pages of their own."""


def taken(path: Path) -> set[str]:
    """The full names that a file takes from the library."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {f"{node.module}.{name.name}" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module for name in node.names}
    found |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    return {name for name in found if name.startswith("workings.") and not name.startswith(NOT_EXPERIMENTS)}


@pytest.mark.parametrize("name", [*NAMES, "pictures", "mixture", "language", "training"])
def test_a_study_takes_only_what_the_page_of_the_api_shows(name):
    assert taken(STUDIES / f"{name}.py") <= DOCUMENTED
