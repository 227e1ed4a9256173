"""Augmentation on whole batches of uint8 pictures (statements 4.2b, 6.1d): functions (pictures [B, C, H, W], draws) -> pictures, one after the other.

What is drawn for a picture depends on (seed, step, its row in the whole batch, its place in the chain) and on nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workings.data.draws import Draws
from workings.errors import BadInput

Augmentation = Callable[[Tensor, Draws], Tensor]
OUTSIDE: dict[str, Callable[[Tensor, int], Tensor]] = {
    "zeros": lambda pictures, p: torch.nn.functional.pad(pictures, (p, p, p, p)),
    "edge": lambda pictures, p: torch.from_numpy(np.pad(pictures.numpy(), ((0, 0), (0, 0), (p, p), (p, p)), "edge")),
    "reflect": lambda pictures, p: torch.from_numpy(np.pad(pictures.numpy(), ((0, 0), (0, 0), (p, p), (p, p)), "reflect")),
}
"""What lies around a picture, `p` pixels of it: black, its border again and again, or its mirror image."""


AT_ONCE = 2**18
"""Numbers that are resized in one go: more would leave the processor's cache."""


class Chain:
    """Augmentations one after the other, each with draws of its own; any function (pictures, draws) -> pictures is one."""

    def __init__(self, parts: list[Augmentation]):
        self.parts = parts

    def __call__(self, pictures: Tensor, draws: Draws) -> Tensor:
        """uint8 [B, C, H, W] -> [B, C, H', W']. draws: of these B rows."""
        if pictures.dtype != torch.uint8 or pictures.ndim != 4 or len(pictures) != len(draws.rows):
            raise BadInput(f"The pictures are {pictures.dtype} {list(pictures.shape)}; augmentation takes torch.uint8 [{len(draws.rows)}, C, H, W].")
        for place, part in enumerate(self.parts):
            pictures = part(pictures, draws.at(place))
        return pictures


@dataclass(frozen=True)
class Flip:
    """The mirror image, left for right, with probability p."""

    p: float = 0.5

    def __call__(self, pictures: Tensor, draws: Draws) -> Tensor:
        """[B, C, H, W] -> the same."""
        return mirrored(pictures, draws.uniform()[:, 0] < self.p)


@dataclass(frozen=True)
class AlternatingFlip:
    """The mirror image, left for right, of half of the pictures in the first epoch, of the others in the second, and so on (Jordan 2024).

    Two epochs see every picture both ways; flips that are drawn anew show the same side twice to half of them. `draws` has to know what is seen when.
    """

    def __call__(self, pictures: Tensor, draws: Draws) -> Tensor:
        """[B, C, H, W] -> the same."""
        of_examples, epochs = draws.of_examples()
        return mirrored(pictures, (of_examples.uniform()[:, 0] < 0.5) ^ (epochs % 2 == 1))


def mirrored(pictures: Tensor, which: Tensor) -> Tensor:
    """Some pictures left for right. pictures: [B, C, H, W]; which: bool [B]. -> the same."""
    result, rows = pictures.clone(), which.numpy()
    view = result.numpy()
    view[rows] = view[rows][..., ::-1]
    return result


@dataclass(frozen=True)
class PadCrop:
    """A window of `size` somewhere in the picture with `padding` pixels around it, every place as likely as any other."""

    padding: int = 4
    size: tuple[int, int] | None = None
    """Height and width of the window; the picture's own if not given."""
    outside: str = "zeros"
    """What is around: zeros, edge or reflect."""

    def __post_init__(self) -> None:
        if self.padding < 0 or self.outside not in OUTSIDE:
            raise BadInput(f"The padding is {self.padding} of {self.outside!r}; it must be at least 0, of 'edge', 'reflect' or 'zeros'.")

    def __call__(self, pictures: Tensor, draws: Draws) -> Tensor:
        """[B, C, H, W] -> [B, C, *size]."""
        height, width = self.size or pictures.shape[2:]
        down, right = (side + 2 * self.padding - wanted for side, wanted in zip(pictures.shape[2:], (height, width), strict=True))
        if min(down, right) < 0:
            raise BadInput(f"Pictures of {list(pictures.shape[2:])} with {self.padding} around them hold no window of {[height, width]}; take a smaller one.")
        u = draws.uniform(2)
        return windows(pictures, self.padding, self.outside, (u[:, 0] * (down + 1)).long(), (u[:, 1] * (right + 1)).long(), height, width)


@dataclass(frozen=True)
class Shift:
    """The picture moved by up to `pixels` up or down and left or right."""

    pixels: int = 2
    outside: str = "zeros"
    """What comes in: zeros, edge or reflect."""

    def __call__(self, pictures: Tensor, draws: Draws) -> Tensor:
        """[B, C, H, W] -> the same."""
        return PadCrop(self.pixels, outside=self.outside)(pictures, draws)


def windows(pictures: Tensor, padding: int, outside: str, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """The window of each padded picture whose upper left corner is at (top, left). top, left: int64 [B]. -> [B, C, height, width]."""
    padded = OUTSIDE[outside](pictures, padding).numpy()
    every = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))  # B C places places height width
    batch, channels = np.arange(len(padded))[:, None], np.arange(padded.shape[1])
    return torch.from_numpy(every[batch, channels, top.numpy()[:, None], left.numpy()[:, None]])


@dataclass(frozen=True)
class RandomResizedCrop:
    """A part of the picture, of a drawn area and a drawn shape at a drawn place, resized to `size` (Szegedy et al. 2015)."""

    size: tuple[int, int]
    area: tuple[float, float] = (0.08, 1.0)
    """The share of the picture, uniform between these."""
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Width by height, its logarithm uniform between these."""

    TRIES = 10

    def __post_init__(self) -> None:
        if not 0 < self.area[0] <= self.area[1] <= 1 or not 0 < self.ratio[0] <= self.ratio[1]:
            raise BadInput(f"The crop's area is {self.area} and its ratio {self.ratio}; give (low, high), areas above 0 and up to 1, ratios above 0.")

    def __call__(self, pictures: Tensor, draws: Draws) -> Tensor:
        """[B, C, H, W] -> [B, C, *size]."""
        boxes = self.boxes(draws, *pictures.shape[2:])
        rows = max(1, AT_ONCE // pictures[:1].numel())
        parts = zip(pictures.split(rows), boxes.split(rows), strict=True)
        return torch.cat([resized(some, of_some, self.size) for some, of_some in parts])

    def boxes(self, draws: Draws, height: int, width: int) -> Tensor:
        """(top, left, height, width) of each part, int64 [B, 4]: the first of ten tries that fits, or the largest allowed shape in the middle."""
        u = draws.uniform(4 * self.TRIES).view(-1, self.TRIES, 4)
        area = height * width * (self.area[0] + u[..., 0] * (self.area[1] - self.area[0]))
        low, high = np.log(self.ratio)
        ratio = (low + u[..., 1] * (high - low)).exp()
        w, h = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (w >= 1) & (w <= width) & (h >= 1) & (h <= height)
        top, left = (u[..., 2] * (height - h + 1)).floor(), (u[..., 3] * (width - w + 1)).floor()
        tries = torch.stack([top, left, h, w], dim=-1).long()  # B tries 4
        first = tries[torch.arange(len(tries)), fits.long().argmax(1)]
        w0, h0 = min(width, round(height * self.ratio[1])), min(height, round(width / self.ratio[0]))
        middle = torch.tensor([(height - h0) // 2, (width - w0) // 2, h0, w0])
        return torch.where(fits.any(1, keepdim=True), first, middle)


def resized(pictures: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """A box of each picture at another size, by the triangle filter of PIL ("bilinear"), within one level of it. boxes: [B, 4]. -> uint8 [B, C, *size].

    y = R x S^T with one matrix for the rows and one for the columns of each picture.
    """
    (batch, channels, height, width), (top, left, box_height, box_width) = pictures.shape, boxes.unbind(1)
    rows, columns = triangle(top, box_height, height, size[0]), triangle(left, box_width, width, size[1])
    x = torch.bmm(rows, pictures.transpose(1, 2).float().reshape(batch, height, channels * width))
    x = torch.bmm(x.view(batch, size[0] * channels, width), columns.transpose(1, 2)).add_(0.5).clamp_(0, 255)
    return x.to(torch.uint8).view(batch, size[0], channels, size[1]).transpose(1, 2).contiguous()


def triangle(start: Tensor, length: Tensor, inputs: int, outputs: int) -> Tensor:
    """What each of the inputs counts in each of the outputs, falling to 0 over one pixel of the coarser of both grids, float32 [B, outputs, inputs]."""
    scale = (length / outputs)[:, None, None]
    middles = start[:, None, None] + (torch.arange(outputs)[:, None] + 0.5) * scale
    weights = (torch.arange(inputs) + 0.5 - middles).abs_().div_(-scale.clamp(min=1)).add_(1).clamp_(min=0)
    return weights.div_(weights.sum(2, keepdim=True))


@dataclass(frozen=True)
class Erase:
    """With probability p a rectangle of a drawn area and a drawn shape at a drawn place is filled (Zhong et al. 2020)."""

    p: float = 0.25
    area: tuple[float, float] = (0.02, 1 / 3)
    """The share of the picture, uniform between these."""
    ratio: tuple[float, float] = (0.3, 10 / 3)
    """Width by height, its logarithm uniform between these."""
    fill: int = 0

    def __call__(self, pictures: Tensor, draws: Draws) -> Tensor:
        """[B, C, H, W] -> the same."""
        result, (height, width) = pictures.clone(), pictures.shape[2:]
        hit = (draws.at(1).uniform()[:, 0] < self.p).nonzero()[:, 0]
        boxes = RandomResizedCrop((1, 1), self.area, self.ratio).boxes(draws.at(0).of(draws.rows[hit]), height, width)
        top, left, h, w = boxes[:, :, None].unbind(1)
        y, x = torch.arange(height), torch.arange(width)
        rows, columns = (y >= top) & (y < top + h), (x >= left) & (x < left + w)
        result[hit] = pictures[hit].masked_fill_(rows[:, None, :, None] & columns[:, None, None], self.fill)
        return result
