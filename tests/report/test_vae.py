"""What the report of a VAE adds: how much each latent dimension says, and the map of a latent of two."""

import json

import pytest
import torch

from tests.report.folders import make_run
from workings.data.pictures import png
from workings.report.vae import bars, map_figure, vae_sections


def a_run(folder, **shown):
    run = make_run(folder / "run")
    (run / "samples").mkdir(exist_ok=True)
    for name in ("grid", "map"):
        (run / "samples" / f"{name}.png").write_bytes(png(torch.zeros(1, 6, 6, dtype=torch.uint8)))
    row = {"event": "sample", "step": 3, "text": "x", "files": {"grid.png": "samples/grid.png", "map.png": "samples/map.png"}} | shown
    with open(run / "metrics.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
    return run


def test_dimensions_are_shown_with_their_sum_and_a_full_covariance_as_one_number(tmp_path):
    sections = {section.title: section.html for section in vae_sections(a_run(tmp_path, divergences=[0.5, 3.25, 0.0]))}
    assert "3.75 nats" in sections["What the latent says"] and "<svg" in sections["What the latent says"]
    assert "The latent as a map" not in sections
    whole = {section.title: section.html for section in vae_sections(a_run(tmp_path / "full", divergences=[7.0]))}
    assert "7.00 nats" in whole["What the latent says"] and "<svg" not in whole["What the latent says"]


def test_a_plane_is_shown_as_points_and_as_drawings(tmp_path):
    run = a_run(tmp_path, divergences=[1.0, 2.0], points=[[0.0, 1.0], [1.0, 0.5], [2.0, 2.0]], point_labels=["cat", "$dog^", "cat"])
    html = {section.title: section.html for section in vae_sections(run)}["The latent as a map"]
    assert "<svg" in html and "data:image" in html and "$dog^" in html


def test_a_run_that_has_shown_no_dimensions_has_the_sections_of_every_job_that_draws(tmp_path):
    assert "What the latent says" not in [section.title for section in vae_sections(a_run(tmp_path))]


@pytest.mark.parametrize("count", [1, 20])
def test_there_is_a_bar_for_each_dimension(count):
    assert bars([1.0] * count).count("<path") >= count


def test_more_classes_than_colors_are_told_apart_by_shape():
    labels = [str(number % 10) for number in range(30)]
    assert map_figure([[float(number), 0.0] for number in range(30)], labels).count("<use") >= 30
