"""The table of the lectures has a row for every statement and names things that exist: functions, switches, tests, studies."""

import importlib
import typing
from functools import reduce

import pytest
from lecture_rows import Row, named, read_rows, readings
from source import ROOT, tree

from workings.models.settings import RecurrentSettings, TransformerSettings
from workings.settings import field_types
from workings.studies.catalog import NAMES, find

TEXT = (ROOT / "docs" / "lectures.md").read_text(encoding="utf-8")
ROWS = read_rows(TEXT)
STATEMENTS = """
    1.1a 1.1b 1.1c 1.1d 1.1e 1.2a 1.2b 1.2c 1.2d
    2.1 2.2a 2.2b 2.3
    3.1 3.2
    4.1a 4.1b 4.2a 4.2b 4.2c 4.3
    5.1a 5.1b 5.1c 5.1d 5.2a 5.2b 5.2c 5.2d 5.3a 5.3b 5.3c 5.3d
    6.1a 6.1b 6.1c 6.1d 6.2a 6.2b 6.2c 6.3
""".split()
"""Every statement of the lectures."""


def resolve(name: str) -> object:
    """The object of a dotted name, found from the longest module that it begins with."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[length:], module)
    raise ModuleNotFoundError(name)


def test_every_statement_of_the_lectures_has_a_row():
    assert not [statement for statement in STATEMENTS if statement not in {row.of for row in ROWS}]


def test_every_row_is_about_a_statement_and_has_a_name_of_its_own():
    parts = {statement.rstrip("abcde") for statement in STATEMENTS}
    assert not [row.id for row in ROWS if row.of not in STATEMENTS and row.of.split("-")[0] not in parts]
    assert len({row.anchor for row in ROWS}) == len(ROWS)


def test_rows_stand_in_the_order_of_the_lectures():
    order = [STATEMENTS.index(row.of) for row in ROWS if row.of in STATEMENTS]
    assert order == sorted(order)


def test_what_is_read_in_one_way_of_several_is_a_statement():
    assert readings(TEXT).keys() <= set(STATEMENTS)
    assert "1.2b" in readings(TEXT)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_name_in_the_table_exists(row: Row):
    assert named(row.code) and named(row.tests)
    for name in named(row.code):
        if "=" in name:
            switch, _, choice = name.partition("=")
            kind = (field_types(RecurrentSettings) | field_types(TransformerSettings))[switch]
            assert choice == "True" if kind is bool else choice.strip('"') in typing.get_args(kind)
        else:
            assert callable(resolve(f"workings.{name}")) or resolve(f"workings.{name}")
    for name in named(row.blackboard):
        assert callable(resolve(f"workings.blackboard.{name}"))
    for name in named(row.tests):
        path, _, function = name.partition("::")
        assert function in {node.name for node in tree(ROOT / "tests" / path).body if hasattr(node, "name")}


def statements_of(study: str) -> list[str]:
    """The statements that a study is about: 1.2a, 1.2b and 1.2c of 1.2a-c."""
    first, _, last = find(study).statement.partition("-")
    return [first[:-1] + chr(letter) for letter in range(ord(first[-1]), ord(last) + 1)] if last else [first]


def test_the_study_column_names_studies_of_the_catalog():
    assert not [(row.id, name) for row in ROWS for name in named(row.studies) if name not in NAMES]


@pytest.mark.parametrize("study", NAMES)
def test_every_study_stands_in_a_row_of_each_of_its_statements(study: str):
    assert statements_of(study) and set(statements_of(study)) <= {row.of for row in ROWS if study in named(row.studies)}
