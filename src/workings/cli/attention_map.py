"""A map of attention in a terminal: words by words, shaded, or in digits where there is no terminal."""

from collections.abc import Sequence

from rich.cells import cell_len

SHADES = " ░▒▓█"
GAP = 1


def attention_map(source: Sequence[str], target: Sequence[str], weights: Sequence[Sequence[float]], width: int, shaded: bool) -> str:
    """One line a word of the translation, one column a word of the source; or the other way round, if only then the columns' words fit the width.

    weights: T of S. If neither fits, the words of the columns are written downwards, and what is still too wide is cut into parts.
    shaded: darker is more; else the tenths are written, from . for less than a twentieth to * for nearly all.
    """
    turned = [list(column) for column in zip(*weights, strict=True)]
    ways = [(list(target), list(source), [list(row) for row in weights]), (list(source), list(target), turned)]
    for rows, columns, cells in ways:
        label = max(map(cell_len, rows)) + GAP
        if label + sum(cell_len(word) + GAP for word in columns) - GAP <= width:
            head = [" " * label + " ".join(columns)]
            return "\n".join([*head, *lines(rows, cells, [cell_len(word) for word in columns], label, shaded)])
    rows, columns, cells = ways[0]
    label = max(map(cell_len, rows)) + GAP
    wide = max(cell_len(character) for word in columns for character in word)
    each = max(1, (width - label + GAP) // (wide + GAP))
    parts = []
    for first in range(0, len(columns), each):
        part = columns[first : first + each]
        body = lines(rows, [row[first : first + each] for row in cells], [wide] * len(part), label, shaded)
        parts.append("\n".join([*downwards(part, label, wide), *body]))
    return "\n\n".join(parts)


def lines(rows: Sequence[str], cells: Sequence[Sequence[float]], widths: Sequence[int], label: int, shaded: bool) -> list[str]:
    """A line for each row: its word, right-aligned, and a mark as wide as its column for each cell."""
    made = []
    for word, weights in zip(rows, cells, strict=True):
        marks = (shade(weight) * wide if shaded else digit(weight).center(wide) for weight, wide in zip(weights, widths, strict=True))
        made.append((" " * (label - GAP - cell_len(word)) + word + " " * GAP + " ".join(marks)).rstrip())
    return made


def downwards(words: Sequence[str], label: int, wide: int) -> list[str]:
    """Words written from top to bottom, all ending above their columns, which are so wide."""
    high = max(map(len, words))
    stacked = [word.rjust(high) for word in words]
    return [(" " * label + " ".join(word[place] + " " * (wide - cell_len(word[place])) for word in stacked)).rstrip() for place in range(high)]


def shade(weight: float) -> str:
    """A block, darker with each quarter; nothing for less than a twentieth.

    >>> "".join(map(shade, (0.0, 0.04, 0.05, 0.3, 0.5, 0.8, 1.0)))
    '  ░▒▓██'
    """
    return SHADES[min(int(weight * 4) + (weight >= 0.05), 4)]


def digit(weight: float) -> str:
    """The tenths of a weight.

    >>> "".join(map(digit, (0.0, 0.04, 0.06, 0.5, 0.94, 0.96, 1.0)))
    '..159**'
    """
    tenths = int(weight * 10 + 0.5)
    return "." if tenths == 0 else "*" if tenths > 9 else str(tenths)
