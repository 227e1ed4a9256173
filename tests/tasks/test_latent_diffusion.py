"""Diffusion in the latents of an autoencoder: what the network sees, that stopping costs nothing, and that its folder draws by itself."""

import math

import numpy as np
import pytest
import torch

import workings
from tests.tasks.pictures import write_arrays
from tests.tasks.test_diffusion import painters
from tests.tasks.vaes import vaes
from tests.training.games import assert_same_bits, signal_at, train
from tests.weights.test_autoencoder import halves
from workings.errors import BadInput
from workings.layers.randomness import seed_draws
from workings.models.autoencoder_settings import AutoencoderSettings
from workings.models.latents import Latents, cells
from workings.objectives.denoising import DenoisingLoss
from workings.settings import merge
from workings.tasks.diffusion_settings import read_settings
from workings.tasks.encoded import decibels
from workings.training.journal import read_metrics


def latent(folder, **changes):
    """A maker of small models that learn the latents, 5 x 3 x 3, of a random autoencoder of 12 x 12 pictures in color."""
    _, coder = halves(folder / "coder")
    if not (folder / "bars.npz").exists():
        write_arrays(folder, channels=3, count=60)
    return painters(folder, **merge({"data": {"latent": str(coder)}, "model": {"widths": [8], "attention": [0]}}, changes))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of a few steps, with classes and mirror images."""
    folder = tmp_path_factory.mktemp("latent")
    train(latent(folder, data={"labels": True, "flip": 0.5}), folder / "run")
    return folder


def test_what_is_learned_is_the_scaled_latents_and_mirror_images_have_their_own(tmp_path):
    task = latent(tmp_path, data={"flip": 0.5})({})[0]
    coder, (mean, deviation) = task.autoencoder, (task.model.latents.mean, task.model.latents.deviation)
    batch = task.batch(3, 0, 0, 48)["latents"]
    assert batch.shape == (48, 5, 3, 3)
    pictures = task.learned.pixels(task.order.indices(3 * 4, 48)).float() / 255
    with torch.no_grad():
        plain, flipped = ((coder.encode(x) - mean[:, None, None]) / deviation[:, None, None] for x in (pictures, pictures.flip(-1)))
    is_plain, is_flipped = (torch.isclose(batch, x, atol=1e-4).flatten(1).all(1) for x in (plain, flipped))
    assert bool((is_plain ^ is_flipped).all()) and 10 < int(is_plain.sum()) < 38
    whole = task.encoded.learned
    torch.testing.assert_close(whole.mean((0, 2, 3)), torch.zeros(5), rtol=0, atol=1e-4)
    torch.testing.assert_close(whole.std((0, 2, 3), correction=0), torch.ones(5), rtol=1e-4, atol=0)


def test_the_loss_is_that_of_the_latents_and_of_a_batch_in_pieces(tmp_path):
    task = latent(tmp_path)({})[0]

    def loss(first, count):
        seed_draws(0, 3, 0, first_row=first)
        return task.loss("model", task.batch(3, 0, first, count), 3)

    whole = loss(0, 4)
    assert whole.count == 4 * 5 * 3 * 3
    assert float(whole.total.detach()) == pytest.approx(float((loss(0, 1).total + loss(1, 3).total).detach()), rel=1e-5)
    seed_draws(0, 3, 0, first_row=0)
    torch.testing.assert_close(whole.total, DenoisingLoss(task.settings.diffusion)(task.model, task.encoded.learned[task.order.indices(12, 4)]))
    whole.total.backward()
    assert all(parameter.grad is None for parameter in task.model.latents.parameters())


def test_a_stopped_and_resumed_run_has_the_bits_of_one_that_never_stopped(tmp_path):
    make = latent(tmp_path, data={"labels": True, "flip": 0.5})
    assert train(make, tmp_path / "whole") == "done"
    assert train(make, tmp_path / "parts", signal_at(5)) == "interrupted"
    assert train(make, tmp_path / "parts") == "done"
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


def test_the_folder_of_a_run_draws_without_the_autoencoder_it_came_from(run):
    (run / "coder").rename(run / "elsewhere")
    try:
        drawer = workings.load(run / "run")
        drawn = drawer.draw(5, steps=3, seed=2)
    finally:
        (run / "elsewhere").rename(run / "coder")
    assert drawer.shape == (3, 12, 12) and drawer.latent_shape == (5, 3, 3) and drawn.pictures.shape == (5, 3, 12, 12)
    assert drawer.settings.diffusion.clip == 0 and drawn.labels == ("0", "1", "2", "0", "1")
    assert drawer.between(3, rows=2, steps=2).pictures.shape == (6, 3, 12, 12)
    few = drawer.draw(2, steps=3, seed=2).pictures
    assert (few.int() - drawn.pictures[:2].int()).abs().max() <= 1


def test_its_way_from_noise_is_shown_in_pixels_and_ends_in_the_drawing(run):
    drawer = workings.load(run / "run")
    way = drawer.draw(2, steps=9, trajectory=True)
    assert way.pictures.shape == (16, 3, 12, 12) and torch.equal(way.pictures[7::8], drawer.draw(2, steps=9).pictures)


def test_what_stays_of_a_picture_stays_and_no_strength_gives_it_back_as_the_autoencoder_does(run):
    drawer = workings.load(run / "run")
    begin = torch.from_numpy(np.load(run / "bars.npz")["images"][:1]).permute(0, 3, 1, 2).contiguous()
    mask = torch.zeros(12, 12, dtype=torch.bool)
    mask[:, :7] = True
    painted = drawer.draw(2, begin=begin, mask=mask, steps=3).pictures
    assert torch.equal(painted[..., :7], begin[..., :7].expand(2, -1, -1, -1)) and not torch.equal(painted[..., 7:], begin[..., 7:].expand(2, -1, -1, -1))
    same = drawer.draw(1, begin=begin, strength=0.0, steps=5).pictures
    with torch.no_grad():
        made = drawer.model.latents.autoencoder(begin.float() / 255)
    assert (same.float() - 255 * made).abs().max() < 2
    with pytest.raises(BadInput, match="The mask is 3 x 3, but drawings are 12 x 12"):
        drawer.draw(1, begin=begin, mask=torch.zeros(3, 3, dtype=torch.bool))


def test_a_place_of_the_map_stays_where_all_of_its_pixels_do():
    mask = torch.zeros(6, 9, dtype=torch.bool)
    mask[:3, :6] = mask[3:, 3:8] = True
    assert cells(mask, 3).tolist() == [[True, True, False], [False, True, False]]


def test_encoding_and_decoding_undo_the_scale():
    torch.manual_seed(0)
    latents = Latents(AutoencoderSettings(latent=5, width=8, halvings=1, depth=1))
    raw = 3 * torch.randn(7, 5, 2, 4) + torch.arange(5.0)[:, None, None]
    raw[:, 2] = 0.25  # a channel that says nothing
    latents.measure(raw)
    assert float(latents.deviation[2]) == 1 and float(latents.scaled(raw)[:, 2].abs().max()) == 0
    torch.testing.assert_close(latents.decode(latents.scaled(raw)), 2 * latents.autoencoder.decode(raw) - 1, rtol=0, atol=1e-5)


def test_the_record_says_what_the_latents_are_and_shows_what_they_keep(run):
    assert "learned as 5 x 3 x 3 latents of" in latent(run)({})[0].about()
    (*_, sample) = (row for row in read_metrics(run / "run" / "metrics.jsonl") if row["event"] == "sample")
    assert set(sample["files"]) == {"grid.png", "trajectory.png", "guidance.png", "reconstruction.png"}
    assert decibels(torch.full((3, 1, 2, 2), 102, dtype=torch.uint8), torch.full((3, 1, 2, 2), 51, dtype=torch.uint8)) == pytest.approx(20 * math.log10(5))


def test_gray_pictures_are_read_in_the_colors_that_the_autoencoder_knows(tmp_path):
    write_arrays(tmp_path, count=30)
    task = latent(tmp_path)({})[0]
    assert task.shape == (3, 12, 12) and task.settings.data.channels == 3
    with pytest.raises(BadInput, match="knows pictures of 3 channels, but those of the data have 1"):
        latent(tmp_path, data={"channels": 1})({})


def test_estimates_of_latents_are_not_cut_unless_it_is_asked_for():
    assert read_settings({"data": {"latent": "x"}}).diffusion.clip == 0
    assert read_settings({"data": {"latent": "x"}, "diffusion": {"clip": 4.0}}).diffusion.clip == 4
    assert read_settings({"data": {}}).diffusion.clip == 1


REFUSED = {
    "size": ({"data": {"size": [13, 18]}}, r"13 x 18, which the autoencoder cannot halve 2 times; set data.size to multiples of 4, such as \[12, 16\]"),
    "levels": ({"model": {"widths": [8, 16]}}, "Latents of 3 x 3 cannot be halved 1 times; set data.size to a multiple of 8"),
    "nothing": ({"data": {"latent": "nowhere"}}, "no folder nowhere"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_learned_is_refused(what, tmp_path):
    changes, said = REFUSED[what]
    with pytest.raises(BadInput, match=said):
        latent(tmp_path, **changes)({})


def test_another_kind_of_model_is_refused_and_a_vae_by_what_its_latent_is(tmp_path, run):
    write_arrays(tmp_path, channels=3, count=60)
    train(lambda more: vaes(tmp_path)(merge({"training": {"steps": 1, "evaluate_every": 1}}, more)), tmp_path / "vae")
    with pytest.raises(BadInput, match="one vector for a whole picture"):
        latent(tmp_path, data={"latent": str(tmp_path / "vae")})({})
    with pytest.raises(BadInput, match="for the task 'diffusion'; data.latent takes an autoencoder"):
        latent(tmp_path, data={"latent": str(run / "run")})({})


def test_another_autoencoder_is_not_the_same_data(tmp_path):
    one = latent(tmp_path)({})[0].fingerprint
    _, other = halves(tmp_path / "other", latent=5, smallest="plain")
    assert latent(tmp_path, data={"latent": str(other)})({})[0].fingerprint != one == latent(tmp_path)({})[0].fingerprint
