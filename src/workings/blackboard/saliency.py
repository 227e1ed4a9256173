"""How much a function of a picture changes with each of its pixels, as it is written: by changing them (Simonyan et al. 2014)."""

from collections.abc import Callable

from torch import Tensor


def slope(F: Callable[[Tensor], Tensor], x: Tensor, c: int, i: int, j: int, h: float) -> Tensor:
    """(F(x + h e) - F(x - h e)) / 2h with e the picture that is 1 at channel c, row i, column j, and 0 elsewhere.  x: [C, H, W]. Returns a number."""
    more, less = x.clone(), x.clone()
    more[c, i, j] += h
    less[c, i, j] -= h
    return (F(more) - F(less)) / (2 * h)


def saliency(F: Callable[[Tensor], Tensor], x: Tensor, h: float) -> list[list[Tensor]]:
    """max over c of |dF / dx_cij| of every pixel.  F: from a picture [C, H, W] to a number. Returns H rows of W numbers."""
    C, H, W = x.shape
    return [[max(abs(slope(F, x, c, i, j, h)) for c in range(C)) for j in range(W)] for i in range(H)]
