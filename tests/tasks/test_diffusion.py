"""The diffusion task: what is learned from what, that stopping costs nothing, and what a trained model draws when it is asked."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import workings
from tests.tasks.pictures import write_arrays
from tests.training.games import assert_same_bits, signal_at, train
from workings.data.shapes import shows
from workings.errors import BadInput
from workings.settings import merge
from workings.tasks.diffusion import Diffusion
from workings.tasks.diffusion_drawer import DiffusionDrawer
from workings.tasks.diffusion_settings import read_settings, resolved
from workings.tasks.prompts import words_of

SMALL: dict[str, Any] = {
    "data": {"validation": 0.2},
    "model": {"preset": "unet-tiny", "widths": [8, 16], "groups": 4, "attention": [1], "heads": [2]},
    "text": {"width": 16, "layers": 1, "heads": 2, "tokens": 280},
    "shown": {"steps": 2, "pictures": 4},
    "training": {"batch": 4, "steps": 8, "evaluate_every": 4, "checkpoint_every": 3, "log_every": 2, "precision": "float32", "device": "cpu"},
}


def painters(folder, **changes):
    """A maker of small diffusion models, as `tests.training.games` wants it."""
    path = folder / "bars.npz" if (folder / "bars.npz").exists() else write_arrays(folder)

    def make(more):
        settings = read_settings(merge(merge(merge(SMALL, {"data": {"source": str(path)}}), changes), more))
        game = Diffusion(settings)
        return game, settings.training, resolved(game.settings)

    return make


def captioned(folder):
    """Ten flat pictures, dark or bright, with names that say so."""
    (folder / "pictures").mkdir()
    for number in range(10):
        bright = number % 2
        Image.fromarray(np.full((8, 8), 40 + 170 * bright, dtype=np.uint8)).save(folder / "pictures" / f"{'bright' if bright else 'dark'}_wall_{number}.png")
    return {"data": {"source": str(folder / "pictures"), "captions": "names"}}


KINDS: dict[str, dict[str, Any]] = {"alone": {}, "with classes": {"data": {"labels": True}}}


@pytest.mark.parametrize("name", KINDS)
def test_a_stopped_and_resumed_run_has_the_bits_of_one_that_never_stopped(name, tmp_path):
    make = painters(tmp_path, **KINDS[name])
    assert train(make, tmp_path / "whole") == "done"
    assert train(make, tmp_path / "parts", signal_at(5)) == "interrupted"
    assert train(make, tmp_path / "parts") == "done"
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


def test_so_it_is_with_captions(tmp_path):
    make = painters(tmp_path, **captioned(tmp_path))
    train(make, tmp_path / "whole")
    assert train(make, tmp_path / "parts", signal_at(5)) == "interrupted"
    train(make, tmp_path / "parts")
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


def test_the_first_loss_is_that_of_saying_nothing(tmp_path):
    """v = alpha eps - alpha sigma x has variance alpha^2 + (1 - alpha^2) E x^2, and an untrained U-Net says about 0."""
    task = painters(tmp_path, training={"batch": 96})({})[0]
    with torch.no_grad():
        loss = task.loss("model", task.batch(0, 0, 0, 96), 0)
    x = task.learned.pixels(torch.arange(96)).float() / 127.5 - 1
    squares = float(x.square().mean())
    assert min(1.0, squares) * 0.8 < float(loss.total) / loss.count < max(1.0, squares) * 1.3


def test_the_loss_of_a_batch_is_that_of_its_pieces(tmp_path):
    from workings.layers.randomness import seed_draws

    task = painters(tmp_path, data={"labels": True})({})[0]

    def loss(first, count):
        seed_draws(0, 3, 0, first_row=first)
        return float(task.loss("model", task.batch(3, 0, first, count), 3).total.detach())

    assert loss(0, 4) == pytest.approx(loss(0, 1) + loss(1, 3), rel=1e-5)


@pytest.fixture(scope="module")
def walls(tmp_path_factory):
    """A model that has learned which walls are dark and which are bright."""
    folder = tmp_path_factory.mktemp("walls")
    make = painters(folder, **merge(captioned(folder), {"optimizer": {"rate": 5e-3, "average": 0.9}, "diffusion": {"unconditional": 0.2}}))
    train(lambda more: make(merge({"training": {"steps": 220, "evaluate_every": 220, "checkpoint_every": 220}}, more)), folder / "run")
    return folder / "run"


def test_a_prompt_draws_what_it_says(walls):
    drawer = workings.load(walls)
    assert isinstance(drawer, DiffusionDrawer)
    levels = {word: drawer.draw(6, prompt=f"{word} wall", guidance=1.0, steps=12).pictures.float().mean((1, 2, 3)) for word in ("dark", "Bright")}
    assert float(levels["dark"].max()) < 110 < 140 < float(levels["Bright"].min())
    mixed = drawer.draw(2, prompt=["dark wall", "bright wall"], steps=12)
    assert mixed.labels == ("dark wall", "bright wall") and float(mixed.pictures[0].float().mean()) < float(mixed.pictures[1].float().mean())


def test_the_first_drawings_are_the_same_however_many_are_asked_for(walls, monkeypatch):
    from workings.tasks import diffusion_drawer

    drawer = workings.load(walls)
    few = drawer.draw(3, prompt="dark wall", steps=3, seed=5, sampler="ddim", eta=1.0).pictures
    monkeypatch.setattr(diffusion_drawer, "BATCH", 2)
    many = drawer.draw(5, prompt="dark wall", steps=3, seed=5, sampler="ddim", eta=1.0).pictures
    assert (few.int() - many[:3].int()).abs().max() <= 1


def test_a_negative_prompt_keeps_away(walls):
    drawer = workings.load(walls)
    away = drawer.draw(6, prompt="wall", negative="dark wall", guidance=3.0, steps=12).pictures.float().mean()
    toward = drawer.draw(6, prompt="wall", negative="bright wall", guidance=3.0, steps=12).pictures.float().mean()
    assert float(away) > float(toward) + 20


def test_what_stays_of_a_picture_stays_and_little_strength_changes_little(walls):
    drawer = workings.load(walls)
    begin = torch.full((1, 1, 8, 8), 40, dtype=torch.uint8)
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:, :4] = True
    painted = drawer.draw(2, prompt="bright wall", begin=begin, mask=mask, steps=10, guidance=2.0).pictures
    assert (painted[..., :4].int() - 40).abs().max() <= 1 and float(painted[..., 4:].float().mean()) > 42
    near = drawer.draw(2, prompt="bright wall", begin=begin, strength=0.1, steps=20).pictures.float()
    far = drawer.draw(2, prompt="bright wall", begin=begin, strength=1.0, steps=20).pictures.float()
    assert (near - 40).abs().mean() < (far - 40).abs().mean()


def test_a_trajectory_goes_from_noise_to_the_drawing(walls):
    drawer = workings.load(walls)
    way = drawer.draw(2, prompt="dark wall", steps=9, trajectory=True)
    assert way.columns == 8 and way.pictures.shape == (16, 1, 8, 8) and way.labels == ("dark wall",) * 16
    assert torch.equal(way.pictures[7::8], drawer.draw(2, prompt="dark wall", steps=9).pictures)
    spread = way.pictures[:8].float().std((1, 2, 3))
    assert float(spread[0]) > 2 * float(spread[-1])


def test_words_that_were_never_seen_and_empty_prompts_are_said(walls, capsys):
    drawer = workings.load(walls)
    drawer.draw(1, prompt="a dark zebra", steps=1)
    assert "no caption that was learned has the words 'a', 'zebra'" in capsys.readouterr().err
    drawer.draw(1, prompt=" ", steps=1)
    assert "the prompt is empty" in capsys.readouterr().err
    assert words_of("A red-hot Apple!") == ["a", "red-hot", "apple"]


REFUSED = {
    "steps": (dict(steps=0), "steps is 0"),
    "guidance alone": (dict(guidance=3.0), "Guidance 3 follows a prompt"),
    "a class": (dict(label="7"), "was told no classes"),
    "temperature": (dict(temperature=0.5), "knows noise of one size only"),
    "mask": (dict(begin=torch.zeros(1, 1, 8, 8, dtype=torch.uint8), mask=torch.zeros(8, 9, dtype=torch.bool)), "The mask is 8 x 9, but drawings are 8 x 8"),
    "mask alone": (dict(mask=torch.zeros(8, 8, dtype=torch.bool)), "there is no picture"),
    "prompts": (dict(prompt=["a", "b"]), "2 prompts for 3 drawings"),
    "unknown": (dict(stepz=3), "no setting 'draw.stepz'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_drawn_is_refused(what, walls):
    given, said = REFUSED[what]
    with pytest.raises(BadInput, match=said):
        workings.load(walls).draw(3, **given)


def test_a_model_that_learned_no_captions_refuses_prompts_and_draws_classes(tmp_path):
    train(painters(tmp_path, data={"labels": True}), tmp_path / "run")
    drawer = workings.load(tmp_path / "run")
    assert drawer.draw(4, steps=2).labels == ("0", "1", "2", "0") and drawer.draw(4, steps=2).columns == 6
    with pytest.raises(BadInput, match="reads no prompts"):
        drawer.draw(1, prompt="a cat")
    with pytest.raises(BadInput, match="no class '7'; there are '0', '1', '2'"):
        drawer.draw(1, label="7")
    assert drawer.between(3, rows=2, steps=2).pictures.shape == (6, 1, 12, 12)


SETTINGS = {
    "two conditions": ({"data": {"labels": True, "captions": "names"}}, "choose one of them"),
    "no network": ({"model": {"preset": "unett"}}, "no network 'unett'"),
    "other size": ({"model": {"image_size": [9, 9]}}, "that of the data is"),
    "halving": ({"model": {"widths": [8, 16, 16, 16, 16], "attention": [1]}}, "cannot be halved 4 times"),
    "heads": ({"text": {"heads": 3}}, "do not divide"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_settings_that_cannot_be_are_refused(what, tmp_path):
    changes, said = SETTINGS[what]
    base = captioned(tmp_path) if what == "heads" else {}
    with pytest.raises(BadInput, match=said):
        painters(tmp_path, **merge(base, changes))({})


def test_a_network_of_another_kind_is_saved_and_read_back(tmp_path):
    small = {name: part for name, part in SMALL.items() if name != "model"}
    path = write_arrays(tmp_path)
    table = merge(small, {"data": {"source": str(path)}, "model": {"preset": "dit-tiny", "body": {"width": 16, "layers": 1, "heads": 2}, "time_waves": 8}})

    def make(more):
        game = Diffusion(read_settings(merge(table, more)))
        return game, game.settings.training, resolved(game.settings)

    train(make, tmp_path / "run")
    assert read_settings(resolved(make({})[0].settings)).model["network"] == "transformer"
    assert workings.load(tmp_path / "run").draw(2, steps=2).pictures.shape == (2, 1, 12, 12)


def test_what_a_run_of_shapes_scores_is_how_many_drawings_show_their_prompt(tmp_path, monkeypatch):
    from workings.data import captions
    from workings.tasks import diffusion

    monkeypatch.setattr(captions, "SHAPES_LEARNED", 20)
    monkeypatch.setattr(captions, "SHAPES_HELD", 12)
    monkeypatch.setattr(diffusion, "CHECKED", 12)
    task = painters(tmp_path, data={"source": "shapes"})({})[0]
    real = task.held.pixels(torch.arange(12))

    class Right:
        pictures = real

    assert task.checkable and all(shows(picture, caption) for picture, caption in zip(real, task.held.labels, strict=True))
    monkeypatch.setattr(task, "shown", lambda asked=None: Right())
    assert task.evaluate()["prompt_accuracy"] == 1.0
    Right.pictures = real.flip(0)
    assert task.evaluate()["prompt_accuracy"] < 0.5


def test_the_record_names_the_prompts_of_the_sheet(tmp_path):
    train(painters(tmp_path, **captioned(tmp_path)), tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    sample = [row for row in rows if row["event"] == "sample"][-1]
    assert set(sample["files"]) == {"grid.png", "trajectory.png", "guidance.png"} and sample["prompts"][0] in ("dark wall", "bright wall")


def test_the_finished_model_is_scored_with_more_and_more_guidance(tmp_path, monkeypatch):
    from workings.data import captions
    from workings.tasks import diffusion

    monkeypatch.setattr(captions, "SHAPES_LEARNED", 20)
    monkeypatch.setattr(captions, "SHAPES_HELD", 12)
    monkeypatch.setattr(diffusion, "CHECKED", 4)
    make = painters(tmp_path, data={"source": "shapes"}, scores={"drawings": 5}, shown={"steps": 1})
    train(make, tmp_path / "run")
    found = make({})[0].test(tmp_path / "run" / "model")
    assert list(found) == [f"prompt_accuracy_at_guidance_{weight}" for weight in ("0", "0.5", "1", "2", "4")]
    assert painters(tmp_path)({})[0].test(tmp_path / "run" / "model") == {}


def test_captions_in_the_folder_are_learned_unless_classes_are_told_and_what_they_have_no_use_for_is_refused(tmp_path):
    source = captioned(tmp_path)["data"]["source"]
    rows = [{"file_name": f"{word}_wall_{number}.png", "text": f"a {word} one"} for number in range(10) for word in [("dark", "bright")[number % 2]]]
    (tmp_path / "pictures" / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = painters(tmp_path, data={"source": source})({})[0]
    assert task.prompts is not None and task.prompts.words == {"a", "dark", "bright", "one"}
    assert not read_settings({"data": {"source": source, "labels": True}}).data.prompted
    with pytest.raises(BadInput, match="data.fraction is not read for pictures with captions"):
        painters(tmp_path, data={"source": source, "fraction": 0.5})({})


def test_ways_between_drawings_are_guided_as_drawings_are(walls):
    drawer = workings.load(walls)
    with pytest.raises(BadInput, match="Guidance 3 follows a prompt"):
        drawer.between(3, rows=1, guidance=3.0)
    ends = drawer.between(2, rows=1, prompt="dark wall", steps=3, seed=1).pictures
    assert torch.equal(ends, drawer.decoded(drawer.noise(2, 1), None, prompt="dark wall", steps=3, guidance=drawer.facts["shown"]["guidance"]))
