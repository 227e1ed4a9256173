"""The study of growing counts what pictures have cost by the sizes at which they were shown, and compares distances after as much of it."""

import pytest

from workings.models.gan_settings import ProgressiveSettings
from workings.models.growth import growth
from workings.studies.growing import OFF, ON, STUDY, compute, cost, ends, expectations, judge
from workings.studies.result import table

GROWS = ProgressiveSettings(image_size=(16, 16), classes=3, width=16, latent=5, stable=30, fade=20)
FULL = ProgressiveSettings(image_size=(16, 16), classes=3, width=16, latent=5, stable=0, fade=0)


def test_a_smaller_size_costs_less_and_the_last_one_as_much_as_without_growing():
    assert cost(GROWS, 0) < cost(GROWS, 50) < cost(GROWS, 100)
    assert cost(GROWS, 200) == cost(FULL, 0)


@pytest.mark.parametrize("seen", [7, 45, 99, 100, 333])
def test_the_compute_is_the_sum_over_the_pictures_at_their_sizes(seen):
    whole = cost(FULL, 0)
    begins = [0, 30, 80]
    slow = sum(cost(GROWS, begins[growth(number, 2, 30, 20).stage]) / whole for number in range(seen))
    assert compute(GROWS, seen) == pytest.approx(slow, rel=0.01)
    assert compute(FULL, seen) == seen


def made_up(on: float, off: float, noise: float = 0.01) -> list[dict]:
    """Distances that fall as 1 / pictures, to `on` and `off`; growing costs half."""
    return [
        {
            "players": name,
            "seed": seed,
            "look": look,
            "floor": 0.1,
            "pictures": n,
            "compute": n * part,
            "distance": last * 1000 / n * (1 + noise * seed * (name == ON)),
            "label_accuracy": 50.0,
        }
        for name, last, part in ((ON, on, 0.5), (OFF, off, 1.0))
        for seed in (0, 1, 2)
        for look, n in enumerate((250, 500, 1000), 1)
    ]


def test_distances_are_compared_after_as_many_pictures_and_as_much_compute():
    found = ends(made_up(3, 4))[0]
    assert (found["on"], found["pictures"], found["compute"], found["saved"]) == pytest.approx((3, 4, 8, 0.5))


def test_the_verdict_follows_both():
    assert judge(made_up(3, 4)).word == "supported" and judge(made_up(3, 4)).estimate == pytest.approx(3 / 8, rel=0.02)
    assert judge(made_up(3, 2)).word == "depends on"
    assert judge(made_up(3, 1)).word == "not supported here"


def test_what_seeds_alone_could_make_is_not_settled():
    assert list(expectations(made_up(3, 4)).values()) == [True] and list(expectations(made_up(2, 1)).values()) == [False]
    near = made_up(3, 2, noise=0.5)
    assert list(expectations(near).values()) == [None] and judge(near).word == "not supported here"
    assert "at most 0.9 times was asked, not settled with 3 seeds" in judge(near).sentence


def test_the_table_has_a_line_for_each_look():
    head, lines = table(STUDY, made_up(3, 4))
    assert head[:2] == ["players", "look"] and len(lines) == 6 and "Frechet distance of pictures from pictures" in head
