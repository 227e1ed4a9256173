"""Batches of like length: each example once an epoch, the same batches whoever asks and whenever."""

import torch

from workings.data.buckets import Buckets


def lengths(count: int) -> torch.Tensor:
    return torch.randint(1, 200, (count,), generator=torch.Generator().manual_seed(0))


def test_every_epoch_shows_each_example_at_most_once_and_leaves_out_less_than_a_batch():
    buckets = Buckets(lengths(1003), 10, seed=3)
    for epoch in range(3):
        seen = torch.cat([buckets.rows(step) for step in range(epoch * 100, (epoch + 1) * 100)])
        assert len(seen) == len(seen.unique()) == 1000


def test_what_a_step_sees_does_not_depend_on_what_was_asked_before():
    one, other = Buckets(lengths(500), 8, seed=1), Buckets(lengths(500), 8, seed=1)
    backwards = [other.rows(step) for step in reversed(range(200))][::-1]
    assert all(torch.equal(one.rows(step), rows) for step, rows in enumerate(backwards))


def test_seeds_and_epochs_differ():
    buckets = Buckets(lengths(512), 8, seed=1)
    assert not torch.equal(buckets.rows(0), Buckets(lengths(512), 8, seed=2).rows(0))
    assert not torch.equal(buckets.rows(0).sort().values, buckets.rows(64).sort().values)


def test_rows_of_a_batch_are_of_like_length():
    found = lengths(3200)
    buckets = Buckets(found, 16, seed=0)
    spread = torch.stack([found[buckets.rows(step)].float().std() for step in range(200)])
    assert spread.mean() < found.float().std() / 10


def test_the_order_of_batches_is_not_that_of_their_lengths():
    found = lengths(3200)
    buckets = Buckets(found, 16, seed=0)
    means = torch.stack([found[buckets.rows(step)].float().mean() for step in range(200)])
    assert 60 < int((means.diff() > 0).sum()) < 140


def test_fewer_examples_than_a_batch_are_seen_in_turn():
    buckets = Buckets(lengths(5), 8, seed=0)
    seen = torch.cat([buckets.rows(step) for step in range(5)])
    assert seen.bincount().tolist() == [8] * 5
