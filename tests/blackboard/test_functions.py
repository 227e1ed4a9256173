"""The small functions of the blackboard, held to numbers worked out by hand and to laws they must obey."""

import math
from types import SimpleNamespace

import pytest
import torch

from workings.blackboard import attention, embedding, functions, prediction, recurrent
from workings.blackboard.parameters import affine, rows, split
from workings.objectives.next_token import next_token_loss

TURN = SimpleNamespace(rope_theta=100.0, rope_scaling="none")


def vector(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_an_embedding_is_a_row():
    A0 = torch.arange(15, dtype=torch.float64).reshape(5, 3)
    close(embedding.embed(2, A0), vector(6, 7, 8))


def test_the_lecture_position_is_one_number_times_the_range():
    close(embedding.lecture_position(2, 5), math.sin(2) * vector(0, 1, 2, 3, 4))
    close(embedding.lecture_position(0, 3), vector(0, 0, 0))


def test_sinusoids_alternate_and_slow_down():
    close(embedding.sinusoidal_position(3, 4, 100.0), vector(math.sin(3), math.cos(3), math.sin(0.3), math.cos(0.3)))
    assert len(embedding.sinusoidal_position(3, 5, 100.0)) == 5


def test_a_rotation_keeps_length_and_leaves_scores_to_the_distance():
    q, k = vector(1, 2, 3, 5, 7, 11), vector(2, -3, 5, -7, 11, -13)
    close(embedding.rotate(q, 4, TURN).norm(), q.norm())
    close(embedding.rotate(q, 9, TURN) @ embedding.rotate(k, 4, TURN), embedding.rotate(q, 5, TURN) @ embedding.rotate(k, 0, TURN))
    close(embedding.rotate(vector(1, 0), 2, TURN), vector(math.cos(2), math.sin(2)))
    assert not torch.allclose(embedding.rotate(q, 1, TURN), q)


def test_stretching_divides_slow_turns_and_leaves_fast_ones():
    turn = SimpleNamespace(rope_theta=16.0, rope_scaling="linear", rope_factor=4.0, rope_low_frequency=1.0, rope_high_frequency=4.0, rope_original_context=0)
    assert [embedding.frequency(i, 8, turn) for i in range(4)] == pytest.approx([1 / 4, 1 / 8, 1 / 16, 1 / 32])
    turn.rope_scaling, turn.rope_original_context = "llama3", 10 * math.pi  # turns in it: 5, 2.5, 1.25, 0.625
    assert [embedding.frequency(i, 8, turn) for i in range(4)] == pytest.approx([1, (0.5 + 0.5 / 4) / 2, (0.25 / 3 + 2.75 / 3 / 4) / 4, 1 / 32])


def test_sines_first_are_the_same_numbers():
    close(embedding.sinusoidal_halves_position(3, 4, 100.0), vector(math.sin(3), math.sin(0.3), math.cos(3), math.cos(0.3)))


def test_norms_worked_out_by_hand():
    x = vector(1, 2, 6)  # mean 3, variance 14/3, mean square 41/3
    close(functions.layer_norm(x, vector(1, 1, 2), vector(0, 5, 0), 1 / 3), vector(-2, -1 + 5 * math.sqrt(5), 6) / math.sqrt(5))
    close(functions.rms_norm(x, vector(1, 1, 2), 1 / 3), vector(1, 2, 12) / math.sqrt(14))


def test_nonlinearities_at_known_points():
    x = vector(-1, 0, 1)
    close(functions.relu(x), vector(0, 0, 1))
    close(functions.gelu(x), vector(-0.15865525393145707, 0, 0.8413447460685429))  # x times the normal distribution function
    close(functions.silu(x), vector(-1 / (1 + math.e), 0, 1 / (1 + 1 / math.e)))
    assert 0 < (functions.gelu_tanh(x) - functions.gelu(x)).abs().max() < 1e-3
    close(functions.sigmoid(x) + functions.sigmoid(-x), vector(1, 1, 1))


def test_softmax_is_a_distribution_that_ignores_a_common_shift():
    scores = vector(math.log(1), math.log(2), math.log(5))
    close(functions.softmax(scores), vector(1, 2, 5) / 8)
    close(functions.softmax(scores + 1000), vector(1, 2, 5) / 8)


def test_attention_of_a_zero_query_is_the_mean_and_of_a_great_tau_the_best():
    keys, values = [vector(1, 0), vector(0, 1), vector(2, 2)], [vector(3, 0), vector(0, 3), vector(6, 9)]
    close(attention.mix(attention.weights(vector(0, 0), keys, 1.0), values), vector(3, 4))
    close(attention.mix(attention.weights(vector(1, 1), keys, 100.0), values), vector(6, 9))


def test_a_weight_is_the_softmax_of_tau_q_k():
    close(attention.weights(vector(1, 0), [vector(2, 5), vector(0, 7)], 0.5), vector(math.e, 1) / (math.e + 1))


def test_heads_are_blocks_of_rows_and_the_sum_over_heads_is_blocks_of_columns():
    parameters = {"query.weight": torch.arange(12, dtype=torch.float64).reshape(4, 3), "query.bias": vector(1, 2, 3, 4)}
    close(affine(vector(1, 0, 0), rows(parameters, "query", 1, 2), "query"), vector(6 + 3, 9 + 4))
    T = torch.arange(8, dtype=torch.float64).reshape(2, 4)
    mixed = [vector(1, 2), vector(3, 5)]
    close(attention.join(mixed, {"out.weight": T}, 2), T @ torch.cat(mixed))
    assert [part.tolist() for part in split(vector(1, 2, 3, 4), 2)] == [[1, 2], [3, 4]]


def test_the_loss_is_the_negative_log_of_what_was_given_to_the_next_token():
    P = [vector(math.log(1), math.log(3)), vector(math.log(1), math.log(1)), vector(5, 9)]  # the last prediction has no target
    close(prediction.next_token_loss(P, [0, 1, 0]), torch.tensor(-math.log(3 / 4) - math.log(1 / 2), dtype=torch.float64))


def test_the_loss_of_training_equals_the_loss_of_the_lecture():
    torch.manual_seed(0)
    P, tokens = torch.randn(7, 11, dtype=torch.float64, requires_grad=True), torch.randint(11, (7,))
    fast, count = next_token_loss(P[None, :-1], tokens[None, 1:])
    slow = prediction.next_token_loss(list(P), tokens.tolist())
    assert count == 6
    close(fast, slow)
    close(*(torch.autograd.grad(loss, P)[0] for loss in (fast, slow)))


@pytest.mark.parametrize("gate", ["keep", "replace"])
def test_a_saturated_gru_keeps_or_replaces_its_state(gate):
    h = vector(0.3, -0.2)
    parameters = {"input.weight": torch.zeros(6, 2).double(), "input.bias": torch.zeros(6).double(), "state.weight": torch.zeros(6, 2).double()}
    parameters["state.bias"] = torch.cat([torch.zeros(2), torch.full((2,), 100.0 if gate == "keep" else -100.0), torch.zeros(2)]).double()
    close(recurrent.gru_cell(vector(1, 1), h, parameters), h if gate == "keep" else vector(0, 0))


def test_an_lstm_with_open_gates_adds_up():
    bias = torch.cat([torch.full((4,), 100.0), torch.full((2,), 100.0), torch.full((2,), 100.0)]).double()  # i, f, g, o all open
    zeros = {"input.weight": torch.zeros(8, 2).double(), "input.bias": bias, "state.weight": torch.zeros(8, 2).double(), "state.bias": torch.zeros(8).double()}
    h, c = recurrent.lstm_cell(vector(0, 0), vector(0, 0), vector(2, -1), zeros)
    close(c, vector(3, 0))
    close(h, torch.tanh(c))
