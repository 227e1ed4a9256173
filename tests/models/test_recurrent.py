"""The recurrent models equal the blackboard, forget padding, and carry their state exactly."""

import dataclasses
import itertools
import math

import pytest
import torch

from workings.blackboard.prediction import next_token_loss
from workings.blackboard.recurrent import recurrent
from workings.errors import BadInput
from workings.models.recurrent import Recurrent
from workings.models.settings import RecurrentSettings

CASES = list(itertools.product(("rnn", "gru", "lstm"), (True, False)))


def a_model(cell: str = "gru", tied: bool = True, **sizes) -> Recurrent:
    """A model in float64 whose every parameter is random."""
    torch.manual_seed(0)
    model = Recurrent(RecurrentSettings(**(dict(vocabulary=11, width=5, layers=2) | sizes), cell=cell, tied=tied)).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return model


@pytest.mark.parametrize(("cell", "tied"), CASES)
@pytest.mark.parametrize(("vocabulary", "width", "layers", "length"), [(11, 5, 2, 7), (13, 3, 3, 5), (7, 2, 1, 3)])
def test_values_and_gradients_equal_the_blackboard(cell, tied, vocabulary, width, layers, length):
    model = a_model(cell, tied, vocabulary=vocabulary, width=width, layers=layers)
    tokens = torch.randint(vocabulary, (length,))
    names, parameters = zip(*model.named_parameters(), strict=True)
    fast = model(tokens[None])[0]
    slow = recurrent(tokens.tolist(), dict(zip(names, parameters, strict=True)), model.settings)
    torch.testing.assert_close(fast, torch.stack(slow), rtol=0, atol=1e-9)
    fast_loss = torch.nn.functional.cross_entropy(fast[:-1], tokens[1:], reduction="sum")
    fast_gradients = torch.autograd.grad(fast_loss, parameters)
    slow_gradients = torch.autograd.grad(next_token_loss(slow, tokens.tolist()), parameters)
    for name, fast_gradient, slow_gradient in zip(names, fast_gradients, slow_gradients, strict=True):
        assert slow_gradient.abs().max() > 0, name
        torch.testing.assert_close(fast_gradient, slow_gradient, rtol=0, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_padding_on_either_side_or_within_does_not_move_the_state(cell):
    model = a_model(cell)
    tokens = torch.randint(11, (5, 7))
    visible = torch.tensor([[1] * 7, [0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0, 0], [0, 1, 0, 1, 1, 0, 0], [0] * 7], dtype=torch.bool)
    logits = model(tokens, visible=visible)
    assert logits.isfinite().all()
    for row in range(4):
        alone = model(tokens[row][visible[row]][None])[0]
        torch.testing.assert_close(logits[row][visible[row]], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_garbage_in_the_padding_changes_neither_values_nor_gradients(cell):
    model = a_model(cell, tied=False)
    visible = torch.tensor([[0, 0, 1, 1, 1], [0, 1, 1, 1, 1], [1, 1, 1, 1, 1]], dtype=torch.bool)
    tokens = torch.randint(11, (3, 5))
    garbage = torch.where(visible, tokens, torch.randint(11, (3, 5)))
    assert not torch.equal(tokens, garbage)
    results = []
    for these in (tokens, garbage):
        logits = model(these, visible=visible)[visible]
        results.append((logits, *torch.autograd.grad(logits.square().sum(), list(model.parameters()))))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_prompt_in_pieces_with_left_padding_gives_the_logits_of_one_pass(cell):
    model = a_model(cell, layers=3)
    tokens = torch.randint(11, (3, 9))
    visible = torch.ones(3, 9, dtype=torch.bool)
    visible[1, :2] = False
    visible[2, :5] = False  # the first piece and the second hold nothing of this row
    whole = model(tokens, visible=visible)
    cache = model.new_cache(3, 9)
    pieces = []
    for start, end in ((0, 1), (1, 4), (4, 8), (8, 9)):
        pieces.append(model(tokens[:, start:end], visible=visible[:, :end], cache=cache))
        assert cache.length == end
    torch.testing.assert_close(torch.cat(pieces, dim=1)[visible], whole[visible], rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_reordered_cache_continues_the_chosen_rows(cell):
    model = a_model(cell)
    tokens = torch.randint(11, (3, 4))
    chosen = torch.tensor([2, 0, 0])
    following = torch.randint(11, (3, 1))
    cache = model.new_cache(3, 5)
    model(tokens, cache=cache)
    cache.reorder(chosen)
    expected = model(torch.cat((tokens[chosen], following), dim=1))[:, -1:]
    torch.testing.assert_close(model(following, cache=cache), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_past_moves_a_prediction_and_the_future_does_not(cell):
    model = a_model(cell)
    inputs = []
    model.embedding.register_forward_hook(lambda module, arguments, output: inputs.append(output) or output)
    y = model.hidden(torch.randint(11, (1, 6)))
    for t in range(6):
        (gradient,) = torch.autograd.grad(y[0, t].sum(), inputs[0], retain_graph=True)
        moved = gradient[0].abs().sum(dim=1) > 0
        assert moved.tolist() == [s <= t for s in range(6)]


def test_every_cell_and_a_head_of_its_own_change_the_output():
    tokens = torch.randint(11, (1, 5))
    outputs = [a_model(cell, tied)(tokens) for cell, tied in CASES]
    for one, other in itertools.combinations(outputs, 2):
        assert not torch.allclose(one, other)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_recurrent_matrices_begin_orthogonal_and_an_lstm_begins_remembering(cell):
    model = Recurrent(RecurrentSettings(vocabulary=11, width=7, layers=2, cell=cell))
    for layer in model.cells:
        for gate in layer.state.weight.split(7):
            torch.testing.assert_close(gate @ gate.T, torch.eye(7), rtol=0, atol=1e-5)
        biases = (layer.input.bias + layer.state.bias).unflatten(0, (-1, 7)).mean(dim=1)
        assert biases.tolist() == ([0, 1, 0, 0] if cell == "lstm" else [0] * layer.gates)


@pytest.mark.parametrize(("cell", "tied"), CASES)
def test_what_enters_the_first_cell_begins_with_variance_one(cell, tied):
    torch.manual_seed(0)
    model = Recurrent(RecurrentSettings(vocabulary=211, width=64, cell=cell, tied=tied))
    entering = model.embedding.weight @ model.cells[0].input.weight.T
    assert abs(entering.std().item() - 1) < 0.05


@pytest.mark.parametrize(("cell", "tied"), CASES)
def test_the_first_loss_is_ln_v(cell, tied):
    torch.manual_seed(0)
    model = Recurrent(RecurrentSettings(vocabulary=211, width=64, cell=cell, tied=tied))
    tokens = torch.randint(211, (8, 33))
    loss = torch.nn.functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    assert abs(loss.item() / math.log(211) - 1) < 0.1


def test_record_holds_the_states_of_every_layer():
    model, record = a_model(layers=3), {}
    y = model.hidden(torch.randint(11, (2, 5)), record=record)
    assert list(record) == ["hidden.0", "hidden.1", "hidden.2"]
    assert torch.equal(record["hidden.2"], y)


def test_dropout_acts_in_training_only():
    model = a_model(dropout=0.5)
    tokens = torch.randint(11, (2, 5))
    still = Recurrent(dataclasses.replace(model.settings, dropout=0.0)).double()
    still.load_state_dict(model.state_dict())
    assert torch.equal(model(tokens), still(tokens))
    assert not torch.allclose(model.train()(tokens), still.train()(tokens))


def test_a_model_without_tokens_is_refused():
    with pytest.raises(BadInput, match=r"model\.vocabulary is 0"):
        Recurrent(RecurrentSettings())
