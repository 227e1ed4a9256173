import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from workings.report.figures import FONT, Line, curves, limits, running_mean, shrink, tick

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(SVG + "text")]


def test_a_figure_is_one_svg_with_its_axis_labels_and_units():
    svg = curves([Line("training", [1, 2, 3], [3.0, 2.0, 1.5])], "training time (min)", "loss (nats per token)", "f0")
    assert "training time (min)" in texts(svg)
    assert "loss (nats per token)" in texts(svg)
    assert ET.fromstring(svg).get("aria-label") == "loss (nats per token) against training time (min)"


def test_small_numbers_on_the_axis_keep_their_digits():
    svg = curves([Line("", [0, 1, 2], [0.0, 0.0005, 0.001])], "step", "learning rate", "f0")
    assert "0.0005" in texts(svg) or "0.0004" in texts(svg)


def test_ids_begin_with_the_name_and_every_reference_has_its_target():
    svg = curves([Line("", range(9), range(9), style="marked")], "step", "loss", "abc")
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert ids and all(name.startswith("abc-") for name in ids) and len(set(ids)) == len(ids)
    assert set(re.findall(r'href="#([^"]+)"', svg) + re.findall(r"url\(#([^)]+)\)", svg)) <= set(ids)


def test_the_same_data_draws_the_same_bytes():
    first, second = (curves([Line("", range(50), np.sin(range(50)))], "step", "loss", "f") for _ in range(2))
    assert first == second


def test_ten_thousand_rows_stay_small():
    y = np.random.default_rng(0).normal(size=10_000).cumsum()
    assert len(curves([Line("", range(10_000), y)], "step", "loss", "f")) < 200_000


def test_a_figure_names_no_other_host_and_leaves_matplotlibs_options_alone():
    import matplotlib

    before = {key: matplotlib.rcParams[key] for key in FONT}
    svg = curves([Line("", [0, 1], [1, 2])], "step", "loss", "f")
    assert set(re.findall(r"https?://[^\"' ]+", svg)) == {"http://www.w3.org/2000/svg"}
    assert {key: matplotlib.rcParams[key] for key in FONT} == before


def test_values_that_are_not_finite_are_gaps():
    whole = curves([Line("", range(5), [1, 2, 3, 2, 1])], "step", "loss", "f")
    broken = curves([Line("", range(5), [1, 2, math.nan, math.inf, 1])], "step", "loss", "f")
    assert "nan" not in broken and "inf" not in broken
    assert broken != whole


def test_one_point_is_visible_as_a_mark():
    assert "<use" in curves([Line("", [3], [1.0])], "step", "loss", "f")


def test_a_label_is_text_and_never_mathematics():
    assert "cost $x^2$ <b>" in texts(curves([Line("", [0, 1], [1, 2])], "step", "cost $x^2$ <b>", "f"))


def test_a_logarithmic_axis_drops_what_has_no_logarithm():
    svg = curves([Line("", range(4), [0.0, 1.0, 100.0, -1.0])], "step", "gradient norm", "f", log=True)
    assert ET.fromstring(svg) is not None


@pytest.mark.parametrize("width", [1, 2, 5, 9, 30])
def test_the_running_mean_of_a_constant_is_the_constant(width: int):
    assert running_mean([2.5] * 20, width) == pytest.approx([2.5] * 20)


def test_the_running_mean_equals_its_definition():
    y = np.random.default_rng(1).normal(size=23)
    expected = [y[max(0, t - 3) : t + 4].mean() for t in range(23)]
    assert running_mean(y, 7) == pytest.approx(expected)


def test_a_spike_does_not_set_the_limits_but_the_first_value_does():
    low, high = limits(np.array([4.0] + [1.0] * 300 + [1e6]), [4.0])
    assert low < 1 and 4 < high < 5
    assert limits(np.linspace(1, 4, 300), [4.0]) is None


def test_ticks_never_show_a_count_as_an_exponent():
    assert [tick(x) for x in (0, 999, 1000, 12_500, 3e6)] == ["0", "999", "1k", "12.5k", "3M"]


def test_coordinates_are_rounded_and_texts_are_not():
    small = shrink('<svg viewBox="0 0 9 9"><path d="M 1.23456 7.00001"/><text>0.00123</text></svg>', "n", "d")
    assert 'd="M 1.23 7"' in small and ">0.00123<" in small


def test_how_large_a_picture_is_drawn_is_not_rounded():
    picture = '<image transform="scale(0.27692)" href="data:image/png;base64,AAAA"/>'
    assert picture in shrink(f'<svg viewBox="0 0 9 9">{picture}</svg>', "n", "d")
