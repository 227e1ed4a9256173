"""RandAugment (Cubuk et al. 2020; statement 4.2b): its fourteen operations, each on a whole batch of uint8 pictures, equal to those of PIL.

Every operation takes pictures [B, C, H, W] and a strength for each, [B] in 0 ... 1, and gives new pictures. Of those that can go two ways (to rotate
left or right, to brighten or darken) the sign of the strength says which. With C = 1 the picture is gray, which has no color to change.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workings.data.draws import Draws
from workings.errors import BadInput

Operation = Callable[[Tensor, Tensor], Tensor]


def rotate(strength: Tensor, height: int, width: int) -> Tensor:
    """By up to 30 degrees around the middle; a positive strength turns counterclockwise. The matrix as `affine` takes it."""
    angle = -strength.double() * torch.pi / 6
    cos, sin = angle.cos().round(decimals=15), angle.sin().round(decimals=15)
    x, y = width / 2, height / 2
    return torch.stack([cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y], dim=1)


def shear_x(strength: Tensor, height: int, width: int) -> Tensor:
    """Row y moves left by up to 0.3 y."""
    one, zero = torch.ones(len(strength)), torch.zeros(len(strength))
    return torch.stack([one, 0.3 * strength, zero, zero, one, zero], dim=1)


def shear_y(strength: Tensor, height: int, width: int) -> Tensor:
    """Column x moves up by up to 0.3 x."""
    one, zero = torch.ones(len(strength)), torch.zeros(len(strength))
    return torch.stack([one, zero, zero, 0.3 * strength, one, zero], dim=1)


def translate_x(strength: Tensor, height: int, width: int) -> Tensor:
    """To the left by whole pixels, up to 0.45 of the width."""
    one, zero = torch.ones(len(strength)), torch.zeros(len(strength))
    return torch.stack([one, zero, (0.45 * width * strength).round(), zero, one, zero], dim=1)


def translate_y(strength: Tensor, height: int, width: int) -> Tensor:
    """Upwards by whole pixels, up to 0.45 of the height."""
    one, zero = torch.ones(len(strength)), torch.zeros(len(strength))
    return torch.stack([one, zero, zero, zero, one, (0.45 * height * strength).round()], dim=1)


MOVES: dict[str, Callable[[Tensor, int, int], Tensor]] = {
    "rotate": rotate,
    "shear-x": shear_x,
    "shear-y": shear_y,
    "translate-x": translate_x,
    "translate-y": translate_y,
}
"""Name -> from the strengths, the height and the width the matrices (a b c d e f): pixel (x, y) shows what was at (a x + b y + c, d x + e y + f)."""


def affine(pictures: Tensor, matrices: Tensor, fill: int) -> Tensor:
    """Each pixel shows the nearest of the pixel that its matrix names, `fill` outside of the picture. matrices: [B, 6].

    In steps of 2^-16 as PIL counts them, so every pixel is PIL's.
    """
    height, width = pictures.shape[2:]
    a, b, c, d, e, f = matrices.double()[:, :, None, None].unbind(1)
    fixed = [(number * 65536 + 0.5).floor().int() for number in (a, b, c + (a + b) / 2, d, e, f + (d + e) / 2)]
    y, x = torch.arange(height, dtype=torch.int32)[:, None], torch.arange(width, dtype=torch.int32)
    left, top = ((across * x).add(down * y + start) >> 16 for across, down, start in (fixed[:3], fixed[3:]))  # B H W
    padded = torch.nn.functional.pad(pictures, (1, 1, 1, 1), value=fill)  # what is outside reads the border
    return taken(padded, top.clamp_(-1, height).add_(1).mul_(width + 2).add_(left.clamp_(-1, width)).add_(1))


def taken(pictures: Tensor, places: Tensor) -> Tensor:
    """The pixels at these places of each picture, counted in reading order. places: [B, H, W]. -> [B, C, H, W]."""
    index = places.long().flatten(1)[:, None].expand(-1, pictures.shape[1], -1)
    return pictures.flatten(2).gather(2, index).unflatten(2, places.shape[1:])


def bilinear(pictures: Tensor, matrices: Tensor, fill: int) -> Tensor:
    """The same between four pixels, in float32: within one level of PIL's."""
    height, width = pictures.shape[2:]
    a, b, c, d, e, f = matrices.double()[:, :, None, None].unbind(1)
    y, x = torch.arange(height, dtype=torch.float64)[:, None] + 0.5, torch.arange(width, dtype=torch.float64) + 0.5
    across, down = (a * x).add(b * y + c), (d * x).add(e * y + f)  # B H W
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    left, top = (across - 0.5).floor(), (down - 0.5).floor()
    right_share, lower_share = (across - 0.5 - left).float()[:, None], (down - 0.5 - top).float()[:, None]
    columns = [(left.int() + step).clamp(0, width - 1) for step in (0, 1)]
    rows = [(top.int() + step).clamp(0, height - 1) * width for step in (0, 1)]
    (one, two), (three, four) = ([taken(pictures, row + column).float() for column in columns] for row in rows)
    upper = two.sub_(one).mul_(right_share).add_(one)
    lower = four.sub_(three).mul_(right_share).add_(three)
    between = lower.sub_(upper).mul_(lower_share).add_(upper).to(torch.uint8)
    return torch.where(inside[:, None], between, pictures.new_tensor(fill))


def luminance(x: Tensor) -> Tensor:
    """The gray of a color picture, 0.299 R + 0.587 G + 0.114 B in steps of 2^-16. x: float32 of whole levels, in which this is exact -> [B, 1, H, W]."""
    if x.shape[1] == 1:
        return x
    red, green, blue = x.split(1, dim=1)
    return (red * 19595).add_(green * 38470).add_(blue * 7471).add_(32768).mul_(2**-16).floor_()


def blend(base: Tensor, x: Tensor, strength: Tensor) -> Tensor:
    """base + (1 + 0.9 strength) (x - base), cut off at 0 and 255, uint8. base: float32 [B, 1 or C, H or 1, W or 1]; x: float32, overwritten."""
    factor = (1 + 0.9 * strength.double()).float()[:, None, None, None]
    return x.sub_(base).mul_(factor).add_(base).clamp_(0, 255).to(torch.uint8)


def color(pictures: Tensor, strength: Tensor) -> Tensor:
    """Less or more of what is not gray."""
    x = pictures.float()
    return pictures if x.shape[1] == 1 else blend(luminance(x), x, strength)


def contrast(pictures: Tensor, strength: Tensor) -> Tensor:
    """Nearer to the picture's mean gray, or further from it."""
    x = pictures.float()
    mean = luminance(x).mean((1, 2, 3), dtype=torch.float64).add_(0.5).floor_().float()
    return blend(mean[:, None, None, None], x, strength)


def brightness(pictures: Tensor, strength: Tensor) -> Tensor:
    """Nearer to black, or further from it."""
    return blend(torch.zeros(1, 1, 1, 1), pictures.float(), strength)


def sharpness(pictures: Tensor, strength: Tensor) -> Tensor:
    """Nearer to the mean of nine pixels, the middle one counted five times, or further from it; the border stays."""
    if min(pictures.shape[2:]) < 3:
        return pictures
    x = pictures.float()
    three = (x[:, :, :-2] + x[:, :, 1:-1]).add_(x[:, :, 2:])
    nine = (three[..., :-2] + three[..., 1:-1]).add_(three[..., 2:]).add_(x[:, :, 1:-1, 1:-1], alpha=4)
    smooth = x.clone()
    smooth[:, :, 1:-1, 1:-1] = nine.div_(13).add_(0.5).floor_()  # 13 is odd, so no mean lies half-way
    return blend(smooth, x, strength)


def look_up(tables: Tensor, pictures: Tensor) -> Tensor:
    """Every level by what a table says of it. tables: uint8 [B, C, 256]."""
    return tables.gather(2, pictures.flatten(2).long()).view_as(pictures)


def auto_contrast(pictures: Tensor, strength: Tensor) -> Tensor:
    """Each channel stretched so that its darkest level is 0 and its lightest 255."""
    flat = pictures.flatten(2)
    low, high = flat.amin(2, keepdim=True).double(), flat.amax(2, keepdim=True).double()
    scale = torch.full_like(low, 255).div(high - low)  # 255 / x would be 255 (1 / x), rounded twice
    levels = torch.arange(256, dtype=torch.float64)
    tables = torch.where(high > low, levels * scale + -low * scale, levels)
    return look_up(tables.clamp(0, 255).to(torch.uint8), pictures)


def equalize(pictures: Tensor, strength: Tensor) -> Tensor:
    """Each channel's levels moved so that they are used about equally often."""
    rows, levels = pictures.shape[0] * pictures.shape[1], torch.arange(256)
    counts = torch.bincount((pictures.flatten(2).flatten(0, 1).long() + 256 * torch.arange(rows)[:, None]).flatten(), minlength=256 * rows).view(rows, 256)
    last = ((counts > 0) * levels).argmax(1)
    step = (pictures[0, 0].numel() - counts.gather(1, last[:, None])) // 255
    below = counts.cumsum(1) - counts
    tables = torch.where(step > 0, (below + step // 2) // step.clamp(min=1), levels).clamp(max=255)
    return look_up(tables.to(torch.uint8).view(*pictures.shape[:2], 256), pictures)


def posterize(pictures: Tensor, strength: Tensor) -> Tensor:
    """The highest 8 to 4 bits of each level."""
    dropped = (4 * strength).round().to(torch.uint8)
    return pictures & (255 << dropped.int()).to(torch.uint8)[:, None, None, None]


def solarize(pictures: Tensor, strength: Tensor) -> Tensor:
    """Levels from 256 (1 - strength) on turned around: 255 - x."""
    threshold = (256 * (1 - strength)).round()[:, None, None, None]
    turned = pictures.numpy() >= threshold.clamp(max=255).to(torch.uint8).numpy()
    return pictures ^ torch.from_numpy(turned * np.where(threshold < 256, 255, 0).astype(np.uint8))


def identity(pictures: Tensor, strength: Tensor) -> Tensor:
    """The picture as it is."""
    return pictures


LEVELS: dict[str, Operation] = {
    "identity": identity,
    "auto-contrast": auto_contrast,
    "equalize": equalize,
    "solarize": solarize,
    "color": color,
    "posterize": posterize,
    "contrast": contrast,
    "brightness": brightness,
    "sharpness": sharpness,
}
"""Name -> what changes levels and moves nothing."""

OPERATIONS = (*LEVELS, *MOVES)
"""The fourteen of the paper."""
ONE_WAY = ("identity", "auto-contrast", "equalize", "solarize", "posterize")
"""Those whose strength has no sign."""
FILTERS = {"nearest": affine, "bilinear": bilinear}


@dataclass(frozen=True)
class RandAugment:
    """n operations one after the other on each picture, each drawn from all fourteen, at magnitude m of 10."""

    n: int = 2
    """How many operations a picture goes through."""
    m: float = 9
    """Their magnitude, 0 for none to 10."""
    filter: str = "nearest"
    """How pixels are read when a picture is moved: nearest (equal to PIL) or bilinear (within one level of it)."""
    fill: int = 128
    """What is seen where there was no picture."""

    def __post_init__(self) -> None:
        if self.n < 0 or not 0 <= self.m <= 10:
            raise BadInput(f"RandAugment's n is {self.n} and its m {self.m}; n must be at least 0 and m from 0 to 10.")
        if self.filter not in FILTERS:
            raise BadInput(f"RandAugment's filter is {self.filter!r}; choose from 'bilinear', 'nearest'.")

    def __call__(self, pictures: Tensor, draws: Draws) -> Tensor:
        """uint8 [B, C, H, W] -> the same."""
        for layer in range(self.n):
            u = draws.at(layer).uniform(2)
            pictures = self.apply(pictures, (u[:, 0] * len(OPERATIONS)).long(), torch.where(u[:, 1] < 0.5, -1.0, 1.0))
        return pictures

    def apply(self, pictures: Tensor, chosen: Tensor, signs: Tensor) -> Tensor:
        """One operation each: the `chosen`-th of `OPERATIONS` [B], in the direction that the sign says [B]."""
        result, strengths = pictures.clone(), signs * (self.m / 10)
        view = result.numpy()  # whose rows are read and written faster
        groups = chosen.argsort(stable=True).split(chosen.bincount(minlength=len(OPERATIONS)).tolist())
        for name, rows in zip(LEVELS, groups, strict=False):
            if len(rows) and name != "identity":
                some = torch.from_numpy(view[rows.numpy()])
                view[rows.numpy()] = LEVELS[name](some, strengths[rows].abs() if name in ONE_WAY else strengths[rows]).numpy()
        rows = torch.cat(groups[len(LEVELS) :])
        if len(rows):
            matrices = [move(strengths[some], *pictures.shape[2:]) for move, some in zip(MOVES.values(), groups[len(LEVELS) :], strict=True)]
            view[rows.numpy()] = FILTERS[self.filter](torch.from_numpy(view[rows.numpy()]), torch.cat(matrices), self.fill).numpy()
        return result
