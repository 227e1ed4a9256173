"""Where a token stands: position encodings (statement 1.1a and its alternatives)."""

import torch
from torch import Tensor

from workings.layers.packing import Packing


def lecture(positions: Tensor, width: int) -> Tensor:
    """sin(t) x range(D), exactly as printed (1.1a): one direction for every t, as long as D is wide.

    positions: [..., T] whole numbers t -> [..., T, D] in float64.
    """
    return torch.sin(positions.double())[..., None] * torch.arange(width, dtype=torch.float64, device=positions.device)


def sinusoidal(positions: Tensor, width: int, theta: float) -> Tensor:
    """s_t[2i] = sin(t / theta^(2i/D)), s_t[2i+1] = cos(t / theta^(2i/D)) (Vaswani et al. 2017). [..., T] -> [..., T, D] in float64."""
    even = torch.arange(0, width, 2, dtype=torch.float64, device=positions.device)
    angle = positions.double()[..., None] * theta ** (-even / width)  # [..., T, ceil(D/2)]
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(-2)[..., :width]


def sinusoidal_halves(positions: Tensor, width: int, theta: float) -> Tensor:
    """The same numbers with all sines first, then all cosines (as Marian lays them out). [..., T] -> [..., T, D] in float64."""
    s = sinusoidal(positions, width, theta)
    return torch.cat((s[..., 0::2], s[..., 1::2]), dim=-1)


def sinusoidal_grid(rows: int, columns: int, width: int, theta: float, device: torch.device | None = None) -> Tensor:
    """Of the place (r, c) in a grid: `sinusoidal_halves` of r in the first half of the vector, of c in the second. -> [rows columns, D] in float64."""
    of_row, of_column = (sinusoidal_halves(torch.arange(n, device=device), width // 2, theta) for n in (rows, columns))
    return torch.cat((of_row[:, None].expand(-1, columns, -1), of_column[None].expand(rows, -1, -1)), dim=-1).flatten(0, 1)


def rotary_frequencies(width: int, theta: float) -> Tensor:
    """theta^(-2i/d) for each pair i < d/2 (Su et al. 2021). [d/2] in float64."""
    return theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)


def stretched(frequencies: Tensor, factor: float, low: float, high: float, context: int) -> Tensor:
    """Frequencies for `factor` times the context they were made for (Llama 3, Dubey et al. 2024, as published with its weights).

    Those that turn at least `high` times in the original context stay, those that turn at most `low` times are divided by the factor,
    and between them the two are mixed on a line in the number of turns. [d/2] -> [d/2].
    """
    turns = context * frequencies / (2 * torch.pi)
    stays = ((turns - low) / (high - low)).clamp(0, 1)
    return frequencies * (stays + (1 - stays) / factor)


def rotary_table(positions: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin of t f_i for each pair i < d/2. [..., T], [d/2] -> two of [..., T, d/2] in float64."""
    angle = positions.double()[..., None] * frequencies.to(positions.device)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair (x_i, x_{i + d/2}) by its angle. x: [B, H, T, d]; table: cos, sin of [B or 1, 1, T, d/2], float32 at least."""
    cos, sin = table
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1).to(x.dtype)


def at(x: Tensor, place: Tensor | None, packing: Packing | None = None) -> Tensor:
    """The row place[b] of each sequence, or all of them where no place is given. x: [B, T, D], or packed; place: [B] -> [B, 1 or T, D]."""
    if place is None:
        return x
    sequence = torch.arange(len(place), device=x.device)
    return (x[sequence, place] if packing is None else x[0, packing.rows[sequence, place]])[:, None]


def table_at(table: tuple[Tensor, Tensor], place: Tensor | None) -> tuple[Tensor, Tensor]:
    """A table for `rotate` of those rows alone: two of [B, 1, 1, d/2]."""
    if place is None:
        return table
    cos, sin = (at(x[:, 0].expand(len(place), -1, -1), place)[:, None] for x in table)
    return cos, sin
