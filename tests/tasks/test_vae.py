"""The VAE task learns, goes on to the same bits, measures what it says it measures, and refuses what cannot be."""

import math

import pytest
import torch

from tests.tasks.pictures import write_arrays
from tests.tasks.vaes import game, vaes
from tests.training.games import assert_same_bits, rows, signal_at, train
from workings.errors import BadInput
from workings.layers.pixel_values import pixel_values
from workings.layers.randomness import seed_draws
from workings.objectives.elbo import elbo, iwae
from workings.tasks.vae_scores import describe, estimated, in_pieces
from workings.tasks.vae_settings import read_settings, resolved
from workings.weights.folder import load_folder

GAUSSIAN = dict(likelihood="gaussian", variance="shared")
KINDS = {
    "coins": {},
    "told the classes": dict(data={"labels": True}),
    "importance-weighted": dict(objective={"samples": 2, "inner": 3}),
    "gaussian": dict(model=GAUSSIAN),
    "full, warm-up, free bits": dict(model={"posterior": "full"}, objective={"warmup": 5, "free_bits": 0.1, "samples": 2}),
    "convolutional": dict(model={"body": "convolutional", "widths": [3, 5], "hidden": 7}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_and_resumed_run_has_the_bits_of_one_that_never_stopped(kind, tmp_path):
    make = vaes(tmp_path, **KINDS[kind])
    assert train(make, tmp_path / "whole") == "done"
    assert train(make, tmp_path / "parts", signal_at(11)) == "interrupted"
    assert train(make, tmp_path / "parts") == "done"
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_in_pieces_has_the_gradient_of_the_whole(kind, tmp_path):
    """Every draw belongs to a row of the batch, not to a piece."""
    make = vaes(tmp_path, **KINDS[kind])
    for pieces in (1, 4):
        train(make, tmp_path / f"{pieces}", steps=3, pieces=pieces, evaluate_every=3)
    one, other = ([row["loss"] for row in rows(tmp_path / name) if row["event"] == "validation"] for name in ("1", "4"))
    assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("kind", ["coins", "gaussian"])
def test_bars_are_learned(kind, tmp_path):
    train(vaes(tmp_path, **KINDS[kind], optimizer={"rate": 0.01}), tmp_path / "run", steps=120, evaluate_every=40)
    losses = [row["loss"] for row in rows(tmp_path / "run") if row["event"] == "validation"]
    assert losses[-1] < losses[0] - 1.5


def test_the_loss_of_a_batch_is_minus_the_sum_of_its_bounds(tmp_path):
    task = game(tmp_path, objective={"samples": 2})
    batch = task.batch(3, 0, 0, 8)
    seed_draws(0, 3, 0, first_row=0)
    loss = task.loss("model", batch, 3)
    assert loss.count == 8 and loss.parts["reconstruction"] + loss.parts["divergence"] == pytest.approx(loss.total.item(), rel=1e-5)
    seed_draws(0, 3, 0, first_row=0)
    halves = [task.loss("model", {"pictures": batch["pictures"][:3]}, 3).total]
    seed_draws(0, 3, 0, first_row=3)
    halves.append(task.loss("model", {"pictures": batch["pictures"][3:]}, 3).total)
    torch.testing.assert_close(sum(halves), loss.total)


def test_the_weight_of_the_divergence_rises_over_the_warm_up(tmp_path):
    task = game(tmp_path, objective={"warmup": 4})
    assert [task.bound(step).keywords["weight"] for step in (0, 1, 3, 100)] == [0.25, 0.5, 1.0, 1.0]
    assert task.bound(0).func is elbo and game(tmp_path, objective={"inner": 2}).bound(0).func is iwae


def test_scores_are_means_over_all_pictures_and_the_same_every_time(tmp_path):
    task = game(tmp_path)
    one, other = task.evaluate(), task.evaluate()
    assert one == other
    ((x, noise, labels),) = in_pieces(task.model, task.held, task.held_targets, "fixed", 1, 500)
    assert labels is None and torch.equal(x, pixel_values(task.held.pixels(torch.arange(len(task.held))), "fixed"))
    bound = elbo(task.model, x, noise)
    assert one["loss"] == pytest.approx(-bound.value.mean().item(), rel=1e-5)
    assert one["bits_per_dimension"] == pytest.approx(one["loss"] / (144 * math.log(2)))


def test_pieces_of_an_evaluation_change_nothing(tmp_path):
    task = game(tmp_path)
    cut = [noise for _, noise, _ in in_pieces(task.model, task.held, task.held_targets, "fixed", 3, 5)]
    ((_, whole, _),) = in_pieces(task.model, task.held, task.held_targets, "fixed", 3, 500)
    assert torch.equal(torch.cat(cut), whole)


def test_the_test_part_gets_a_likelihood_that_is_above_the_bound(tmp_path):
    make = vaes(tmp_path, data={"test_source": str(write_arrays(tmp_path))}, objective={"importance": 50})
    train(make, tmp_path / "run", steps=30)
    scores = make({})[0].test(tmp_path / "run")
    assert scores["importance_samples"] == 50 and 0 < scores["nll"] < scores["loss"]
    assert scores["nll_bits_per_dimension"] < scores["bits_per_dimension"]


def test_bits_of_densities_count_the_levels_of_gray_and_gray_cross_entropies_have_none(tmp_path):
    scores = game(tmp_path, model=GAUSSIAN).evaluate()
    assert scores["bits_per_dimension"] == pytest.approx(scores["loss"] / (144 * math.log(2)) + 8)
    gray = game(tmp_path, objective={"binarization": "gray"})
    assert "bits_per_dimension" not in gray.evaluate()
    assert estimated(gray.model, gray.held, gray.held_targets, "gray", 3) == {}


def test_what_is_told_of_the_data_names_what_pixels_become(tmp_path):
    for how, words in (("fixed", "thrown once"), ("dynamic", "anew in each step"), ("gray", "no log-likelihoods")):
        assert words in game(tmp_path, objective={"binarization": how}).about()
    assert "densities" in game(tmp_path, model=GAUSSIAN).about()


@pytest.mark.parametrize("labels", [False, True])
def test_what_is_shown_is_drawn_from_the_same_latents_each_time(labels, tmp_path):
    task = game(tmp_path, data={"labels": labels})
    assert task.preview(0) == {}
    task.evaluate()
    one, other = task.preview(1), task.preview(2)
    assert set(one["files"]) == {"grid.png", "reconstruction.png", "interpolation.png", "latent.png"} and one == other
    assert len(one["divergences"]) == 3 and "of 3 latent dimensions" in one["text"]


def test_a_latent_of_two_is_mapped(tmp_path):
    task = game(tmp_path, model={"latent": 2})
    task.evaluate()
    shown = task.preview(1)
    assert "map.png" in shown["files"] and len(shown["points"]) == len(shown["point_labels"]) == len(task.held)


def test_a_saved_model_knows_its_classes_and_its_pixels(tmp_path):
    train(vaes(tmp_path, data={"labels": True}), tmp_path / "run", steps=3)
    saved = load_folder(tmp_path / "run")
    assert (saved.task, saved.facts["binarization"], saved.model.settings.class_names) == ("vae", "dynamic", ("0", "1", "2"))
    assert saved.model.settings.image_size == (12, 12)


def test_settings_are_read_back_as_they_are_written(tmp_path):
    settings = game(tmp_path, **KINDS["full, warm-up, free bits"]).settings
    assert read_settings(resolved(settings)) == settings


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"model": {"latent": 0}}, "at least one latent dimension"),
        ({"objective": {"inner": 2, "warmup": 3}}, "importance-weighted bound"),
        ({"objective": {"samples": 0}}, "objective.samples is 0"),
        ({"objective": {"binarization": "dequantized"}}, "coins show 0 or 1"),
        ({"objective": {"binarization": "fixed"}, "model": {"likelihood": "gaussian"}}, "no bounded density"),
        ({"objective": {"binarizaton": "fixed"}}, "Did you mean 'objective.binarization'"),
    ],
)
def test_what_cannot_be_is_refused(table, sentence):
    with pytest.raises(BadInput, match=sentence):
        read_settings(table)


def test_a_variance_that_collapses_is_stopped_and_explained(tmp_path):
    """Black borders that are always black: without noise, a pixel's own deviation falls to the floor."""
    task = game(tmp_path, model={"likelihood": "gaussian", "variance": "pixel"}, objective={"binarization": "gray"})
    with torch.no_grad():
        task.model.decoder.output.bias.chunk(2)[1][:20] = -40.0
    with pytest.raises(BadInput, match=r"collapsed: .* 14% of the pixels .* take objective.binarization='dequantized'"):
        task.evaluate()


def test_a_density_that_is_not_finite_is_stopped_and_explained(tmp_path):
    task = game(tmp_path)
    with torch.no_grad():
        task.model.mean.bias.fill_(math.inf)
    with pytest.raises(BadInput, match="no finite number; lower optimizer.rate"):
        describe(task.model, task.held, task.held_targets, "fixed")
