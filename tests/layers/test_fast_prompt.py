"""Attention over prompts without padding is attention, whatever lies beside a text; and the sum, norm and gate are what they say."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from workings.layers.fast.available import SHORT
from workings.layers.fast.compiler import library, run
from workings.layers.fast.decode import PairedCache
from workings.layers.fast.prenorm import PreNorm
from workings.layers.positions import rotary_frequencies, rotary_table, rotate

pytestmark = pytest.mark.skipif(library() is None, reason="no C compiler")
CLOSE = {torch.float32: dict(rtol=1e-5, atol=1e-5), torch.bfloat16: dict(rtol=3e-2, atol=3e-2)}
LENGTHS = [1, 7, 8, 9, 31, 64, 65, 97, 150]
COLUMNS, TURNS = 160, rotary_table(torch.arange(160), rotary_frequencies(48, 100.0))


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def read(qkv: torch.Tensor, lengths: list[int], heads: int, groups: int, values: int, d: int, window: int, last: bool, norm: torch.Tensor | None, turned: bool):
    """The kernel: what it gives, and the cache that it leaves."""
    starts = F.pad(torch.tensor(lengths).cumsum(0), (1, 0))
    cache = PairedCache.empty(1, groups, groups + values, len(lengths), COLUMNS, d).layers[0].both
    query, both = qkv[:, : heads * d], qkv[:, heads * d :]
    query = query[starts[1:] - 1] if last else query
    y, turns = query.new_empty(query.shape), [table.float().contiguous() for table in TURNS] if turned else (None, None)
    sizes = 1e-3, len(lengths), max(lengths), COLUMNS, heads, groups, values, d, query.stride(0), both.stride(0), window, int(last), SHORT[qkv.dtype]
    run("read_attention", y, query, both, cache, starts, *turns, norm, scales(heads), *sizes)
    return y, cache


def scales(heads: int) -> torch.Tensor:
    return 0.1 + 0.05 * torch.arange(heads)


def written_out(qkv: torch.Tensor, heads: int, groups: int, values: int, d: int, window: int, norm: torch.Tensor | None, turned: bool):
    """The same for one text: y [T, M d], keys and values [G + n, T, d]."""
    z = qkv.float().view(len(qkv), -1, d).transpose(0, 1)
    turn, value = z[: heads + groups], z[heads + groups :]
    if norm is not None:
        turn = F.rms_norm(turn, [d], eps=1e-3) * norm[:, None]
    if turned:
        turn = rotate(turn, tuple(table[: len(qkv)].float() for table in TURNS))
    query, key = turn[:heads] * scales(heads)[:, None, None], turn[heads:]
    seen = torch.ones(len(qkv), len(qkv), dtype=torch.bool).tril()
    seen = seen.triu(1 - window) if window else seen
    weights = (query @ key.repeat_interleave(heads // groups, 0).mT).masked_fill(~seen, -torch.inf).softmax(-1)
    y = weights @ (value if values == 1 else value.repeat_interleave(heads // groups, 0))
    return y.transpose(0, 1).flatten(1), torch.cat((key, value))


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    ("heads", "groups", "values", "d", "window", "normed", "turned"),
    [
        (3, 3, 3, 16, 0, False, False),
        (6, 2, 2, 48, 0, True, True),
        (4, 1, 1, 48, 11, False, True),
        (2, 2, 1, 32, 1, True, False),
        (2, 1, 1, 80, 40, False, False),
    ],
)
def test_every_text_is_read_alone_and_its_keys_and_values_are_kept(heads, groups, values, d, window, normed, turned, last, dtype):
    qkv = drawn(sum(LENGTHS), (heads + groups + values) * d).to(dtype)
    norm = drawn(heads + groups, d) if normed else None
    y, cache = read(qkv, LENGTHS, heads, groups, values, d, window, last, norm, turned)
    for row, text in enumerate(qkv.split(LENGTHS)):
        wanted, both = written_out(text, heads, groups, values, d, window, norm, turned)
        said = y[row : row + 1] if last else y.split(LENGTHS)[row]
        torch.testing.assert_close(said.float(), wanted[-1:] if last else wanted, **CLOSE[dtype])
        late = max(LENGTHS) - len(text)
        torch.testing.assert_close(cache[:, row, late : max(LENGTHS)], both, rtol=1e-5, atol=1e-5)
        assert not cache[:, row, :late].any() and not cache[:, row, max(LENGTHS) :].any()


@pytest.mark.parametrize("dtype", CLOSE)
def test_what_comes_later_changes_no_bit_of_what_came_before(dtype):
    qkv = drawn(100, 9 * 16).to(dtype)
    changed = qkv.clone()
    changed[61:] = 30.0
    before, after = (read(x, [40, 60], 3, 3, 3, 16, 0, False, None, False)[0] for x in (qkv, changed))
    assert torch.equal(before[:61], after[:61]) and not torch.equal(before[61:], after[61:])


@pytest.mark.parametrize("dtype", CLOSE)
def test_attention_is_finite_for_scores_that_overflow(dtype):
    qkv = (1e4 * drawn(50, 3 * 32)).to(dtype)
    y, _ = read(qkv, [9, 41], 1, 1, 1, 32, 0, False, None, False)
    assert y.isfinite().all() and y.abs().max() <= qkv[:, 64:].abs().max() * 1.01


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("norm", [nn.LayerNorm(37, eps=1e-3), nn.LayerNorm(37, bias=False), nn.RMSNorm(37, eps=1e-2)])
def test_the_norm_is_of_the_sum_and_the_sum_stays(norm, dtype):
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    x, y = drawn(5, 37), drawn(37, 5).T.contiguous().to(dtype)
    total = x + y.float()
    said = PreNorm(norm, dtype)(x, y)
    assert torch.equal(x, total) and said.dtype == dtype
    torch.testing.assert_close(said.float(), norm(total).detach(), **CLOSE[dtype])
    torch.testing.assert_close(PreNorm(norm, dtype)(x, None), said)
    assert torch.equal(x, total)


@pytest.mark.parametrize("dtype", CLOSE)
def test_the_gate_is_silu_of_the_first_half_times_the_second(dtype):
    z = (5 * drawn(7, 46)).to(dtype)
    h = z.new_empty(7, 23)
    run("gated", h, z, 7, 23, SHORT[dtype])
    gate, other = z.float().chunk(2, -1)
    torch.testing.assert_close(h.float(), F.silu(gate) * other, **CLOSE[dtype])
