"""A VAE in use draws, and reads pictures: beside each other, between two, along the latent, over a plane; and is scored again as in its training."""

import numpy as np
import pytest
import torch
from PIL import Image

import workings
from tests.tasks.pictures import bars
from tests.tasks.vaes import vaes
from tests.training.games import rows, train
from workings.errors import BadInput
from workings.tasks.draw import draw
from workings.tasks.kinds import open_model
from workings.tasks.vae_drawer import VAEDrawer


def trained(folder, **changes) -> VAEDrawer:
    train(vaes(folder, **changes), folder / "run")
    return open_model(folder / "run")


def some(count: int = 3) -> torch.Tensor:
    return torch.from_numpy(bars(count=count)[0])[:, None]


def test_drawings_follow_the_seed_and_at_no_temperature_are_all_the_same(tmp_path):
    drawer = trained(tmp_path)
    one, other = drawer.draw(5, seed=1).pictures, drawer.draw(7, seed=1).pictures
    assert one.shape == (5, 1, 12, 12) and one.dtype == torch.uint8 and torch.equal(one, other[:5])
    cold = drawer.draw(3, temperature=0).pictures
    assert torch.equal(cold[0], cold[1]) and not torch.equal(one[0], one[1])


def test_a_reconstruction_is_the_picture_and_below_it_what_is_made_of_it(tmp_path):
    drawer = trained(tmp_path)
    seen = some(11)
    drawn = drawer.reconstruct(seen)
    assert drawn.columns == 8 and len(drawn.pictures) == 32
    assert torch.equal(drawn.pictures[:8], seen[:8]) and torch.equal(drawn.pictures[16:19], seen[8:]) and not drawn.pictures[19:24].any()
    means, _ = drawer.encoded(seen)
    assert torch.equal(drawn.pictures[8:16], drawer.decoded(means[:8], None))


def test_a_way_begins_and_ends_with_what_is_made_of_its_pictures(tmp_path):
    drawer = trained(tmp_path)
    seen = some(2)
    way, both = drawer.between_pictures(seen[:1], seen[1:], 5), drawer.reconstruct(seen).pictures[2:]
    assert len(way.pictures) == way.columns == 5
    assert torch.equal(way.pictures[[0, 4]], both)


def test_going_along_a_dimension_changes_that_one_alone(tmp_path):
    drawer = trained(tmp_path)
    rows = drawer.traverse(some(1), 7).pictures.unflatten(0, (3, 7))
    z, _ = drawer.encoded(some(1))
    for dimension in range(3):
        z_changed = z.clone()
        z_changed[0, dimension] = -3.0
        assert torch.equal(rows[dimension, :1], drawer.decoded(z_changed, None))


def test_a_map_needs_a_plane_and_has_the_likeliest_latent_in_its_middle(tmp_path):
    with pytest.raises(BadInput, match="latent of 3 numbers"):
        trained(tmp_path).map(3)
    train(vaes(tmp_path, model={"latent": 2}), tmp_path / "plane")
    drawer = open_model(tmp_path / "plane")
    drawn = drawer.map(3)
    assert drawn.columns == 3 and torch.equal(drawn.pictures[4:5], drawer.decoded(torch.zeros(1, 2), None))
    right_up = torch.special.ndtri(torch.tensor([[5 / 6, 5 / 6]]))
    assert torch.equal(drawn.pictures[2:3], drawer.decoded(right_up, None))


def test_of_a_model_that_was_told_classes_one_can_be_asked_for_and_an_unknown_one_is_refused_with_those_that_there_are(tmp_path):
    drawer = trained(tmp_path, data={"labels": True}, optimizer={"rate": 0.02})
    z = drawer.noise(2, 0)
    assert torch.equal(drawer.draw(2, label="1").pictures, drawer.decoded(z, torch.tensor([1, 1])))
    assert drawer.draw(4).labels == ("0", "1", "2", "0")
    with pytest.raises(BadInput, match="'0', '1', '2'"):
        drawer.draw(1, label="7")
    seen = some(5)
    means, labels = drawer.encoded(seen)
    assert labels is not None and torch.equal(drawer.reconstruct(seen).pictures[5:], drawer.decoded(means, labels))


def test_the_verb_reads_files_of_any_size(tmp_path):
    trained(tmp_path)
    for number in range(2):
        Image.fromarray(np.kron(bars(count=2)[0][number], np.ones((3, 2), np.uint8))).save(tmp_path / f"{number}.png")
    files = [str(tmp_path / f"{number}.png") for number in range(2)]
    given = dict(n=1, label=None, seed=0, temperature=1.0, columns=4)
    assert len(draw(tmp_path / "run", "between", files, **given).pictures) == 4
    assert len(draw(tmp_path / "run", "reconstruct", files, **given).pictures) == 4
    assert len(draw(tmp_path / "run", "traverse", files[:1], **given).pictures) == 12


def test_pictures_of_another_size_or_kind_are_refused(tmp_path):
    drawer = trained(tmp_path)
    for pictures in (torch.zeros(1, 1, 5, 5, dtype=torch.uint8), torch.zeros(1, 1, 12, 12)):
        with pytest.raises(BadInput, match="this model reads"):
            drawer.reconstruct(pictures)


def test_evaluating_a_run_gives_the_score_of_its_training_and_other_pictures_theirs(tmp_path):
    run = workings.train(
        "vae",
        data=str(vaes(tmp_path) and tmp_path / "bars.npz"),
        steps=4,
        out=tmp_path / "run",
        set=["model.widths=[16]", "training.precision=float32"],
        quiet=True,
    )
    best = [row for row in rows(tmp_path / "run") if row["event"] == "validation" and row["best"]][-1]
    scores = run.evaluate(samples=5)
    assert scores["loss"] == pytest.approx(best["loss"], rel=1e-5) and scores["nll"] < scores["loss"]
    assert "nll" not in workings.evaluate(run.folder / "model", data=str(tmp_path / "bars.npz"))
    with pytest.raises(BadInput, match="at least 1"):
        run.evaluate(samples=0)
