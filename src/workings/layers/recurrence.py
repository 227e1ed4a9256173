"""Recurrent cells over whole sequences: Elman's, the gated recurrent unit and long short-term memory (statement 6.2c).

The equations stand in `workings.blackboard.recurrent`; here torch's kernels run them for all steps of a batch at once.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from workings.layers.linear import Linear

State = tuple[Tensor, ...]
"""What a cell carries from step to step, each [B, D]: (h,), and for an LSTM (h, c)."""

CELLS: dict[str, tuple[int, int]] = {"rnn": (1, 1), "gru": (3, 1), "lstm": (4, 2)}
"""How many gates a cell has (rnn: the state itself; gru: r, z, n; lstm: i, f, g, o), and how many vectors its state has."""


class Cell(nn.Module):
    """h_t = cell(x_t, h_{t-1}) for t = 1 ... T. Parameters: `input` W [gates D, D] with bias, `state` U [gates D, D] with bias; gates stacked in the rows.

    rnn:  h = tanh(W x + b + U h + c)
    gru:  r, z = sigmoid(W x + b + U h + c);  n = tanh(W x + b + r * (U h + c));  h = (1 - z) * n + z * h
    lstm: i, f, o = sigmoid(W x + b + U h + c);  g = tanh(W x + b + U h + c);  c = f * c + i * g;  h = o * tanh(c)
    """

    def __init__(self, kind: str, width: int):
        super().__init__()
        self.kind, self.width = kind, width
        self.gates, self.vectors = CELLS[kind]
        self.input = Linear(width, self.gates * width)
        self.state = Linear(width, self.gates * width)
        self.kernel = {"rnn": torch.rnn_tanh, "gru": torch.gru, "lstm": torch.lstm}[kind]

    @torch.no_grad()
    def initialize(self, size: float = 1.0) -> None:
        """Each gate's U orthogonal (Saxe et al. 2014), biases 0, except 1 for the LSTM's forget gate (Jozefowicz et al. 2015).

        size: the root mean square of the inputs x; W is drawn from N(0, 1 / (D size^2)), so that W x has variance 1.
        """
        nn.init.normal_(self.input.weight, std=self.width**-0.5 / size)
        for gate in self.state.weight.split(self.width):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(self.input.bias)
        nn.init.zeros_(self.state.bias)
        if self.kind == "lstm":
            self.input.bias[self.width : 2 * self.width] = 1.0

    def zeros(self, x: Tensor) -> State:
        """The state before the first step, for the rows of x [B, ...]."""
        return tuple(x.new_zeros(len(x), self.width) for _ in range(self.vectors))

    def forward(self, x: Tensor, state: State | None = None, visible: Tensor | None = None) -> tuple[Tensor, State]:
        """x: [B, T, D] -> (h [B, T, D], the state after the last step). state: the one before the first step, zeros if None.

        visible: [B, T], False where a step is padding, anywhere in a row: the state does not move there, and h is not to be used.
        """
        state = self.zeros(x) if state is None else state
        if visible is None:
            return self.run(x, None, state)
        order = visible.logical_not().long().argsort(dim=1, stable=True)[..., None].expand_as(x)  # visible steps first
        lengths = visible.sum(dim=1)
        packed = pack_padded_sequence(x.gather(1, order), lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        data, last = self.run(packed.data, packed.batch_sizes, tuple(part[packed.sorted_indices] for part in state))
        outputs = PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
        h, _ = pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])
        moved = (lengths > 0)[:, None]
        state = tuple(torch.where(moved, new[packed.unsorted_indices], old) for new, old in zip(last, state, strict=True))
        return torch.zeros_like(h).scatter(1, order, h), state

    def run(self, x: Tensor, batch_sizes: Tensor | None, state: State) -> tuple[Tensor, State]:
        """torch's kernel, one layer in one direction, on [B, T, D] or on packed steps [N, D] with batch_sizes [T]."""
        before: Any = tuple(part[None] for part in state) if self.kind == "lstm" else state[0][None]
        weights = [self.input.weight, self.state.weight, self.input.bias, self.state.bias]
        sizes, layout = ((), (True,)) if batch_sizes is None else ((batch_sizes,), ())
        h, *last = self.kernel(x, *sizes, before, weights, True, 1, 0.0, self.training, False, *layout)
        return h, tuple(part[0] for part in last)


class RecurrentCache:
    """The state of every layer after the columns so far. Unlike keys and values it does not grow, so `columns` is only what was asked for."""

    def __init__(self, states: list[State], columns: int):
        self.states, self.columns, self.length = states, columns, 0

    def advance(self, columns: int) -> None:
        """Count columns as seen, once all layers have seen them."""
        self.length += columns

    def reorder(self, rows: Tensor) -> None:
        """Row i becomes a copy of the old row rows[i], as beam search needs."""
        self.states = [tuple(part.index_select(0, rows) for part in state) for state in self.states]
