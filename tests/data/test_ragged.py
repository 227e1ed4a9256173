"""The tokens of many texts in one tensor are those of the texts, in their order, and take no more room than their tokens."""

import random

import pytest
import torch

from workings.data import ragged as module
from workings.data.ragged import ragged
from workings.data.tokenizers import ByteTokenizer

TEXTS = ["seven", "", "of", "them", "", "are", "here"]


@pytest.fixture(params=[1, 3, 7, 4096])
def window(request, monkeypatch):
    monkeypatch.setattr(module, "WINDOW", request.param)


def test_every_row_is_its_own_text_however_many_are_read_at_once(window):
    tokenizer = ByteTokenizer()
    found = ragged(TEXTS, tokenizer.encode_each)
    assert len(found) == 7 and [tokenizer.decode(row) for row in found] == TEXTS == [tokenizer.decode(found[number]) for number in range(7)]
    assert [tokenizer.decode(row) for row in found[2:6]] == TEXTS[2:6] and tokenizer.decode(found[-1]) == "here"
    assert all(row.dtype == torch.int64 for row in (*found, found[0]))


def test_rows_that_are_wanted_stay_as_they_are_and_in_order(window):
    found = ragged(TEXTS, ByteTokenizer().encode_each)
    wanted = torch.tensor([True, True, False, True, False, False, True])
    assert [bytes(row.tolist()).decode() for row in found.where(wanted)] == ["seven", "", "them", "here"]


def test_it_holds_four_bytes_a_token_and_sixteen_a_text():
    draw = random.Random(0)
    texts = ["x" * draw.randrange(9) for _ in range(5000)]
    found = ragged(texts, ByteTokenizer().encode_each)
    held = sum(tensor.untyped_storage().nbytes() for tensor in vars(found).values())
    assert held == 4 * sum(map(len, texts)) + 16 * len(texts)


def test_no_texts_are_no_rows():
    assert list(ragged([], ByteTokenizer().encode_each)) == []
