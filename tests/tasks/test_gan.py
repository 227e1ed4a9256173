"""The game of two players over pictures: its turns, what each is charged, growth, and that stopping costs nothing."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

import workings
from tests.tasks.gans import game, players
from tests.tasks.pictures import classifiers, write_arrays
from tests.training.games import assert_same_bits, in_child, rows, signal_at, tensors, train
from tests.training.test_resume import kill_in_piece, killed
from workings.errors import BadInput
from workings.models.growth import Growth
from workings.objectives.adversarial import DISCRIMINATOR, GENERATOR, drift, gradient_penalty
from workings.tasks.gan import as_numbers
from workings.tasks.gan_drawer import painted
from workings.tasks.gan_health import complaint, complaints, distance_apart, told_apart
from workings.tasks.gan_settings import GameSettings, read_settings, resolved
from workings.training.player import Player

GROWING = {"model": {"architecture": "progressive-gan", "group": 2, "stable": 40, "fade": 48}, "training": {"batch": 8}}
PENALIZED = {"model": {"norm": "none"}, "game": {"loss": "wasserstein", "penalty": "gradient", "turns": 2, "drift": 0.01}}


def turn(task, name: str, place: int, step: int = 3, first: int = 0, count: int = 8):
    return task.loss(name, task.batch(step, place, first, count), step)


def test_the_first_losses_of_players_that_know_nothing_are_log_2_and_twice_that(tmp_path):
    task = game(tmp_path)
    for name, place, expected in (("generator", 0, math.log(2)), ("discriminator", 1, 2 * math.log(2))):
        loss = turn(task, name, place, 0)
        assert float(loss.total.detach()) / loss.count == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("loss", ["non-saturating", "hinge"])
def test_both_players_are_charged_what_the_objectives_say(loss, tmp_path):
    task = game(tmp_path, game={"loss": loss}, data={"labels": True})
    batch = task.batch(3, 0, 0, 8)
    generator, discriminator = task.players.values()
    drawn, real = generator(batch["latents"], batch["labels"]), as_numbers(batch["pictures"])
    scores = [discriminator(x, batch["labels"]) for x in (drawn, real)]
    torch.testing.assert_close(turn(task, "generator", 0).total, GENERATOR[loss](scores[0]))
    found = turn(task, "discriminator", 1)
    torch.testing.assert_close(found.total, DISCRIMINATOR[loss](scores[1], scores[0]))
    assert found.parts == {"real": pytest.approx(float(scores[1].detach().sum()), rel=1e-5), "drawn": pytest.approx(float(scores[0].detach().sum()), rel=1e-5)}


def test_the_penalty_and_the_drift_are_charged_beside_it(tmp_path):
    task = game(tmp_path, **PENALIZED)
    batch = task.batch(3, 2, 0, 8)
    generator, discriminator = task.players.values()
    drawn, real = generator(batch["latents"]).detach(), as_numbers(batch["pictures"])
    penalty = gradient_penalty(discriminator, real, drawn, batch["epsilon"])
    expected = DISCRIMINATOR["wasserstein"](discriminator(real), discriminator(drawn)) + 10 * penalty + 0.01 * drift(discriminator(real))
    found = turn(task, "discriminator", 2)
    torch.testing.assert_close(found.total, expected)
    assert found.parts["penalty"] == pytest.approx(float(penalty.detach()), rel=1e-5)


def test_the_discriminators_first_turn_judges_the_drawings_of_the_generators_and_no_gradient_reaches_the_generator(tmp_path):
    task = game(tmp_path, game={"turns": 2})
    drawn = []
    task.players["generator"].register_forward_hook(lambda module, given, x: drawn.append(x))
    turn(task, "generator", 0)
    turn(task, "discriminator", 1).total.backward()
    assert len(drawn) == 1 and not task.drawn
    turn(task, "discriminator", 2).total.backward()
    assert len(drawn) == 2 and not torch.equal(drawn[0], drawn[1]) and not drawn[1].requires_grad
    assert all(parameter.grad is None for parameter in task.players["generator"].parameters())
    assert task.turns(0) == ("generator", "discriminator", "discriminator") and task.units_per_step == 16


def test_turns_see_pictures_of_their_own_and_the_generators_shares_those_of_the_first(tmp_path):
    task = game(tmp_path, game={"turns": 2})
    none, one, two = (task.batch(5, place, 0, 8) for place in range(3))
    assert all(torch.equal(none[key], one[key]) for key in none)
    assert not torch.equal(one["latents"], two["latents"]) and not torch.equal(one["pictures"], two["pictures"])


@pytest.mark.parametrize("changes", [{}, PENALIZED, {"game": {"augment": ["color", "cutout"]}, "data": {"labels": True}}])
def test_a_batch_is_the_same_however_it_is_cut(changes, tmp_path):
    task = game(tmp_path, **changes)
    whole = task.batch(5, 1, 0, 8)
    parts = [task.batch(5, 1, first, 2) for first in (0, 2, 4, 6)]
    assert all(torch.equal(torch.cat([part[key] for part in parts]), whole[key]) for key in whole)
    assert not torch.equal(task.batch(6, 1, 0, 8)["latents"], whole["latents"])


def test_players_grow_by_pictures_seen_and_real_pictures_are_shown_as_small(tmp_path):
    task = game(tmp_path, **GROWING)  # 8 pictures a step: grows at 40 and 128, is grown at 176
    assert [task.growth_at(step) for step in (0, 4, 5, 8, 11, 16, 22)] == [
        Growth(0, 1.0),
        Growth(0, 1.0),
        Growth(1, 0.0),
        Growth(1, 0.5),
        Growth(1, 1.0),
        Growth(2, 0.0),
        Growth(2, 1.0),
    ]
    shown = []
    task.players["discriminator"].register_forward_pre_hook(lambda module, given: shown.append(given[0].detach()))
    for step, side in ((0, 4), (8, 8), (30, 16)):
        shown.clear()
        turn(task, "discriminator", 1, step)
        assert {tuple(x.shape) for x in shown} == {(8, 1, side, side)}
        assert all(int(player.seen) == 8 * step for player in task.players.values())
    torch.testing.assert_close(shown[0], as_numbers(task.batch(30, 1, 0, 8)["pictures"]))


def test_what_is_remembered_of_gradients_is_forgotten_when_the_players_grow_and_only_then(tmp_path):
    task = game(tmp_path, **GROWING)
    assert [step for step in range(40) if task.begins_anew(step)] == [5, 16] and task.begins_anew(5) == ("generator", "discriminator")
    assert not any(game(tmp_path).begins_anew(step) for step in range(40))


def test_a_player_that_begins_anew_takes_the_step_of_one_whose_optimizer_is_new(tmp_path):
    from workings.training.distribution import Ranks

    steps = []
    for old in (True, False):
        task = game(tmp_path, **GROWING)
        player = Player(task.players["discriminator"], task.optimizer("discriminator"), Ranks(torch.device("cpu"), "replicated"))
        if old:
            kept = {name: parameter.detach().clone() for name, parameter in player.module.named_parameters()}
            turn(task, "discriminator", 1, 0).total.backward()
            player.step(8, 1.0, 0.5)
            player.module.load_state_dict(kept, strict=False)
            player.forget()
        turn(task, "discriminator", 1, 1).total.backward()
        player.step(8, 1.0, 0.5)
        steps.append(player.state())
    assert steps[0].keys() == steps[1].keys() and all(torch.equal(steps[0][name], steps[1][name]) for name in steps[0])


def test_only_the_generator_has_an_average_and_the_discriminator_its_own_rate(tmp_path):
    task = game(tmp_path, game={"rate": 4.0})
    g, d = (task.optimizer(name) for name in task.players)
    assert (g.average, d.average) == (0.999, 0.0) and d.rate == 4 * g.rate == pytest.approx(8e-4)


STOPPED = {
    "deep convolutional": {},
    "told classes by projection, hinge, spectral, augmented": {
        "data": {"labels": True, "flip": 0.5},
        "model": {"norm": "spectral"},
        "game": {"loss": "hinge", "penalty": "r1", "augment": ["color", "translation", "cutout"]},
    },
    "critic with two turns": PENALIZED | {"optimizer": {"average": 0.9}},
    "growing": GROWING | {"data": {"labels": True}, "game": {"turns": 2}},
}


@pytest.mark.parametrize("what", STOPPED)
def test_a_stopped_and_resumed_run_has_the_bits_of_one_that_never_stopped(what, tmp_path):
    make = players(tmp_path, **STOPPED[what])
    assert train(make, tmp_path / "whole") == "done"
    assert train(make, tmp_path / "parts", signal_at(11)) == "interrupted"
    assert train(make, tmp_path / "parts") == "done"
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


def test_a_run_killed_inside_a_fade_and_in_the_midst_of_a_step_goes_on_to_the_same_bits(tmp_path):
    make = players(tmp_path, **GROWING)
    train(make, tmp_path / "whole", pieces=2)
    for piece in (29, 31, 40):  # four pieces a step: in the generator's and the discriminator's turn of step 7, in the first fade, and in that of step 10
        folder = tmp_path / str(piece)
        assert killed(in_child(lambda folder=folder, piece=piece: train(make, folder, lambda task: kill_in_piece(task, piece), pieces=2)))
        assert train(make, folder, pieces=2) == "done"
        assert_same_bits(tmp_path / "whole", folder)
    task, _, _ = make({})
    assert 0 < task.growth_at(7).alpha < 1 and 0 < task.growth_at(10).alpha < 1


def test_what_grows_is_saved_with_how_far_it_has_grown_and_draws_pictures_of_the_last_size(tmp_path):
    make = players(tmp_path, **GROWING)
    train(make, tmp_path / "run", steps=9)
    drawer = workings.load(tmp_path / "run")
    assert int(drawer.model.seen) == 64 and drawer.model.growth == Growth(1, 0.5)
    drawn = drawer.draw(3).pictures
    assert drawn.shape == (3, 1, 16, 16) and drawn.dtype == torch.uint8
    assert torch.equal(drawn[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3), drawn)


def test_the_newest_weights_are_kept_those_of_the_generators_average(tmp_path):
    make = players(tmp_path, optimizer={"average": 0.5})
    train(make, tmp_path / "run")
    saved = workings.load(tmp_path / "run").model.state_dict()
    kept = {name.removeprefix("generator/average/"): tensor for name, tensor in tensors(tmp_path / "run").items() if name.startswith("generator/average/")}
    assert kept and all(torch.equal(saved[name], tensor) for name, tensor in kept.items())
    validations = [row for row in rows(tmp_path / "run") if row["event"] == "validation"]
    assert all(row["best"] for row in validations) and len(validations) == 3


def test_scores_of_both_players_and_two_sheets_are_left_by_every_evaluation(tmp_path):
    make = players(tmp_path, data={"labels": True})
    train(make, tmp_path / "run")
    found = rows(tmp_path / "run")
    validation = [row for row in found if row["event"] == "validation"][-1]
    assert {"real", "drawn", "told_apart", "diversity"} <= validation.keys() and 0 <= validation["told_apart"] <= 1 and validation["diversity"] > 0
    training = [row for row in found if row["event"] == "train"][-1]
    assert {"generator/loss", "discriminator/loss", "discriminator/real", "discriminator/drawn"} <= training.keys()
    samples = [row for row in found if row["event"] == "sample"]
    assert "told from real ones" in samples[-1]["text"] and {"grid.png", "interpolation.png"} == samples[-1]["files"].keys()
    sizes = {name: Image.open(tmp_path / "run" / samples[-1]["files"][name]).size for name in samples[-1]["files"]}
    assert sizes == {"grid.png": (6 * 16, 8 * 16), "interpolation.png": (8 * 16, 8 * 16)}


def test_the_ends_of_the_ways_are_drawings_and_the_sheets_come_from_the_same_latents(tmp_path):
    task = game(tmp_path)
    task.evaluate()
    assert task.preview(3)["files"] == task.preview(9)["files"]
    assert torch.equal(task.noise(9)[0][:5], task.noise(5)[0])


def test_a_label_is_asked_for_by_name_and_an_unknown_one_is_refused_with_the_classes(tmp_path):
    train(players(tmp_path, data={"labels": True}), tmp_path / "run")
    drawn = workings.draw(tmp_path / "run", 2, label="1", seed=3)
    assert drawn.labels == ("1", "1")
    with pytest.raises(BadInput, match="no class '7'; there are '0', '1', '2'"):
        workings.draw(tmp_path / "run", 2, label="7")


@pytest.mark.parametrize("conditioning", ["plane", "projection"])
def test_each_class_is_learned_to_be_drawn_as_bright_as_it_is(conditioning, tmp_path):
    levels, draw = np.array([50, 125, 200]), np.random.default_rng(0)
    labels = np.arange(300) % 3
    pictures = (levels[labels][:, None, None] + draw.normal(0, 12, (300, 8, 8))).clip(0, 255).astype(np.uint8)
    np.savez(tmp_path / "bars.npz", images=pictures, labels=labels)
    model = {"width": 8, "latent": 7, "conditioning": conditioning}
    make = players(tmp_path, data={"labels": True}, model=model, optimizer={"rate": 1e-3, "average": 0.95}, training={"batch": 32, "evaluate_every": 200})
    train(make, tmp_path / "run", steps=200)
    drawer = workings.load(tmp_path / "run")
    for name, level in zip("012", levels.tolist(), strict=True):
        assert float(drawer.draw(64, label=name).pictures.float().mean()) == pytest.approx(level, abs=30)


def test_pictures_are_as_far_apart_as_they_are():
    black, white = torch.zeros(3, 1, 5, 7, dtype=torch.uint8), torch.full((2, 1, 5, 7), 255, dtype=torch.uint8)
    assert distance_apart(black) == 0 == distance_apart(black[:1])
    assert distance_apart(torch.cat([black, white])) == pytest.approx(12 / 20)  # pairs of a black and a white one
    assert distance_apart(torch.cat([black, white]), torch.tensor([0, 0, 0, 1, 1])) == 0


def test_how_often_a_real_picture_scores_above_a_drawn_one():
    assert told_apart(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])) == 1
    assert told_apart(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])) == 0
    assert told_apart(torch.tensor([1.0, 1.0]), torch.tensor([1.0])) == 0.5 == told_apart(torch.tensor([0.0, 2.0]), torch.tensor([1.0]))


def test_a_collapse_is_said_once_and_only_when_it_lasts(tmp_path, capsys):
    assert complaint({"diversity": 0.9, "told_apart": 0.8}) == ""
    assert "collapsing" in complaint({"diversity": 0.2, "told_apart": 0.8}) and "may have won" in complaint({"diversity": 0.9, "told_apart": 1.0})
    task = game(tmp_path)
    said = []
    for diversity in (0.1, 0.9, 0.1, 0.1, 0.1):
        task.scores = {"diversity": diversity, "told_apart": 0.7}
        task.complain()
        said.append(capsys.readouterr().err.count("collapsing"))
    assert said == [0, 0, 0, 1, 0]


def test_what_lasted_is_told_with_its_steps():
    rows = [{"step": 10 * i, "diversity": diversity, "told_apart": 0.7} for i, diversity in enumerate((0.9, 0.1, 0.9, 0.2, 0.1, 0.3, 0.9, 0.1, 0.1))]
    found = complaints(rows)
    assert [line.partition(": ")[0] for line in found] == ["From step 30 to 50", "From step 70 to 80"] and "only 0.30 times" in found[0]
    assert complaints([]) == [] == complaints(rows[:2]) and complaints([{"step": 3}]) == []


def test_a_judge_says_whether_drawings_are_what_they_should_be(tmp_path):
    write_arrays(tmp_path, side=16)
    judge = tmp_path / "judge"
    train(classifiers(tmp_path), judge)
    make = players(tmp_path, data={"labels": True}, scores={"judge": str(judge), "drawings": 12})
    train(make, tmp_path / "run")
    validation = [row for row in rows(tmp_path / "run") if row["event"] == "validation"][-1]
    assert {"frechet", "kernel", "precision", "recall", "label_accuracy", "frechet_floor"} <= validation.keys()
    assert "are what they should be" in [row for row in rows(tmp_path / "run") if row["event"] == "sample"][-1]["text"]
    assert any("features of" in fact for fact in make({})[0].data_facts())


def test_drawings_of_any_size_of_numbers_are_pixels():
    class Levels(torch.nn.Module):
        settings = type("Settings", (), {"image_size": (4, 4)})

        def forward(self, z, labels):
            return z.view(-1, 1, 1, 1).expand(-1, 1, 2, 2)

    found = painted(Levels(), torch.tensor([-3.0, -1.0, 0.0, 1.0, 7.0]), None)
    assert found.shape == (5, 1, 4, 4) and found[:, 0, 0, 0].tolist() == [0, 0, 128, 255, 255]


def test_settings_are_read_back_as_they_were_written(tmp_path):
    for changes in ({}, GROWING, {"data": {"labels": True}, "game": {"augment": ["color"]}}):
        task = game(tmp_path, **changes)
        table = resolved(task.settings)
        again = read_settings(table)
        assert resolved(type(task)(again).settings) == table


def test_growing_players_have_the_papers_rules_unless_others_are_asked_for():
    s = read_settings({"model": {"preset": "progressive-gan"}})
    assert (s.game.loss, s.game.penalty, s.game.drift, s.optimizer.beta1, s.optimizer.rate) == ("wasserstein", "gradient", 0.001, 0.0, 1e-3)
    assert read_settings({}).game == GameSettings() and read_settings({}).optimizer.rate == 2e-4


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": {"architecture": "dcgn"}}, "no pair of players 'dcgn'. Did you mean 'dcgan'"),
        ({"model": {"latent": 0}}, "model.latent is 0"),
        ({"model": {"wdith": 3}}, "no setting 'model.wdith'"),
        ({"model": {"image_size": [64, 64]}}, "model.image_size is .*64.* that of the pictures of the data is .*16.*--size"),
        ({"model": {"classes": 3}}, "model.classes is 3"),
        ({"data": {"size": [30]}}, "30 x 30.*a power of two"),
        ({"game": {"penalty": "r1"}}, "with model.norm='batch' a score depends on the whole batch"),
        ({"game": {"loss": "wasserstein"}}, "nothing bounds it"),
        ({"game": {"augment": ["colr"]}}, "augment names"),
        ({"game": {"turns": 0}}, "game.turns is 0"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(changes, sentence, tmp_path):
    with pytest.raises(BadInput, match=sentence):
        game(tmp_path, **changes)
