"""Draws are a pure function of (seed, step, place, row)."""

import pytest
import torch

from workings.data.draws import Draws, Seen
from workings.errors import BadInput


def test_a_row_has_the_same_numbers_in_every_cut_of_the_batch():
    whole = Draws(3, 5, 10).at(1).uniform(4)
    pieces = [Draws(3, 5, count, first=first).at(1).uniform(4) for first, count in ((0, 3), (3, 6), (9, 1))]
    assert torch.equal(whole, torch.cat(pieces))
    rows = torch.tensor([7, 0, 7])
    assert torch.equal(Draws(3, 5, 2).at(1).of(rows).uniform(4), whole[rows])


def test_seed_step_place_row_and_column_each_make_a_difference():
    one = Draws(3, 5, 2).at(1).uniform(2)
    others = [Draws(4, 5, 2).at(1), Draws(3, 6, 2).at(1), Draws(3, 5, 2).at(0), Draws(3, 5, 2).at(1).at(0), Draws(3, 5, 2), Draws(5, 3, 2).at(1)]
    numbers = torch.cat([one.flatten(), *(draws.uniform(2).flatten() for draws in others)])
    assert len(numbers.unique()) == len(numbers)
    assert torch.equal(Draws(3, 5, 2).at(1).uniform(2), one)


def test_numbers_are_uniform_and_rows_and_columns_know_nothing_of_each_other():
    u = Draws(0, 0, 20_000).uniform(2)
    assert u.min() >= 0 and u.max() < 1
    ordered = u.flatten().sort().values
    assert (ordered - (torch.arange(len(ordered)) + 0.5) / len(ordered)).abs().max() < 1.63 / len(ordered) ** 0.5  # Kolmogorov-Smirnov, 1 %
    pairs = torch.stack([u[:, 0], u[:, 1], u[:, 0].roll(1)])
    assert (torch.corrcoef(pairs) - torch.eye(3)).abs().max() < 0.03


def test_steps_know_nothing_of_each_other():
    u = torch.stack([Draws(0, step, 50).uniform()[:, 0] for step in range(400)])
    assert (torch.corrcoef(torch.stack([u[:-1].flatten(), u[1:].flatten()]))[0, 1]).abs() < 0.03 and abs(u.mean() - 0.5) < 0.01


def test_whole_numbers_reach_both_ends_equally_often():
    counts = (Draws(0, 0, 9000).integers(-1, 1)[:, 0] + 1).bincount()
    assert len(counts) == 3 and (counts - 3000).abs().max() < 200


def test_a_permutation_is_that_of_the_whole_batch_whichever_rows_are_at_hand():
    whole = Draws(1, 2, 7).permutation(7)
    assert torch.equal(whole.sort().values, torch.arange(7))
    assert torch.equal(whole, Draws(1, 2, 2, first=4).permutation(7))
    assert not torch.equal(whole, Draws(1, 3, 7).permutation(7))


def test_an_example_has_the_same_numbers_in_every_step_and_row_and_others_than_the_row():
    examples = torch.tensor([4, 9, 2])
    seen, later = Seen(examples, torch.zeros(3).long()), Seen(examples.flip(0), torch.ones(3).long())
    first, epochs = Draws(3, 5, 3, seen=seen).at(1).of_examples()
    again, later_epochs = Draws(3, 8, 3, seen=later).at(1).of_examples()
    assert torch.equal(first.uniform(), again.uniform().flip(0)) and epochs.tolist() == [0] * 3 and later_epochs.tolist() == [1] * 3
    part, _ = Draws(3, 5, 2, first=1, seen=seen).at(1).of_examples()
    assert torch.equal(part.uniform(), first.uniform()[1:])
    rows = Draws(3, 0, 10).at(1).uniform()
    assert not set(rows[:, 0].tolist()) & set(first.uniform()[:, 0].tolist())
    assert not torch.equal(Draws(4, 5, 3, seen=seen).at(1).of_examples()[0].uniform(), first.uniform())


def test_without_knowing_what_is_seen_an_example_cannot_be_followed():
    with pytest.raises(BadInput, match="give Draws its `seen`"):
        Draws(0, 0, 2).at(0).of_examples()
