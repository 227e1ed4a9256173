"""The levels that drawing passes: the most noise first, exactly 0 last, falling in between, for any number of steps."""

import pytest
import torch

from workings.errors import BadInput
from workings.generation.noise_levels import from_strength, noise_levels
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule

SCHEDULES = ("linear", "cosine", "edm", "flow")
STEPS = (1, 2, 7, 13, 500, 999, 1000)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("spacing", ["time", "karras", "log"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_any_number_of_steps_goes_from_the_most_noise_to_none(name, spacing, steps):
    schedule = noise_schedule(DiffusionSettings(schedule=name, prediction="edm"))
    levels = noise_levels(schedule, steps, spacing)
    assert levels.shape == (steps + 1,) and levels.dtype == torch.float64
    assert float(levels[0]) == pytest.approx(schedule.sigma_max, rel=1e-12) and levels[-1] == 0
    assert (levels[:-1] > levels[1:]).all()
    assert levels[-2] > schedule.sigma_min * (1 - 1e-9)


@pytest.mark.parametrize("steps", STEPS)
def test_whole_steps_of_the_table_are_visited_from_the_last_one_on_and_none_twice(steps):
    schedule = noise_schedule(DiffusionSettings(schedule="linear"))
    told = schedule.told(noise_levels(schedule, steps)[:-1])
    whole = told.round()
    torch.testing.assert_close(told, whole, rtol=0, atol=1e-8)
    assert whole[0] == 999 and len(whole.unique()) == steps
    gaps = -whole.diff()
    assert steps < 2 or gaps.max() - gaps.min() <= 1
    if steps == 1000:
        assert whole.tolist() == list(range(999, -1, -1))


def test_a_flow_takes_even_steps_of_time_that_end_at_the_data():
    sigma = noise_levels(noise_schedule(DiffusionSettings(schedule="flow")), 7)
    torch.testing.assert_close((sigma / (1 + sigma)).diff(), torch.full((7,), -0.999 / 7, dtype=torch.float64))


def test_spacings_are_even_in_what_they_say():
    schedule = noise_schedule(DiffusionSettings(schedule="linear"))
    for spacing, scale in (("karras", lambda s: s ** (1 / 7)), ("log", torch.log)):
        gaps = scale(noise_levels(schedule, 11, spacing)[:-1]).diff()
        torch.testing.assert_close(gaps, gaps.mean().expand(10))


@pytest.mark.parametrize(("strength", "left"), [(0.0, 0), (0.04, 0), (0.3, 3), (0.75, 8), (1.0, 10)])
def test_strength_is_the_part_of_the_steps_that_are_taken(strength, left):
    levels = noise_levels(noise_schedule(DiffusionSettings()), 10)
    assert torch.equal(from_strength(levels, strength), levels[10 - left :])


def test_no_steps_and_more_than_the_schedule_has_are_refused():
    schedule = noise_schedule(DiffusionSettings(schedule="linear", steps=50))
    with pytest.raises(BadInput, match="at least 1"):
        noise_levels(schedule, 0)
    with pytest.raises(BadInput, match="has 50 steps, but 51 were asked for"):
        noise_levels(schedule, 51)
    assert len(noise_levels(noise_schedule(DiffusionSettings(schedule="flow")), 5000)) == 5001
