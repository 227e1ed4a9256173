"""A batch cut into pieces is the same batch: gradients, losses and draws do not depend on the cut."""

import pytest
import torch

from tests.training.games import Ragged, language, points, rows, train
from workings.layers.randomness import seed_draws
from workings.training.fit import Loop
from workings.training.progress import Progress
from workings.training.run import Run

DROPPING = {"dropout": 0.2, "stochastic_depth": 0.3}


def gradient(make, folder, pieces: int) -> tuple[float, float, torch.Tensor]:
    """The mean loss of one batch, how many tokens it has, and the gradient of the mean, flat."""
    game, settings, config = make({"training": {"pieces": pieces, "batch": 8}})
    loop = Loop(game, settings, Run(folder), Progress(quiet=True), config)
    count, totals = loop.gradient(0, "model", step=3)
    return totals["loss"] / count, count, torch.cat([p.grad.flatten() for p in loop.players["model"].parameters]) / count


@pytest.mark.parametrize("drops", [{}, DROPPING], ids=["plain", "dropping"])
def test_one_piece_of_eight_rows_is_two_of_four_is_four_of_two_with_unequal_token_counts(drops, tmp_path):
    make = language(tmp_path, kind=Ragged, model=drops)
    loss, count, whole = gradient(make, tmp_path, 1)
    game, _, _ = make({"training": {"batch": 8}})
    assert len({int((game.batch(3, 0, first, 2)["targets"] >= 0).sum()) for first in (0, 2, 4, 6)}) > 1
    for pieces in (2, 4, 8, 3):
        cut_loss, cut_count, cut = gradient(make, tmp_path, pieces)
        assert cut_count == count < 8 * 12
        assert cut_loss == pytest.approx(loss, abs=1e-6)
        assert (cut - whole).norm() < 1e-6 * max(1.0, float(whole.norm()))


def test_training_in_pieces_has_the_losses_of_training_whole(tmp_path):
    make = language(tmp_path, kind=Ragged, model=DROPPING)
    losses = []
    for pieces in (1, 2, 4):
        train(make, tmp_path / str(pieces), steps=6, batch=8, pieces=pieces, log_every=1)
        losses.append([row["loss"] for row in rows(tmp_path / str(pieces)) if "loss" in row])
    assert losses[1] == pytest.approx(losses[0], abs=1e-5) and losses[2] == pytest.approx(losses[0], abs=1e-5)


def test_the_mean_weighs_tokens_and_not_pieces(tmp_path):
    """The recorded loss is the sum over all tokens divided by their number, in closed form."""
    game, settings, config = language(tmp_path, kind=Ragged)({"training": {"pieces": 4, "batch": 8}})
    loop = Loop(game, settings, Run(tmp_path), Progress(quiet=True), config)
    batch = game.batch(0, 0, 0, 8)
    with torch.no_grad():
        terms = torch.nn.functional.cross_entropy(game.players["model"](batch["tokens"]).transpose(1, 2), batch["targets"], reduction="none")
    count, totals = loop.gradient(0, "model", 0)
    assert totals["loss"] / count == pytest.approx(float(terms.sum() / (batch["targets"] >= 0).sum()), abs=1e-6)


def test_a_batch_in_which_nothing_counts_changes_no_gradient(tmp_path):
    class Silent(Ragged):
        def batch(self, step, turn, first, count):
            batch = super().batch(step, turn, first, count)
            batch["targets"] = torch.full_like(batch["targets"], -100)
            return batch

    make = language(tmp_path, kind=Silent, optimizer={"weight_decay": 0.0})
    game, _, _ = make({})
    before = {name: tensor.clone() for name, tensor in game.players["model"].state_dict().items()}
    train(lambda changes: (game, *make(changes)[1:]), tmp_path / "run", steps=2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in game.players["model"].state_dict().items())


def test_two_turns_of_one_player_in_a_step_see_different_data_and_draw_differently(tmp_path):
    game, settings, config = points({"training": {"steps": 2, "pieces": 1}})
    Loop(game, settings, Run(tmp_path), Progress(quiet=True), config).fit()
    turns = [(player, key, noise) for player, step, key, noise in game.seen if step == 1]
    assert [player for player, _, _ in turns] == ["discriminator", "discriminator", "generator"]
    assert len({key for _, key, _ in turns}) == 3
    assert not torch.equal(turns[0][2], turns[1][2])


def test_a_player_learns_only_in_its_own_turn_and_never_its_frozen_part(tmp_path):
    game, settings, config = points({})
    frozen = game.players["discriminator"].features.weight.clone()
    loop = Loop(game, settings, Run(tmp_path), Progress(quiet=True), config)
    loop.gradient(0, "discriminator", 0)
    assert all(p.grad is None for p in game.players["generator"].parameters())
    assert all(p.grad is not None for p in game.players["discriminator"].layers.parameters())
    loop.players["discriminator"].clear()
    loop.gradient(2, "generator", 0)
    assert all(p.grad is None for p in game.players["discriminator"].parameters())
    train(points, tmp_path / "run", lambda new: setattr(game, "trained", new), steps=3)
    assert torch.equal(game.trained.players["discriminator"].features.weight, frozen)


def test_the_other_players_are_in_training_mode_whenever_the_last_evaluation_was(tmp_path):
    game, settings, config = points({})
    loop = Loop(game, settings, Run(tmp_path), Progress(quiet=True), config)
    for player in game.players.values():
        player.eval()
    loop.gradient(0, "discriminator", 0)
    assert all(player.training for player in game.players.values())


def test_recorded_parts_are_means_over_the_terms(tmp_path):
    train(points, tmp_path / "run", pieces=2)
    for row in rows(tmp_path / "run"):
        if row["event"] == "train":
            assert 0 <= row["discriminator/right"] <= 1 and row["generator/loss"] > 0
            assert {"generator/learning_rate", "discriminator/gradient_norm"} <= row.keys()


def test_the_game_is_won_a_little_by_both(tmp_path):
    """The generator's points come nearer to the circle than those of its first weights."""
    train(points, tmp_path / "run", steps=150, batch=64, evaluate_every=50)
    scores = [row["loss"] for row in rows(tmp_path / "run") if row["event"] == "validation"]
    assert scores[-1] < 0.9


def test_torch_draws_follow_the_seed_the_step_and_the_turn():
    def draw(*numbers: int, first_row: int = 0) -> float:
        seed_draws(*numbers, first_row=first_row)
        return float(torch.rand(()))

    assert draw(1, 2, 0) == draw(1, 2, 0)
    assert len({draw(1, 2, 0), draw(1, 2, 1), draw(1, 3, 0), draw(2, 2, 0), draw(1, 2, 0, first_row=4)}) == 5
