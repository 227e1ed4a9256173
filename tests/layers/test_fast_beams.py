"""The kernels of translating: the likeliest tokens in one pass, and attention over columns that are named."""

import pytest
import torch

from workings.layers.fast.beams import Columns, GrowingColumns, likeliest
from workings.layers.fast.compiler import library

pytestmark = pytest.mark.skipif(library() is None, reason="no C compiler")


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize(("size", "count"), [(1, 1), (7, 7), (300, 1), (1000, 16), (58_101, 8)])
def test_the_likeliest_are_those_of_a_sort_and_the_total_is_the_log_of_the_sum(size, count):
    logits = 20 * drawn(5, size + 3)[:, :size]  # rows that are further apart than they are wide
    values, tokens, totals = likeliest(logits, count)
    expected = logits.topk(count)
    assert torch.equal(values, expected.values) and torch.equal(tokens, expected.indices)
    torch.testing.assert_close(totals, logits.logsumexp(-1), rtol=1e-6, atol=1e-5)


def test_of_two_that_are_equal_the_earlier_comes_first_and_what_is_forbidden_last():
    logits = torch.tensor([[1.0, 3.0, 3.0, -torch.inf, 2.0], [-torch.inf, -torch.inf, -torch.inf, -torch.inf, 5.0]])
    values, tokens, totals = likeliest(logits, 3)
    assert tokens[0].tolist() == [1, 2, 4] and tokens[1, 0] == 4
    assert values[1].tolist() == [5.0, -torch.inf, -torch.inf]
    torch.testing.assert_close(totals, logits.logsumexp(-1))


def plain_attention(query: torch.Tensor, kept: torch.Tensor, places: list[int], heads: int) -> torch.Tensor:
    keys, values = kept[places].unflatten(1, (2, heads, -1)).unbind(1)
    return torch.einsum("mt,tmd->md", torch.einsum("md,tmd->mt", query.view(heads, -1), keys).softmax(-1), values).flatten()


@pytest.mark.parametrize("kept_in", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("width", [4, 32, 64])  # of a head
def test_a_row_attends_to_the_columns_of_its_list(width, kept_in):
    kept, query = drawn(11, 6 * width).to(kept_in), drawn(3, 3 * width + 8)[:, : 3 * width] / width**0.5
    lists = [[3], [10, 0, 5, 5], [1, 2, 3, 4, 6, 7, 8]]
    places = torch.zeros(3, 9, dtype=torch.int32)
    for row, some in enumerate(lists):
        places[row, : len(some)] = torch.tensor(some)
    columns = Columns(kept, places, torch.tensor([1, 4, 7], dtype=torch.int32))
    expected = torch.stack([plain_attention(row, kept.float(), some, 3) for row, some in zip(query, lists, strict=True)])
    torch.testing.assert_close(columns.attend(query, 3), expected)
    columns.reorder(torch.tensor([2, 2, 0]))
    torch.testing.assert_close(columns.attend(query[[2, 2, 0]], 3), expected[[2, 2, 0]])


def test_columns_grow_for_as_long_as_there_are_steps_and_follow_their_rows():
    columns, histories = GrowingColumns(2, 1, 4), [[]]
    for step in range(40):
        rows = torch.randint(len(histories), (step % 5 + 1,), generator=torch.Generator().manual_seed(step))
        columns.reorder(rows)
        histories = [list(histories[row]) for row in rows]
        new = columns.advance(len(rows))
        for layer in (0, 1):
            columns.layers[layer][new] = torch.arange(len(rows))[:, None] + 10.0 * step + 1000 * layer
        for row, history in enumerate(histories):
            history.append(10.0 * step + row)
    for layer in (0, 1):
        for row, history in enumerate(histories):
            assert columns.counts[row] == 40
            assert columns.layers[layer][columns.places[row, :40].long(), 0].tolist() == [number + 1000 * layer for number in history]
