"""Schedules: closed forms, a straight warm-up, no jumps."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workings.training.schedules import FALL, rate_factor

NAMES = sorted(FALL)
part = st.floats(0, 1)


@given(progress=st.floats(0.001, 1), final=part)
def test_closed_forms_without_warmup(progress, final):
    assert rate_factor("constant", progress, 0.0, final) == 1
    assert rate_factor("linear", progress, 0.0, final) == pytest.approx(1 - (1 - final) * progress)
    assert rate_factor("cosine", progress, 0.0, final) == pytest.approx(final + (1 - final) * math.cos(math.pi * progress / 2) ** 2)


@given(warmup=st.floats(0.01, 0.9), progress=st.floats(0.01, 1))
def test_inverse_sqrt_falls_from_the_end_of_the_warmup(warmup, progress):
    expected = progress / warmup if progress < warmup else math.sqrt(warmup / progress)
    assert rate_factor("inverse-sqrt", progress, warmup, 0.1) == pytest.approx(expected)


@pytest.mark.parametrize("name", NAMES)
@given(warmup=st.floats(0.05, 0.9), progress=st.floats(0.001, 0.999))
def test_the_warmup_is_a_straight_line_from_nothing(name, warmup, progress):
    if progress < warmup:
        assert rate_factor(name, progress, warmup, 0.1) == pytest.approx(progress / warmup)


@pytest.mark.parametrize("name", NAMES)
@given(warmup=st.floats(0.05, 0.9), final=part, progress=st.floats(0.01, 0.999))
def test_it_is_continuous_and_stays_between_0_and_1(name, warmup, final, progress):
    here, there = (rate_factor(name, p, warmup, final) for p in (progress, progress + 1e-6))
    assert abs(here - there) < 1e-4 and 0 <= here <= 1


@pytest.mark.parametrize("name", NAMES)
def test_the_peak_is_reached_where_the_warmup_ends(name):
    assert rate_factor(name, 0.2, 0.2, 0.1) == pytest.approx(1)


@pytest.mark.parametrize("name", ["cosine", "linear"])
@given(warmup=st.floats(0, 0.95), final=part)
def test_the_end_is_the_final_part(name, warmup, final):
    assert rate_factor(name, 1.0, warmup, final) == pytest.approx(final, abs=1e-9)
    assert rate_factor(name, 1.2, warmup, final) == pytest.approx(final, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_all_warmup_ends_at_the_peak(name):
    assert rate_factor(name, 0.5, 1.0, 0.1) == 0.5 and rate_factor(name, 1.0, 1.0, 0.1) == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_after_the_peak_it_never_rises(name):
    factors = [rate_factor(name, p / 100, 0.1, 0.1) for p in range(10, 101)]
    assert all(later <= earlier + 1e-12 for earlier, later in zip(factors, factors[1:], strict=False))
