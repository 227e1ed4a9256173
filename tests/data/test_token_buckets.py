"""Batches of so many tokens: every example once an epoch, none too large, the same batches whoever asks and whenever."""

import numpy as np
import torch

from workings.data.token_buckets import TokenBuckets


def lengths(count: int) -> torch.Tensor:
    return torch.randint(1, 40, (count, 2), generator=torch.Generator().manual_seed(0))


def test_every_epoch_shows_every_example_once():
    buckets = TokenBuckets(lengths(1003), 300, 50, seed=3)
    for epoch in range(3):
        seen = torch.cat([buckets.rows(step) for step in range(epoch * buckets.steps, (epoch + 1) * buckets.steps)])
        assert torch.equal(seen.sort().values, torch.arange(1003))


def test_no_batch_has_more_tokens_or_examples_than_allowed_padding_counted():
    found = lengths(1003)
    buckets = TokenBuckets(found, 300, 20, seed=3)
    for step in range(buckets.steps):
        rows = buckets.rows(step)
        assert len(rows) <= 20 and len(rows) * int(found[rows].amax(0).sum()) <= 300


def test_a_batch_is_as_large_as_it_may_be():
    found = lengths(1003)
    buckets = TokenBuckets(found, 300, 10**6, seed=3)
    order = buckets.sorted(np.arange(1003))
    for first, last in zip(buckets.cuts, buckets.cuts[1:-1], strict=False):
        more = found[order[first : last + 1]]
        assert len(more) * int(more.amax(0).sum()) > 300


def test_an_example_longer_than_all_is_alone():
    buckets = TokenBuckets(torch.tensor([[3, 2], [500, 400], [2, 2]]), 20, 10, seed=0)
    assert sorted(buckets.rows(step).tolist() for step in range(buckets.steps)) in ([[0, 2], [1]], [[1], [2, 0]])


def test_what_a_step_sees_does_not_depend_on_what_was_asked_before():
    one, other = (TokenBuckets(lengths(500), 200, 50, seed=1) for _ in range(2))
    backwards = [other.rows(step) for step in reversed(range(200))][::-1]
    assert all(torch.equal(one.rows(step), rows) for step, rows in enumerate(backwards))


def test_seeds_and_epochs_differ_in_who_is_together_and_in_the_order_of_batches():
    found = torch.randint(1, 4, (600, 2))
    one, other = TokenBuckets(found, 60, 50, seed=1), TokenBuckets(found, 60, 50, seed=2)
    epochs = [[tuple(one.rows(step + epoch * one.steps).sort().values.tolist()) for step in range(one.steps)] for epoch in range(2)]
    seeds = [tuple(other.rows(step).sort().values.tolist()) for step in range(other.steps)]
    assert len({*epochs[0]} & {*epochs[1]}) < one.steps / 2 and len({*epochs[0]} & {*seeds}) < one.steps / 2


def test_little_of_a_batch_is_padding():
    found = lengths(3000)
    buckets = TokenBuckets(found, 500, 10**6, seed=0)
    padded = sum(len(rows) * int(found[rows].amax(0).sum()) for rows in map(buckets.rows, range(buckets.steps)))
    assert int(found.sum()) / padded > 0.9
