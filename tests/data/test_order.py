"""The order of examples is a permutation each epoch, a pure function of (seed, position), and fair."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workings.data.order import Order, permutation, phase, window_count, windows
from workings.errors import BadInput

SEEDS = st.integers(0, 2**63)


@given(st.integers(1, 200), SEEDS, st.integers(0, 9))
def test_every_epoch_is_a_permutation(count: int, seed: int, epoch: int):
    assert sorted(Order(count, seed).indices(epoch * count, count).tolist()) == list(range(count))


@given(st.integers(1, 60), SEEDS, st.integers(0, 300), st.lists(st.integers(0, 40), max_size=6))
def test_pieces_of_the_stream_are_the_stream(count: int, seed: int, start: int, sizes: list[int]):
    whole = Order(count, seed).indices(start, sum(sizes)).tolist()
    begins = itertools.accumulate([start, *sizes[:-1]]) if sizes else []
    pieces = [Order(count, seed).indices(begin, size).tolist() for begin, size in zip(begins, sizes, strict=True)]
    assert list(itertools.chain.from_iterable(pieces)) == whole


def test_the_past_of_an_order_does_not_matter():
    order = Order(31, 7)
    expected = order.indices(1000, 20).tolist()
    for start in (0, 5, 10**6, 999):
        order.indices(start, 64)
    permutation.cache_clear()
    assert order.indices(1000, 20).tolist() == expected


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = {tuple(Order(20, seed).indices(20 * epoch, 20).tolist()) for seed in range(20) for epoch in range(20)}
    assert len(orders) == 400


def by_hand(count: int, seed: int, epoch: int) -> list[int]:
    """The same permutation with Python's integers: the indices in the order of SplitMix64's outputs."""
    golden, mask = 0x9E3779B97F4A7C15, 2**64 - 1

    def mix(x: int) -> int:
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask
        x = (x ^ x >> 27) * 0x94D049BB133111EB & mask
        return x ^ x >> 31

    key = 0
    for part in (seed, epoch, 1):
        key = mix(key + part + golden & mask)
    return sorted(range(count), key=lambda index: mix(key + (index + 1) * golden & mask))


@given(st.integers(1, 99), SEEDS, st.integers(0, 10**9))
def test_the_order_is_that_of_the_hashes(count: int, seed: int, epoch: int):
    assert permutation(count, seed, epoch).tolist() == by_hand(count, seed, epoch)


def test_the_order_is_written_in_stone():
    """A checkpoint resumed years later, on another machine, must meet the same examples."""
    assert Order(10, 0).indices(0, 20).tolist() == [3, 8, 6, 0, 7, 4, 9, 2, 5, 1, 6, 0, 8, 2, 1, 9, 5, 7, 3, 4]


def test_all_permutations_of_four_are_equally_likely():
    """Chi-square with 23 degrees of freedom: 49.7 is passed by one in a thousand; the stream is fixed, so this is no lottery."""
    for draws in (
        [tuple(permutation(4, 0, epoch)) for epoch in range(4800)],
        [tuple(permutation(4, seed, 0)) for seed in range(4800)],
    ):
        seen = Counter(draws)
        assert len(seen) == 24
        assert sum((count - 200) ** 2 / 200 for count in seen.values()) < 49.7


def test_phases_are_equally_likely():
    seen = np.bincount([phase(10, 3, epoch) for epoch in range(5000)], minlength=10)
    assert ((seen - 500) ** 2 / 500).sum() < 27.9


def test_the_indices_of_an_epoch_are_kept_and_cannot_be_spoiled():
    with pytest.raises(ValueError, match="read-only"):
        permutation(10, 0, 0)[0] = 3
    Order(10, 0).indices(0, 10)[:] = 0
    assert sorted(Order(10, 0).indices(0, 10).tolist()) == list(range(10))


def test_no_entries_are_no_entries():
    assert Order(5, 0).indices(3, 0).shape == (0,)
    inputs, targets = windows(torch.arange(50), 7, 0, 3, 0)
    assert inputs.shape == targets.shape == (0, 7)


def test_nothing_has_no_order():
    with pytest.raises(BadInput, match="There are 0 examples"):
        Order(0, 0)


def lengths(draw) -> tuple[int, int]:
    context = draw(st.integers(1, 40))
    return draw(st.integers(context + 1, 400)), context


@given(st.data(), SEEDS, st.integers(0, 5))
def test_windows_of_an_epoch_predict_each_token_at_most_once_and_nearly_all(data, seed: int, epoch: int):
    length, context = lengths(data.draw)
    count = window_count(length, context)
    inputs, targets = windows(torch.arange(length), context, seed, epoch * count, count)
    assert inputs.shape == targets.shape == (count, context)
    # The tokens are their own places, so every target is the one after its input, and none is seen twice.
    assert torch.equal(targets, inputs + 1)
    assert len(targets.unique()) == targets.numel()
    # They lie side by side, so what is left out lies at the two ends and is less than two windows.
    assert targets.max() - targets.min() + 1 == targets.numel()
    assert length - 1 - targets.numel() < 2 * context


@given(st.data(), SEEDS, st.integers(0, 500), st.integers(0, 30), st.integers(0, 30))
def test_windows_are_a_pure_function_of_seed_and_place(data, seed: int, start: int, first: int, second: int):
    length, context = lengths(data.draw)
    tokens = torch.arange(length)
    whole = windows(tokens, context, seed, start, first + second)
    one, two = windows(tokens, context, seed, start, first), windows(tokens, context, seed, start + first, second)
    for part in (0, 1):
        assert torch.equal(whole[part], torch.cat([one[part], two[part]]))


def test_every_token_but_the_first_is_a_target_in_some_epoch():
    length, context = 41, 5
    _, targets = windows(torch.arange(length), context, 0, 0, 200 * window_count(length, context))
    assert sorted(targets.unique().tolist()) == list(range(1, length))


def test_cuts_fall_elsewhere_each_epoch():
    count = window_count(1000, 10)
    begins = {int(windows(torch.arange(1000), 10, 0, epoch * count, count)[0].min()) for epoch in range(200)}
    assert begins == set(range(10))


@pytest.mark.parametrize("dtype", [torch.uint16, torch.int32, torch.int64, torch.uint8])
def test_windows_are_int64_whatever_the_tokens_are_stored_in(dtype: torch.dtype):
    top = {torch.uint8: 255, torch.uint16: 65_535}.get(dtype, 100_000)
    tokens = torch.tensor([top, 0, 1, top, 5] * 10).to(dtype)
    inputs, targets = windows(tokens, 3, 0, 0, 16)
    assert inputs.dtype == targets.dtype == torch.int64
    assert int(inputs.max()) == top
    assert inputs.is_contiguous()
    assert targets.is_contiguous()


@pytest.mark.parametrize(
    ("tokens", "context", "sentence"),
    [
        (0, 8, "only 0 tokens"),
        (1, 8, "only 1 token; .* at least two"),
        (8, 8, "has 8 tokens, too few for a context of 8, which needs 9; give a longer text or a shorter context"),
        (100, 0, "context is 0 tokens; it must be at least 1"),
    ],
)
def test_a_text_too_short_is_refused(tokens: int, context: int, sentence: str):
    with pytest.raises(BadInput, match=sentence):
        windows(torch.zeros(tokens, dtype=torch.int64), context, 0, 0, 1)


def test_the_shortest_text_is_one_window():
    inputs, targets = windows(torch.tensor([4, 5, 6]), 2, 0, 10, 2)
    assert inputs.tolist() == [[4, 5], [4, 5]]
    assert targets.tolist() == [[5, 6], [5, 6]]
