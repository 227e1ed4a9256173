"""Settings: what is read is checked, what is written can be read, what differs is said."""

import tomllib
from dataclasses import dataclass, field
from typing import Literal

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from workings.errors import BadInput
from workings.settings import difference, field_docs, flatten, from_dict, merge, parse_assignments, to_dict


@dataclass(kw_only=True, frozen=True)
class Inner:
    rate: float = 0.1
    """How fast."""
    phi: Literal["relu", "gelu"] = "relu"
    """Which one."""


@dataclass(kw_only=True, frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    """A table."""
    layers: int = 2
    """How many."""
    tied: bool = True
    name: str = ""
    """Called what."""
    limit: int | None = None
    """At most, or nothing."""
    stops: tuple[str, ...] = ()
    """Where to stop."""


def test_values_arrive_where_they_belong():
    settings = from_dict(Outer, {"inner": {"rate": 2, "phi": "gelu"}, "layers": 3, "tied": False, "name": "a", "limit": 4, "stops": ["x", "y"]})
    assert settings == Outer(inner=Inner(rate=2.0, phi="gelu"), layers=3, tied=False, name="a", limit=4, stops=("x", "y"))
    assert type(settings.inner.rate) is float


def test_one_text_is_a_list_of_one():
    assert from_dict(Outer, {"stops": "x"}).stops == ("x",)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"layer": 3}, "There is no setting 'layer'. Did you mean 'layers'?"),
        ({"inner": {"rte": 3}}, "There is no setting 'inner.rte'. Did you mean 'inner.rate'?"),
        ({"inner": {"phi": "gelo"}}, "inner.phi is 'gelo'. Did you mean 'gelu'?"),
        ({"inner": {"phi": 3}}, "inner.phi is 3. Choose from 'gelu', 'relu'."),
        ({"inner": 3}, "inner is 3; it must be a table of settings."),
        ({"inner": {"rate": "fast"}}, "inner.rate is 'fast'; it must be a number."),
        ({"inner": {"rate": float("nan")}}, "inner.rate is nan; it must be a finite number."),
        ({"inner": {"rate": float("inf")}}, "inner.rate is inf; it must be a finite number."),
        ({"inner": {"rate": True}}, "inner.rate is True; it must be a number."),
        ({"layers": 2.5}, "layers is 2.5; it must be a whole number."),
        ({"layers": True}, "layers is True; it must be a whole number."),
        ({"layers": "3"}, "layers is '3'; it must be a whole number."),
        ({"tied": 1}, "tied is 1; it must be true or false."),
        ({"name": 1}, "name is 1; it must be a text."),
        ({"limit": "x"}, "limit is 'x'; it must be a whole number."),
        ({"stops": 3}, "stops is 3; it must be a text."),
        ({"stops": ["a", 3]}, "stops is 3; it must be a text."),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence_that_names_it(values, said):
    with pytest.raises(BadInput) as error:
        from_dict(Outer, values)
    assert str(error.value) == said


def test_docstrings_of_fields_are_found():
    assert field_docs(Outer) == {"inner": "A table.", "layers": "How many.", "name": "Called what.", "limit": "At most, or nothing.", "stops": "Where to stop."}


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
outers = st.builds(
    Outer,
    inner=st.builds(Inner, rate=st.floats(allow_nan=False, allow_infinity=False), phi=st.sampled_from(["relu", "gelu"])),
    layers=st.integers(-(2**60), 2**60),
    tied=st.booleans(),
    name=texts,
    limit=st.none() | st.integers(0, 9),
    stops=st.lists(texts, max_size=3).map(tuple),
)


@given(outers)
def test_through_toml_and_back_nothing_changes(settings):
    assert from_dict(Outer, tomllib.loads(tomli_w.dumps(to_dict(settings)))) == settings


@given(outers, outers)
def test_the_difference_is_empty_exactly_when_nothing_differs(a, b):
    assert not difference(to_dict(a), to_dict(a))
    assert bool(difference(to_dict(a), to_dict(b))) == (to_dict(a) != to_dict(b))


def test_the_difference_names_old_and_new():
    assert difference({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "d": 4}) == ["a.b: 1 -> 3", "c: 2 -> absent", "d: absent -> 4"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("3.5", 3.5),
        ("1e-3", 0.001),
        ("true", True),
        ("relu", "relu"),
        ('"3"', "3"),
        ("a b", "a b"),
        ("[1, 2]", [1, 2]),
        ("", ""),
        ("a=b", "a=b"),
        ("'", "'"),
    ],
)
def test_assignments_are_read_as_toml_or_as_text(text, value):
    assert parse_assignments([f"model.x={text}"]) == {"model": {"x": value}}


def test_later_assignments_win_and_tables_grow_together():
    assert parse_assignments(["a.b=1", "a.c=2", "a.b=3"]) == {"a": {"b": 3, "c": 2}}


@pytest.mark.parametrize("words", [["model"], ["=3"], [""]])
def test_an_assignment_without_key_or_value_is_refused(words):
    with pytest.raises(BadInput, match="is not of the form key=value"):
        parse_assignments(words)


def test_a_value_and_a_table_of_one_name_are_refused():
    with pytest.raises(BadInput, match=r"--set 'model.layers=2' does not go with"):
        parse_assignments(["model=3", "model.layers=2"])


def test_merging_lays_one_table_over_another_and_alters_neither():
    base, changes = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 4}, "e": 5}
    assert merge(base, changes) == {"a": {"b": 4, "c": 2}, "d": 3, "e": 5}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3} and changes == {"a": {"b": 4}, "e": 5}


def test_flat_keys_are_dotted():
    assert flatten({"a": {"b": {"c": 1}}, "d": 2}) == {"a.b.c": 1, "d": 2}
