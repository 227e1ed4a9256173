"""Pictures of pixels in a page: tensors in, addresses that hold the whole file out; and maps laid over pictures in color."""

import base64
import io
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from workings.data.pictures import image_of
from workings.errors import BadInput

SMALL = 64
"""Up to how many pixels a side is kept exactly, and shown as squares; a larger picture is a photograph, and is pressed as one."""
LARGE = 288
"""The longest side of a photograph in a page."""
FOR, AGAINST, LOOKED = (0, 114, 230), (230, 90, 0), (255, 200, 0)
"""Colors of what speaks for a class and against it, and of where a model looks; told apart by eyes that see no red or green."""
DIM, BRIGHT = 45, 165
"""The grays of black and white under a map, so that its colors are seen on either."""
GRAINS = 32
"""How many squares of a map at least lie along the shorter side of a picture."""
OUTLIERS = 0.99
"""The part of a map's pixels that is not yet in full color: one pixel alone would leave the others pale."""


def data_address(file: bytes, kind: str) -> str:
    """A file as an address that holds all of it."""
    return f"data:image/{kind};base64," + base64.b64encode(file).decode("ascii")


def embedded(pixels: Tensor, side: int, columns: int = 1) -> dict[str, object]:
    """A picture for a page: its address, whether it is shown as squares, and how many pixels of the page it takes, about `side` in width.

    pixels: uint8 [C, H, W]; columns: how many pictures stand beside each other in it. One of squares is shown as a whole multiple of its size.
    """
    image, buffer = image_of(pixels), io.BytesIO()
    exact = max(pixels.shape[1:]) <= SMALL * columns or image.mode == "RGBA"
    if exact:
        image.save(buffer, "PNG", optimize=True)
        scale = float(max(1, round(side / image.width)))
    else:
        image.thumbnail((LARGE * columns, LARGE * columns), Image.Resampling.LANCZOS)
        image.save(buffer, "JPEG", quality=88)
        scale = min(1.0, side / image.width)
    shown = {"width": round(image.width * scale), "height": round(image.height * scale)}
    return {"address": data_address(buffer.getvalue(), "png" if exact else "jpeg"), "exact": exact, **shown}


def read_image(file: Path) -> Tensor:
    """A file's pixels, gray or in color, uint8 [C, H, W]."""
    with Image.open(file) as image:
        rows = np.array(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    return torch.from_numpy(rows[None] if rows.ndim == 2 else rows.transpose(2, 0, 1).copy())


def side_by_side(pixels: Tensor, count: int) -> list[Tensor]:
    """The pictures of equal width that stand beside each other. pixels: [C, H, count W] -> count of [C, H, W]."""
    if not count or pixels.shape[2] % count:
        raise BadInput(f"A picture that is {pixels.shape[2]} pixels wide is not {count} of equal width beside each other.")
    return list(pixels.chunk(count, 2))


def mosaic(pictures: Tensor, columns: int) -> Tensor:
    """Pictures in rows, a transparent pixel between them. pictures: uint8 [n, C, H, W], C = 1 or 3 -> uint8 [4, rows (H + 1) - 1, columns (W + 1) - 1]."""
    n, _, height, width = pictures.shape
    rows = -(-n // columns)
    laid = torch.zeros(rows * columns, 4, height + 1, width + 1, dtype=torch.uint8)
    laid[:n, :3, :height, :width] = pictures  # a gray number is the same in all three colors
    laid[:n, 3, :height, :width] = 255
    return laid.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)[:, :-1, :-1]


def laid_over(pixels: Tensor, strength: Tensor) -> Tensor:
    """A map in color over the picture in gray: blue where it is positive, orange where it is negative, the fuller the more.

    pixels: uint8 [C, H, W]; strength: [H, W], of which 1 and -1 are full. Returns uint8 [3, H, W].
    """
    return colored(pixels, strength.abs(), torch.where(strength > 0, torch.tensor(FOR)[:, None, None], torch.tensor(AGAINST)[:, None, None]))


def lit(pixels: Tensor, strength: Tensor) -> Tensor:
    """A map of what is never negative, in yellow over the picture in gray. pixels: uint8 [C, H, W]; strength: [H, W], 1 is full. Returns uint8 [3, H, W]."""
    return colored(pixels, strength, torch.tensor(LOOKED)[:, None, None])


def colored(pixels: Tensor, strength: Tensor, color: Tensor) -> Tensor:
    """The picture's brightness between DIM and BRIGHT, and over it a color of this strength. color: [3, H or 1, W or 1]. Returns uint8 [3, H, W]."""
    gray = DIM + pixels.float().mean(0) / 255 * (BRIGHT - DIM)
    opacity = 0.9 * strength.float().clamp(0, 1)
    return (gray * (1 - opacity) + color * opacity).round().clamp(0, 255).byte()


def in_squares(map: Tensor) -> Tensor:
    """The mean of a map over squares, at least GRAINS along its shorter side: the single pixels of a photograph are too fine to be seen. [H, W] -> [H, W]."""
    side = max(1, min(map.shape) // GRAINS)
    means = F.avg_pool2d(map[None], side, ceil_mode=True)[0]
    return means.repeat_interleave(side, 0).repeat_interleave(side, 1)[: map.shape[0], : map.shape[1]]


def scaled(map: Tensor) -> Tensor:
    """A map divided by what all but its strongest hundredth stay under, cut to -1 ... 1; zeros if it is 0 everywhere. [H, W] -> [H, W]."""
    sizes = map.abs().flatten().float()
    most = float(sizes.quantile(OUTLIERS)) or float(sizes.max())
    return (map / most).clamp(-1, 1) if most else torch.zeros_like(map)


def stretched(map: Tensor) -> Tensor:
    """A map from its least, 0, to its most, 1; zeros if it is the same everywhere. [H, W] -> [H, W]."""
    low, high = map.min(), map.max()
    return (map - low) / (high - low) if high > low else torch.zeros_like(map)
