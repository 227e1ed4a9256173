"""The language task: what it refuses, what it counts, and where an untrained model begins."""

import math

import pytest
import torch

from tests.training.games import language, write_text
from workings.data.tokenizers import train_tokenizer
from workings.errors import BadInput
from workings.models.build import build
from workings.models.settings import model_settings
from workings.objectives.next_token import next_token_loss
from workings.tasks.language import Language, evaluate_text, flops_per_token, opening
from workings.tasks.language_settings import read_settings


@pytest.mark.parametrize("preset", ["gpt", "llama", "lecture-plus", "gru", "lstm", "rnn"])
@pytest.mark.parametrize("size", [65, 1021])
def test_the_first_loss_of_an_untrained_model_is_the_logarithm_of_the_vocabulary(preset, size):
    torch.manual_seed(0)
    model = build(model_settings(preset, vocabulary=size, context=32, width=64, layers=2, **({"heads": 4} if preset not in ("gru", "lstm", "rnn") else {})))
    tokens = torch.randint(size, (16, 33))
    with torch.no_grad():
        total, count = next_token_loss(model(tokens[:, :-1]), tokens[:, 1:])
    assert float(total / count) == pytest.approx(math.log(size), rel=0.1)


def test_literal_positions_drown_the_token_before_training():
    """The one preset whose first loss is not ln V: sin(t) x range(D) is as long as D is wide, and the head is the embedding."""
    torch.manual_seed(0)
    model = build(model_settings("lecture", vocabulary=65, context=32, width=64, layers=2, heads=4))
    tokens = torch.randint(65, (16, 33))
    with torch.no_grad():
        total, count = next_token_loss(model(tokens[:, :-1]), tokens[:, 1:])
    assert float(total / count) > 1.5 * math.log(65)


class Bigram(torch.nn.Module):
    """A model whose loss is known: the log-probabilities of a table, whatever the context."""

    def __init__(self, table: torch.Tensor):
        super().__init__()
        self.table = torch.nn.Parameter(table)
        self.seen: list[torch.Tensor] = []

    def forward(self, tokens):
        self.seen.append(tokens)
        return self.table[tokens]


@pytest.mark.parametrize(("length", "context", "stride"), [(101, 8, 0), (101, 8, 3), (97, 97, 0), (50, 64, 0), (50, 7, 1), (2, 5, 0), (64, 8, 8), (65, 8, 8)])
def test_the_whole_text_is_scored_with_each_token_predicted_once(length, context, stride):
    torch.manual_seed(1)
    text = "".join("abcdé"[i] for i in torch.randint(5, (length,)))
    tokenizer = train_tokenizer("character", ["abcdé" + text], 0)
    tokens, table = tokenizer.encode(text), torch.randn(tokenizer.size, tokenizer.size).log_softmax(-1)
    expected = -float(table.double()[tokens[:-1], tokens[1:]].sum())
    scores = evaluate_text(Bigram(table), tokenizer, tokens, context, stride)
    assert scores["tokens"] == length - 1 and scores["context"] == context
    assert scores["loss"] == pytest.approx(expected / (length - 1), rel=1e-5)
    assert scores["nats_per_character"] == pytest.approx(expected / (length - 1), rel=1e-5)
    assert scores["bits_per_byte"] == pytest.approx(expected / math.log(2) / len(text[1:].encode()), rel=1e-5)
    assert scores["perplexity"] == pytest.approx(math.exp(scores["loss"]))


def test_a_stride_gives_every_token_at_least_context_minus_stride_before_it():
    """A model that knows its position: the loss of a token is how many tokens it was predicted from."""

    class Position(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one = torch.nn.Parameter(torch.ones(1))

        def forward(self, tokens):
            logits = torch.zeros(*tokens.shape, 2)
            logits[..., 1] = torch.arange(1.0, tokens.shape[1] + 1).expand(tokens.shape) * 50  # the loss of token 0 is 50 x its place
            return logits

    tokenizer = train_tokenizer("character", ["ab"], 0)
    tokens = torch.zeros(41, dtype=torch.int64)
    scores = evaluate_text(Position(), tokenizer, tokens, 8, 4)
    places = [*range(1, 9)] + [5, 6, 7, 8] * 8
    assert scores["loss"] == pytest.approx(50 * sum(places) / len(places), rel=1e-6)


@pytest.mark.parametrize("stride", [-1, 9])
def test_a_stride_that_would_leave_tokens_out_is_refused(stride):
    tokenizer = train_tokenizer("character", ["ab"], 0)
    with pytest.raises(BadInput, match="between 1 and the context, 8"):
        evaluate_text(Bigram(torch.zeros(2, 2)), tokenizer, torch.zeros(30, dtype=torch.int64), 8, stride)


def game(folder, **changes) -> Language:
    return language(folder)(changes)[0]


def test_the_same_step_has_the_same_rows_however_it_is_cut(tmp_path):
    task = game(tmp_path)
    whole = task.batch(5, 0, 0, 6)
    parts = [task.batch(5, 0, first, 2) for first in (0, 2, 4)]
    assert all(torch.equal(torch.cat([part[key] for part in parts]), whole[key]) for key in whole)
    assert not torch.equal(task.batch(6, 0, 0, 6)["tokens"], whole["tokens"])


def test_targets_are_the_next_tokens_of_the_training_part(tmp_path):
    task = game(tmp_path)
    batch = task.batch(0, 0, 0, 6)
    assert torch.equal(batch["tokens"][:, 1:], batch["targets"][:, :-1])
    text = task.tokenizer.decode(task.train)
    assert all(task.tokenizer.decode(row) in text for row in batch["tokens"])


def test_training_and_validation_are_the_text_and_share_nothing(tmp_path):
    task = game(tmp_path)
    text = (tmp_path / "text.txt").read_text()
    assert task.tokenizer.decode(task.train) + task.tokenizer.decode(task.validation) == text
    assert len(task.validation) == int(0.1 * len(text))


def test_the_seed_decides_the_first_weights(tmp_path):
    a, b, c = (game(tmp_path, training={"seed": seed}).players["model"].embedding.weight for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)


@pytest.mark.parametrize(
    ("text", "said"),
    [("a", "training part .* has 1 token,"), ("abcdefgh", "has 8 tokens, not more than the 12"), ("abcdefgh" * 2, "validation part .* has 1 token,")],
)
def test_a_text_shorter_than_the_context_is_refused(text, said, tmp_path):
    (tmp_path / "text.txt").write_text(text)
    with pytest.raises(BadInput, match=said):
        game(tmp_path)


def test_a_validation_part_with_nothing_to_predict_is_refused_for_that(tmp_path):
    write_text(tmp_path, 100)
    with pytest.raises(BadInput, match=r"The validation part of .* has 1 token, so there is none to predict"):
        game(tmp_path, data={"validation": 0.01})


def test_a_vocabulary_too_small_for_the_text_is_refused(tmp_path):
    with pytest.raises(BadInput, match="model.vocabulary is 3, but the tokenizer has"):
        game(tmp_path, model={"vocabulary": 3})


def test_a_prompt_with_an_unseen_character_is_refused_before_training(tmp_path):
    with pytest.raises(BadInput, match="Ω"):
        game(tmp_path, prompt="Ω")


def test_a_text_of_one_line_can_be_sampled(tmp_path):
    """It has no newline and no end token to begin with, so samples begin with its first character."""
    task = game(tmp_path)
    assert task.prompt == (tmp_path / "text.txt").read_text()[0]
    task.players["model"].eval()
    assert task.preview(0)["text"].startswith(task.prompt)
    lines = train_tokenizer("character", ["a\nb"], 0)
    assert opening(lines, "", lines.encode("a\nb")) == "" and opening(lines, "b", lines.encode("a\nb")) == "b"


def test_other_data_has_another_fingerprint(tmp_path):
    one = game(tmp_path).fingerprint
    assert game(tmp_path).fingerprint == one
    write_text(tmp_path, 2000)
    assert game(tmp_path).fingerprint != one


def test_the_identity_of_a_batch_says_which_windows_and_how_they_begin(tmp_path):
    task = game(tmp_path)
    said = task.identify(2)
    assert "windows 12 to 17 (seed 0)" in said
    assert repr(task.tokenizer.decode(task.batch(2, 0, 0, 1)["tokens"][0, :40])) in said


def test_the_operations_of_a_token_are_two_for_each_weight_and_attention():
    """V = 10, D = 8, L = 1, F = 32, T = 6, tied: 2 (4 D D + 2 D F + V D) + 2 products x 2 x D x T / 2."""
    settings = model_settings("gpt", vocabulary=10, context=6, width=8, layers=1, heads=2, biases="none")
    assert flops_per_token(settings, build(settings)) == 2 * (4 * 64 + 2 * 8 * 32 + 80) + 2 * 2 * 8 * 6 / 2


def test_settings_reach_the_model(tmp_path):
    write_text(tmp_path)
    task = Language(read_settings({"data": {"source": str(tmp_path / "text.txt")}, "model": {"preset": "lstm", "width": 8, "context": 5}}))
    assert task.settings.model.vocabulary == task.tokenizer.size == task.players["model"].embedding.num_embeddings
