"""What is written: the same text for the same seed, whole characters, stops, and what happens beyond the context."""

import math

import pytest
import tokenizers
import torch

from tests.generation.models import PRESETS, Scripted, preset_model, says, switch_model
from workings.data.json_tokenizer import JsonTokenizer
from workings.data.tokenizers import ByteTokenizer, CharacterTokenizer
from workings.errors import BadInput
from workings.generation.settings import WriteSettings
from workings.generation.write import first_tokens, write

BYTES = ByteTokenizer()
LETTERS = CharacterTokenizer("abcdefghijklm")  # 13, the vocabulary of the tiny models


def texts(*given, **settings):
    return [(row.text, row.tokens, row.reason) for row in write(*given, WriteSettings(**settings))]


def naive(model, tokenizer, prompt, tokens):
    """Greedy text without a cache, as it is defined: the window slides by half when it is full."""
    ids, begin, limit = tokenizer.encode(prompt).tolist(), 0, getattr(model.settings, "context", None)
    begin = max(0, len(ids) - limit)
    for _ in range(tokens):
        with torch.inference_mode():
            ids.append(model(torch.tensor([ids[begin:]]))[0, -1].argmax().item())
        if len(ids) - begin > limit:
            begin = len(ids) - limit // 2
    return ids[-tokens:]


@pytest.mark.parametrize("name", PRESETS)
def test_the_same_seed_writes_the_same_text_and_another_seed_another(name):
    model = preset_model(name)
    hot = dict(temperature=20.0, tokens=9)
    assert texts(model, BYTES, "abc", seed=1, **hot) == texts(model, BYTES, "abc", seed=1, **hot)
    assert texts(model, BYTES, "abc", seed=1, **hot) != texts(model, BYTES, "abc", seed=2, **hot)


@pytest.mark.parametrize("settings", [dict(temperature=0), dict(top_p=0.8, repetition_penalty=1.3, samples=3)])
@pytest.mark.parametrize("name", PRESETS)
def test_prompts_of_different_lengths_write_together_what_each_writes_alone(name, settings):
    model, prompts = preset_model(name), ["Hello, you", "a", "the", "a prompt that is longer than the context"]
    together = texts(model, BYTES, prompts, tokens=40, seed=4, **settings)
    assert together == [text for prompt in prompts for text in texts(model, BYTES, prompt, tokens=40, seed=4, **settings)]


def test_several_samples_differ_and_the_first_is_the_one_that_is_written_alone():
    model = preset_model("gpt")
    several = texts(model, BYTES, "abc", samples=4, tokens=9)
    assert len({text for text, *_ in several}) == 4
    assert several[:1] == texts(model, BYTES, "abc", tokens=9)


def test_a_longer_text_begins_with_the_shorter_one():
    model = preset_model("llama")
    assert texts(model, BYTES, "abc", tokens=30)[0][1][:9] == texts(model, BYTES, "abc", tokens=9)[0][1]


@pytest.mark.parametrize("name", ["lecture", "lecture-plus", "gpt", "llama"])
def test_beyond_the_context_the_last_half_is_read_again_from_position_zero(name):
    model = preset_model(name, vocabulary=13, context=16)
    for prompt in ("abc", "abcdefghijklmabcdefghijklm"):
        assert texts(model, LETTERS, prompt, tokens=45, temperature=0)[0][1] == naive(model, LETTERS, prompt, 45)


def test_a_context_of_one_token_still_writes():
    model = switch_model(dict(context=1))
    assert len(texts(model, LETTERS, "abc", tokens=5)[0][1]) == 5


def test_a_recurrent_model_writes_on_without_a_limit():
    model = preset_model("gru", vocabulary=13, context=4)
    (written,) = write(model, LETTERS, "abc", WriteSettings(tokens=30, temperature=0))
    ids = LETTERS.encode("abc").tolist()
    for token in written.tokens:
        assert token == model(torch.tensor([ids]))[0, -1].argmax().item()
        ids.append(token)


def test_writing_ends_at_the_end_token_which_is_not_part_of_the_text():
    (row,) = write(says([97, 98, 99, BYTES.end], 257), BYTES, "a", WriteSettings(temperature=0))
    assert (row.text, row.tokens, row.reason) == ("bc", [98, 99], "end")


def test_writing_ends_at_any_of_several_end_tokens():
    tokenizer = ByteTokenizer()
    tokenizer.ends = (tokenizer.end, ord("d"), ord("f"))
    rows = write(says([*b"abcdefg", BYTES.end], 257), tokenizer, ["a", "e", "g"], WriteSettings(temperature=0))
    assert [(row.text, row.reason) for row in rows] == [("bc", "end"), ("", "end"), ("", "end")]


def test_what_the_model_expects_before_every_text_is_read_first_but_not_part_of_it():
    tokenizer = ByteTokenizer()
    tokenizer.begin = (ord("<"),)
    assert first_tokens(tokenizer, "ab") == [*b"<ab"]
    assert first_tokens(tokenizer, "") == [*b"<"]
    (row,) = write(says([*b"<hi", BYTES.end], 257), tokenizer, "", WriteSettings(temperature=0))
    assert (row.prompt, row.text) == ("", "hi")


def test_words_after_a_prompt_keep_their_space_and_those_that_begin_a_text_do_not():
    pieces = {"<unk>": 0, "<s>": 1, "▁the": 2, "▁cat": 3, "s": 4}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(pieces, unk_token="<unk>"))
    inner.pre_tokenizer, inner.decoder = tokenizers.pre_tokenizers.Metaspace(), tokenizers.decoders.Metaspace()
    tokenizer = JsonTokenizer(inner, {}, 5, [1])
    after = write(says([2, 3, 4], 5), tokenizer, "the", WriteSettings(temperature=0, tokens=2, logprobs=True))[0]
    assert (after.text, [belief.text for belief in after.logprobs]) == (" cats", [" cat", "s"])
    assert write(says([1, 3, 2], 5), tokenizer, "", WriteSettings(temperature=0, tokens=2))[0].text == "cat the"


def test_rows_that_have_ended_leave_and_the_others_write_on():
    model = says([97, 98, 99, 100, 101, 102, 103, BYTES.end], 257)
    rows = write(model, BYTES, ["f", "a", "c"], WriteSettings(temperature=0))
    assert [row.text for row in rows] == ["g", "bcdefg", "defg"]


def test_an_empty_prompt_begins_at_the_end_token_or_a_newline():
    assert texts(says([BYTES.end, 104, 105], 257), BYTES, "", temperature=0, tokens=2) == [("hi", [104, 105], "length")]
    lines = CharacterTokenizer("\nhi")
    assert texts(says([0, 1, 2], 3), lines, "", temperature=0, tokens=2) == [("hi", [1, 2], "length")]
    with pytest.raises(BadInput, match="The prompt is empty"):
        write(says([0, 1], 2), CharacterTokenizer("ab"), "")


def test_a_stop_string_that_spans_tokens_ends_the_text_before_it():
    letters = [ord(letter) for letter in "abcdefgh"]
    (row,) = write(says(letters, 257), BYTES, "a", WriteSettings(temperature=0, stop=("efg", "zz")))
    assert (row.text, bytes(row.tokens), row.reason) == ("bcd", b"bcdefg", "stop")


def test_streaming_gives_the_text_in_pieces_without_the_stop_string():
    pieces = []
    letters = [ord(letter) for letter in "abcdefgh"]
    write(says(letters, 257), BYTES, "a", WriteSettings(temperature=0, stop=("cdX", "fgh")), lambda number, piece: pieces.append((number, piece)))
    assert pieces == [(0, "b"), (0, "cde")]


def test_an_emoji_split_over_tokens_is_streamed_whole():
    pieces = []
    (row,) = write(says([97, *"🎈".encode(), 98], 257), BYTES, "a", WriteSettings(temperature=0, tokens=5), lambda number, piece: pieces.append(piece))
    assert (row.text, pieces) == ("🎈b", ["🎈", "b"])


def test_half_a_character_at_the_end_becomes_the_replacement_character():
    (row,) = write(says([97, *"🎈".encode()], 257), BYTES, "a", WriteSettings(temperature=0, tokens=3))
    assert row.text == "\ufffd"


def test_streamed_pieces_joined_are_the_texts():
    pieces = [""] * 4

    def hear(number: int, piece: str) -> None:
        pieces[number] += piece

    rows = write(preset_model("gpt"), BYTES, ["a", "Hello"], WriteSettings(tokens=50, samples=2, stop=("q", "\n")), hear)
    assert pieces == [row.text for row in rows]


def test_the_repetition_penalty_counts_the_prompt_and_what_was_written():
    logits = torch.full((4, 4), 1.0) + torch.tensor([0.3, 0.2, 0.1, 0.0])
    model = Scripted(logits)
    assert texts(model, CharacterTokenizer("abcd"), "a", temperature=0, repetition_penalty=2.0, tokens=4)[0][0] == "bcda"


def test_log_probabilities_are_the_models_own():
    model = preset_model("gpt", vocabulary=13, dtype=torch.float32)
    (row,) = write(model, LETTERS, "abc", WriteSettings(tokens=6, temperature=3.0, top_k=4, logprobs=True, top_logprobs=2))
    ids = [*LETTERS.encode("abc").tolist(), *row.tokens]
    expected = model(torch.tensor([ids]))[0, 2:-1].log_softmax(-1)
    assert [belief.token for belief in row.logprobs] == row.tokens
    for belief, line in zip(row.logprobs, expected, strict=True):
        assert math.isclose(belief.logprob, line[belief.token].item(), rel_tol=1e-4, abs_tol=1e-4)
        assert [token for token, *_ in belief.top] == line.topk(2).indices.tolist()
        assert belief.text == LETTERS.decode([belief.token])


def test_a_model_is_left_in_the_mode_it_was_in_and_writes_without_dropout():
    model = switch_model(dict(dropout=0.5)).train()
    assert texts(model, LETTERS, "abc", tokens=9) == texts(model.eval(), LETTERS, "abc", tokens=9)
    write(model.train(), LETTERS, "abc", WriteSettings(tokens=1))
    assert model.training


def test_a_model_that_sees_the_future_cannot_write():
    with pytest.raises(BadInput, match="not causal"):
        write(switch_model(dict(causal=False)), LETTERS, "abc")


def test_a_prompt_with_an_unseen_character_is_refused():
    with pytest.raises(BadInput, match="'!'"):
        write(switch_model({}), LETTERS, "abc!")


def test_no_prompts_give_no_texts():
    assert write(switch_model({}), LETTERS, []) == []
