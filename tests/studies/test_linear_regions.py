"""The study of linear regions: its data, its colors and its judgement on made-up counts."""

import numpy as np
import pytest
import torch

from workings.generation.linear_regions import linear_regions
from workings.models.mlp import MLP
from workings.models.mlp_settings import MLPSettings
from workings.studies.linear_regions import LAYERS, NEURONS, STUDY, colors_of, conditions, expectations, judge, rebuilt, spirals, weights_of


def row(layers: int, seed: int, regions: int, **changes) -> dict:
    """A row as `measure` and the runner make it."""
    made = {"data": "spirals", "neurons": 96, "layers": layers, "seed": seed, "start": 100, "regions": regions, "pieces": regions - 100}
    return made | {"bound": 10**layers * 1000} | changes


def test_deeper_networks_stand_in_as_many_neurons_and_every_depth_divides_them():
    for scale in (STUDY.quick, STUDY.full):
        assert all(condition["neurons"] % condition["layers"] == 0 for condition in conditions(scale))
        assert {condition["data"] for condition in conditions(scale)} == {"spirals", "fashion"}
        assert all({"data": "spirals", "neurons": NEURONS, "layers": layers} in conditions(scale) for layers in (1, LAYERS))


def test_the_second_spiral_is_the_first_one_turned_around(tmp_path):
    with np.load(spirals(tmp_path / "two.npz", 0)) as arrays:
        x, y = arrays["x_train"][:, 0].astype(float), arrays["y_train"]
    turned = np.where(y[:, None] == 1, 255 - x, x) / 127.5 - 1  # both classes on one spiral
    radius, angle = np.hypot(*turned.T) / (120 / 127.5), np.arctan2(turned[:, 1], turned[:, 0])
    away = np.angle(np.exp(1j * (angle - 2 * np.pi * 1.75 * radius)))
    assert set(y) == {0, 1} and np.abs(away[radius > 0.2]).max() < 0.25


def test_a_network_comes_back_from_its_row_with_the_same_regions():
    torch.manual_seed(0)
    model = MLP(MLPSettings(channels=1, image_size=(1, 2), classes=2, widths=(7, 5), norm="none"))
    torch.nn.init.normal_(model.layers[0].bias)
    again = rebuilt(weights_of(model))
    assert again.settings.widths == (7, 5)
    torch.testing.assert_close(linear_regions(again).areas(), linear_regions(model).areas(), rtol=1e-3, atol=1e-3)


def test_the_hue_is_where_the_map_rises_and_a_map_that_does_not_is_gray():
    maps = torch.tensor([[1.0, 0.0, 5.0], [2.0, 0.0, -3.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    red, deep_red, green, gray = colors_of(maps)
    assert red.argmax() == deep_red.argmax() == 0 and green.argmin() != 1 and np.ptp(gray) < 1e-6
    assert ((colors_of(maps) >= 0) & (colors_of(maps) <= 1)).all()


@pytest.mark.parametrize(
    ("deep", "word"),
    [([3000, 3100, 2900], "supported"), ([1000, 1010, 1050], "not supported here"), ([500, 2500, 9000], "depends on")],
)
def test_twice_as_many_regions_are_what_the_claim_needs(deep, word):
    rows = [row(1, seed, 1000) for seed in range(3)] + [row(4, seed, count) for seed, count in enumerate(deep)]
    verdict = judge([*rows, row(1, 0, 7, neurons=24), row(1, 0, 7, neurons=192), row(1, 0, 7, data="fashion")])
    assert verdict.word == word and verdict.low < verdict.estimate < verdict.high
    assert verdict.estimate == pytest.approx(np.prod(np.array(deep) / 1000) ** (1 / 3))
    assert ("2 times were asked" in verdict.sentence) == (word != "supported")


def test_each_part_of_the_hypothesis_holds_or_does_not_or_is_not_settled():
    def found(deep: tuple[int, ...], bound: float, start: int) -> list[bool | None]:
        flat = [row(1, seed, 1000, start=start) for seed in range(3)]
        return list(expectations([*flat, *(row(4, seed, count, bound=bound, start=start) for seed, count in enumerate(deep))]).values())

    assert found((1500, 1510, 1490), 1e10, 192) == [True, True, True, True]
    assert found((3000, 3100, 2900), 1e9, 600) == [False, False, False, False]
    assert found((500, 2500, 9000), 1e10, 191) == [None, True, False, None]
