"""Which part of a text is read, and what stands around it."""

import pytest
import tokenizers
import torch
from tokenizers import models, pre_tokenizers, processors

from workings.data.framing import Framing, padded
from workings.data.json_tokenizer import JsonTokenizer
from workings.data.tokenizers import ByteTokenizer
from workings.errors import BadInput

WORDS = {word: number for number, word in enumerate(["[CLS]", "[SEP]", *"abcdefgh"])}


def bert_like() -> JsonTokenizer:
    inner = tokenizers.Tokenizer(models.WordLevel(WORDS, unk_token="a"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)])
    return JsonTokenizer(inner, {}, len(WORDS), [])


@pytest.mark.parametrize(("part", "read"), [("head", "abcdefgh"), ("tail", "mnopqrst"), ("head+tail", "abopqrst")])
def test_the_part_that_is_asked_for_is_read(part, read):
    framing = Framing(ByteTokenizer(), 9, part)
    short, long = framing.frame(["abcdefgh", "abcdefghijklmnopqrst"])
    assert bytes(short.tolist()) == b"abcdefgh" and bytes(long.tolist()).decode() == read
    assert framing.cut == 1 and framing.unread == [0, 12]


@pytest.mark.parametrize(("keep", "added", "wanted"), [(True, 0, [0, 2, 3, 1]), (False, 1, [2, 3, 1])])
def test_cls_stands_where_the_template_begins_and_the_end_of_the_template_stays(keep, added, wanted):
    assert Framing(bert_like(), 20, added=added, keep_begin=keep).frame(["a b"])[0].tolist() == wanted


@pytest.mark.parametrize("longest", [4, 5, 7])
@pytest.mark.parametrize("part", ["head", "tail", "head+tail"])
def test_no_sequence_is_longer_than_it_may_be_and_its_frame_is_whole(longest, part):
    (tokens,) = Framing(bert_like(), longest, part, added=0, keep_begin=True).frame(["a b c d e f g h"])
    assert len(tokens) == longest and (tokens[0], tokens[-1]) == (0, 1)


def test_a_length_without_room_is_refused():
    with pytest.raises(BadInput, match="no room"):
        Framing(bert_like(), 2, added=0, keep_begin=True)


def test_padding_is_marked():
    tokens, visible = padded([torch.tensor([5, 6]), torch.tensor([7])], 4)
    assert tokens.tolist() == [[5, 6, 0, 0], [7, 0, 0, 0]]
    assert visible.tolist() == [[True, True, False, False], [True, False, False, False]]


def test_lists_and_tensors_are_padded_alike_with_any_token_and_an_empty_one_is_all_padding():
    texts = [[5, 6, 0], [], [7]]
    (tokens, visible), others = padded(texts, padding=9), padded([torch.tensor(text, dtype=torch.int64) for text in texts], padding=9)
    assert tokens.tolist() == [[5, 6, 0], [9, 9, 9], [7, 9, 9]] and visible.sum(1).tolist() == [3, 0, 1]
    assert torch.equal(tokens, others[0]) and torch.equal(visible, others[1])
