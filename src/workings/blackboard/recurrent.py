"""Recurrent networks, one step and one gate at a time (statement 6.2c).

Every gate has the form W x_t + b + U h_{t-1} + c: both maps have a bias, as in PyTorch. A layer's parameters are `input` (W, b) and `state` (U, c),
the gates stacked in the rows.
"""

import torch
from torch import Tensor

from workings.blackboard.functions import sigmoid
from workings.blackboard.parameters import Parameters, affine, rows, under
from workings.blackboard.prediction import predict


def from_input(x: Tensor, parameters: Parameters, gate: int, D: int) -> Tensor:
    """W x_t + b of one gate.  x: [D]. Returns [D]."""
    return affine(x, rows(parameters, "input", gate, D), "input")


def from_state(h: Tensor, parameters: Parameters, gate: int, D: int) -> Tensor:
    """U h_{t-1} + c of one gate.  h: [D]. Returns [D]."""
    return affine(h, rows(parameters, "state", gate, D), "state")


def rnn_cell(x: Tensor, h: Tensor, parameters: Parameters) -> Tensor:
    """h_t = tanh(W x_t + b + U h_{t-1} + c) (Elman 1990).  x, h: [D]. Returns [D]."""
    D = len(h)
    return torch.tanh(from_input(x, parameters, 0, D) + from_state(h, parameters, 0, D))


def gru_cell(x: Tensor, h: Tensor, parameters: Parameters) -> Tensor:
    """The gated recurrent unit; gates in the order r, z, n.  x, h: [D]. Returns h_t [D].

    r   = sigmoid(W_r x_t + b_r + U_r h_{t-1} + c_r)        what of the past the candidate hears
    z   = sigmoid(W_z x_t + b_z + U_z h_{t-1} + c_z)        how much of the past stays
    n   = tanh(W_n x_t + b_n + r * (U_n h_{t-1} + c_n))     the candidate
    h_t = (1 - z) * n + z * h_{t-1}
    The variant of PyTorch and cuDNN: r multiplies the product U_n h (the first version of Cho et al. 2014, arXiv:1406.1078, has U_n (r * h)).
    """
    D = len(h)
    r = sigmoid(from_input(x, parameters, 0, D) + from_state(h, parameters, 0, D))
    z = sigmoid(from_input(x, parameters, 1, D) + from_state(h, parameters, 1, D))
    n = torch.tanh(from_input(x, parameters, 2, D) + r * from_state(h, parameters, 2, D))
    return (1 - z) * n + z * h


def lstm_cell(x: Tensor, h: Tensor, c: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
    """Long short-term memory with a forget gate (Gers et al. 2000), no peepholes; gates in the order i, f, g, o.  x, h, c: [D]. Returns h_t, c_t [D].

    i   = sigmoid(W_i x_t + b_i + U_i h_{t-1} + c_i)        what is written
    f   = sigmoid(W_f x_t + b_f + U_f h_{t-1} + c_f)        what is kept
    g   = tanh(W_g x_t + b_g + U_g h_{t-1} + c_g)           the candidate
    o   = sigmoid(W_o x_t + b_o + U_o h_{t-1} + c_o)        what is shown
    c_t = f * c_{t-1} + i * g
    h_t = o * tanh(c_t)
    """
    D = len(h)
    i, f, g, o = (from_input(x, parameters, gate, D) + from_state(h, parameters, gate, D) for gate in range(4))
    c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
    return sigmoid(o) * torch.tanh(c), c


def run_layer(xs: list[Tensor], parameters: Parameters, cell: str) -> list[Tensor]:
    """h_1 ... h_T of one layer from x_1 ... x_T; the states begin at 0.  xs: T of [D]. Returns T of [D]."""
    h = c = torch.zeros_like(xs[0])
    states = []
    for x in xs:
        match cell:
            case "rnn":
                h = rnn_cell(x, h, parameters)
            case "gru":
                h = gru_cell(x, h, parameters)
            case "lstm":
                h, c = lstm_cell(x, h, c, parameters)
        states.append(h)
    return states


def recurrent(tokens: list[int], parameters: Parameters, settings) -> list[Tensor]:
    """x_t = A^0[w_t]; the states of each layer are the inputs of the next; P_t = A^0 h_t when tied, else H h_t (2.1, 2.2b). Returns T of [V]."""
    xs = [parameters["embedding.weight"][token] for token in tokens]
    for layer in range(settings.layers):
        xs = run_layer(xs, under(parameters, f"cells.{layer}"), settings.cell)
    head = parameters["embedding.weight" if settings.tied else "head.weight"]
    return [predict(h, head) for h in xs]
