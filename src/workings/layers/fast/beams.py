"""What translating repeats for every token beside the products: attention of one query over columns that are named, and the likeliest tokens."""

import torch
from torch import Tensor

from workings.layers.fast.available import SHORT, enabled
from workings.layers.fast.compiler import library, run


def likeliest(logits: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The `count` largest logits of each row, largest first, their tokens, and the log of the sum of e^l, in one pass. [R, V] -> twice [R, count], [R]."""
    plain = logits.dtype == torch.float32 and logits.device.type == "cpu" and logits.stride(1) == 1 and not torch.compiler.is_compiling()
    if not plain or not enabled() or library() is None:
        values, tokens = logits.topk(count, dim=-1)
        return values, tokens, logits.logsumexp(-1)
    rows, size = logits.shape
    values, tokens, totals = torch.empty(rows, count), torch.empty(rows, count, dtype=torch.long), torch.empty(rows)
    run("likeliest", values, tokens, totals, logits, rows, logits.stride(0), size, count)
    return values, tokens, totals


class Columns:
    """Keys and values as they were made, one row for each token, and for each row of a batch the list of those that it sees.

    So a hypothesis that is dropped or doubled costs a list, not a copy of the cache; hypotheses with the same beginning read the same numbers.
    """

    def __init__(self, kept: Tensor, places: Tensor, counts: Tensor):
        """kept: [N, 2 M d], keys then values, float32 or bfloat16; places: [R, room], int32, those of its rows that each row sees; counts: [R], int32."""
        self.kept, self.places, self.counts = kept, places, counts

    def attend(self, query: Tensor, heads: int) -> Tensor:
        """sum_s a_ts v_s for each head; the scale is in the query. query: [R, at least M d], float32, of which the first M d numbers count -> [R, M d]."""
        rows, width = len(query), self.kept.shape[1] // 2
        y = torch.empty(rows, width)
        given = rows, query.stride(0), self.places.shape[1], heads, width // heads, SHORT[self.kept.dtype]
        run("attend_listed", y, query, self.kept, self.places, self.counts, *given)
        return y

    def reorder(self, rows: Tensor) -> None:
        """Row i sees what the old row rows[i] saw."""
        self.places, self.counts = self.places[rows], self.counts[rows]


class GrowingColumns(Columns):
    """The same for tokens that are still being written: each step adds one to every row. The lists are the same for all layers; each has its own `kept`."""

    FIRST = 16
    """For how many steps there is room at first; it doubles when it is full."""

    def __init__(self, layers: int, rows: int, width: int, dtype: torch.dtype = torch.float32):
        super().__init__(torch.empty(0, 2 * width), torch.empty(rows, self.FIRST, dtype=torch.int32), torch.zeros(rows, dtype=torch.int32))
        self.layers = [torch.empty(rows * self.FIRST, 2 * width, dtype=dtype) for _ in range(layers)]
        self.used = self.length = 0

    def advance(self, rows: int) -> slice:
        """Begin a step of that many rows; returns where their keys and values are to be written."""
        new = slice(self.used, self.used + rows)
        if self.length == self.places.shape[1]:
            self.places = torch.cat((self.places, torch.empty_like(self.places)), dim=1)
        while new.stop > len(self.layers[0]):
            self.layers = [torch.cat((kept, torch.empty_like(kept))) for kept in self.layers]
        self.places[:, self.length] = torch.arange(new.start, new.stop, dtype=torch.int32)
        self.used, self.length = new.stop, self.length + 1
        self.counts.fill_(self.length)
        return new
