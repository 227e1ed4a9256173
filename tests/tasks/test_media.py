"""Clips and sets of points go through the diffusion task as pictures do: they are learned, stopped and resumed, drawn, shown, kept and scored."""

import io
import math
from typing import Any

import pytest
import torch
from PIL import Image

import workings
from tests.tasks.pictures import write_arrays
from tests.training.games import assert_same_bits, signal_at, train
from workings.data.builtin import BUILTIN
from workings.data.clips import FRAMES, SIDE
from workings.data.molecules import ATOMS, MOLECULES, molecules
from workings.data.picture_sources import KNOWN
from workings.data.points import SHAPES, point_sets
from workings.errors import BadInput
from workings.settings import merge
from workings.tasks import media, scatter
from workings.tasks.diffusion import Diffusion
from workings.tasks.diffusion_settings import read_settings, resolved

SMALL: dict[str, Any] = {
    "data": {"labels": True},
    "model": {"preset": "points-tiny", "body": {"width": 16, "layers": 2, "heads": 2}, "time_waves": 8},
    "shown": {"steps": 2, "pictures": 4},
    "training": {"batch": 4, "steps": 8, "evaluate_every": 4, "checkpoint_every": 3, "log_every": 2, "precision": "float32", "device": "cpu"},
}
UNET = {"preset": "unet-tiny", "widths": [8, 16], "groups": 4, "attention": [1], "heads": [2]}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Sets that are made in a moment."""
    monkeypatch.setattr(media, "LEARNED", 97)
    monkeypatch.setattr(media, "HELD", 11)
    monkeypatch.setattr("workings.tasks.diffusion.CHECKED", 7)
    monkeypatch.setattr("workings.data.clips.LEARNED", 61)
    monkeypatch.setattr("workings.data.clips.HELD", 11)


def makers(source, folder, **changes):
    """A maker of small models of a medium, as `tests.training.games` wants it."""
    if source == "clips":
        source = f"clips:{write_arrays(folder)}"

    def make(more):
        settings = read_settings(merge(merge(merge(SMALL, {"data": {"source": source}}), changes), more))
        settings = settings if not source.startswith("clips") else read_settings(resolved(settings) | {"model": UNET})
        game = Diffusion(settings)
        return game, settings.training, resolved(game.settings)

    return make


@pytest.mark.parametrize("source", ["clips", "points", "molecules"])
def test_a_stopped_and_resumed_run_has_the_bits_of_one_that_never_stopped_and_its_model_draws(source, tmp_path):
    make = makers(source, tmp_path)
    train(make, tmp_path / "whole")
    assert train(make, tmp_path / "parts", signal_at(5)) == "interrupted"
    train(make, tmp_path / "parts")
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")
    drawer = workings.load(tmp_path / "whole")
    drawn = drawer.draw(5, steps=2)
    shape = {"clips": (FRAMES, SIDE, SIDE), "points": (3, 128, 1), "molecules": (7, ATOMS, 1)}[source]
    assert drawn.pictures.shape == (5, *shape) and drawn.pictures.dtype == (torch.uint8 if source == "clips" else torch.float32)
    assert drawn.labels[:2] == drawer.names[:2] and drawn.sheet().dtype == torch.uint8
    torch.testing.assert_close(drawer.draw(3, steps=2).pictures.float(), drawn.pictures[:3].float(), rtol=0, atol=1.0 if source == "clips" else 1e-4)
    files = drawn.save(tmp_path / "drawn")
    assert [file.suffix for file in files] == [".gif" if source == "clips" else ".png"] * 5
    ways = drawer.draw(2, steps=3, trajectory=True)
    assert ways.medium.name == source and ways.pictures.shape[1:] == shape and len(ways.pictures) == len(ways.labels)
    assert drawer.between(3, rows=2, steps=2).pictures.shape == (6, *shape)


def test_the_score_of_real_molecules_is_one_and_of_others_nothing():
    made, names = molecules(12, 4)
    medium = media.MEDIA["molecules"]
    assert medium.scores(made, names) == {"molecule_accuracy": 1.0} == medium.scores(made, None)
    assert medium.scores(made, [*names[1:], names[0]]) == {"molecule_accuracy": 0.0}
    assert medium.scores(torch.randn_like(made), None) == {"molecule_accuracy": 0.0}


def test_the_scores_of_real_shapes_are_no_distance_and_an_even_cover_and_noise_lies_off():
    made, names = point_sets(10, 4)
    medium = media.MEDIA["points"]
    for asked in (names, None):
        scores = medium.scores(made, asked)
        assert scores["surface_distance"] < 4e-3 and scores["uncovered"] == pytest.approx(1, abs=0.1)
    assert medium.scores(0.5 * torch.randn_like(made), names)["surface_distance"] > 0.05
    assert medium.scores(made[:, :, :1].expand(-1, -1, 128, -1), names)["uncovered"] > 3


def test_a_clip_is_kept_as_an_animation_whose_frames_are_its_own_and_shown_as_a_strip():
    clips = torch.randint(0, 256, (3, 5, 7, 11), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    medium = media.MEDIA["clips"]
    with Image.open(io.BytesIO(medium.file(clips[1]))) as animation:
        assert animation.n_frames == 5 and animation.info["loop"] == 0
        for number in range(5):
            animation.seek(number)
            assert list(animation.convert("L").getdata()) == clips[1, number].flatten().tolist()
    strip = medium.sheet(clips)
    assert strip.shape == (1, 3 * 7, 5 * 11) and torch.equal(strip[0, 7:14, 22:33], clips[1, 2])


def test_one_looks_at_points_from_a_fixed_place_and_the_nearer_one_is_in_front():
    axes = scatter.seen(torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(axes.T @ axes, torch.eye(3, dtype=torch.float64))
    assert float(axes[2, 1]) == pytest.approx(math.cos(scatter.ABOVE)) and float(axes[2, 0]) == pytest.approx(0)
    eye = axes @ torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)  # the direction that is seen as towards oneself
    places = torch.stack([0.5 * eye, -0.5 * eye])
    colors, radii = torch.tensor([[250.0, 0, 0], [0, 0, 250]]), torch.tensor([0.2, 0.4])
    for order in ([0, 1], [1, 0]):
        shown = scatter.scattered(places[None, order], colors[None, order], radii[None, order])[0]
        middle, rim, outside = shown[:, 32, 32], shown[:, 32, 32 + 8], shown[:, 2, 2]
        assert middle[0] > 150 and middle[2] == 0 and rim[2] > 100 and rim[0] == 0 and outside.tolist() == [255] * 3
    assert bool((scatter.scattered(places[None], colors[None], torch.zeros(1, 2)) == 255).all())


@pytest.mark.parametrize(
    ("source", "changes", "said"),
    [
        ("molecules", {"data": {"size": [16]}}, "made by code"),
        ("points", {"data": {"labels": False, "captions": "names"}}, "captions"),
        ("points", {"scores": {"judge": "somebody"}}, "judge"),
        ("points", {"model": {"preset": "unet-tiny", "body": {}}}, "sets of points"),
    ],
)
def test_what_is_for_pictures_is_refused(source, changes, said, tmp_path):
    settings = merge(merge(SMALL, {"data": {"source": source}}), changes)
    with pytest.raises(BadInput, match=said):
        Diffusion(read_settings(settings))


def test_a_network_of_points_takes_no_pictures(tmp_path):
    with pytest.raises(BadInput, match="sets of points"):
        Diffusion(read_settings(merge(SMALL, {"data": {"source": str(write_arrays(tmp_path))}})))


def test_names_are_told_only_where_they_are_asked_for(tmp_path):
    assert makers("molecules", tmp_path)({})[0].names == tuple(sorted(MOLECULES))
    game = makers("points", tmp_path, data={"labels": False, "fraction": 0.5})({})[0]
    assert game.names == () and not game.told and 40 < len(game.learned) < 60
    assert any(str(next(iter(SHAPES))) in fact for fact in game.data_facts())


def test_evaluation_scores_them_by_code_and_knows_no_judge(tmp_path):
    train(makers("molecules", tmp_path), tmp_path / "run")
    found = workings.evaluate(tmp_path / "run", drawings=7)
    assert found["drawings"] == 7 and found["molecule_accuracy"] == 0
    with pytest.raises(BadInput, match="scored by code"):
        workings.evaluate(tmp_path / "run", judge="somebody")
    train(makers("clips", tmp_path), tmp_path / "clips")
    with pytest.raises(BadInput, match="cannot say"):
        workings.evaluate(tmp_path / "clips")
    with pytest.raises(BadInput, match="no picture can begin"):
        workings.draw(tmp_path / "clips", begin="picture.png")


def test_a_name_that_nothing_has_is_refused_with_all_that_can_be_drawn():
    with pytest.raises(BadInput, match="no file, folder or set 'molecule'.*mean 'molecules'"):
        media.medium_of("molecule")
    with pytest.raises(BadInput, match="'clips', 'emoji', 'fashion'.*'molecules', 'points', 'shapes'"):
        media.medium_of("nowhere")
    for name in (*BUILTIN, *KNOWN, "shapes", "clips:mnist", "hub:who/what", "who/what", "folder/"):
        media.medium_of(name)
