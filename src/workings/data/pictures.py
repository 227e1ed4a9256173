"""Pictures from files and tensors, prepared for a model as its settings say."""

import io
import math
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from workings.data.picture_settings import Filter, Preparation
from workings.errors import BadInput

SUFFIXES = frozenset(".png .jpg .jpeg .jpe .jfif .gif .bmp .webp .tif .tiff .ppm .pgm .pbm .pnm .tga .ico .avif".split())
"""Files of a folder that are taken for pictures."""

LARGEST = 89_478_485
"""Pixels of a picture that are taken, which is where Pillow begins to warn: decoded, more would fill a quarter of a gigabyte."""

DAMAGED = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning)
DAMAGED += (struct.error, zlib.error, LookupError, TypeError, OverflowError, MemoryError, RuntimeError)
"""What Pillow raises at bytes that are no picture, or no longer one."""

FILTERS = {name: Image.Resampling(number) for number, name in enumerate(get_args(Filter))}


@contextmanager
def opened(source: str | Path | bytes, name: str = "") -> Iterator[Image.Image]:
    """A picture of which only the head has been read: a file, or what is in one. name: what it is called when it cannot be read."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
            if picture.width * picture.height > LARGEST:
                raise ValueError(f"{picture.width:,} x {picture.height:,} pixels are more than the {LARGEST:,} that are taken")
            yield picture
    except DAMAGED as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else " ".join(str(error).split()).rstrip(".")
        if isinstance(error, UnidentifiedImageError):
            empty = not source if isinstance(source, bytes) else not Path(source).stat().st_size
            reason = "it is empty" if empty else "it is of no kind that is known"
        raise BadInput(f"{name or source} cannot be read as a picture: {reason}.") from error


def open_picture(source: str | Path | bytes, channels: int = 3, side: int = 0, name: str = "") -> Image.Image:
    """A picture in red, green and blue (or gray), 8 bits a channel, upright as its camera says; of an animation, the first.

    side: how long its shorter side will be made, or 0. A JPEG is then decoded at a half, a quarter or an eighth of its size, if that is still twice as long.
    """
    with opened(source, name) as picture:
        if side:
            picture.draft(None, (2 * side, 2 * side))
        return plain(ImageOps.exif_transpose(picture), channels)


def read_pixels(source: str | Path | bytes, how: Preparation, name: str = "", side: int = 0) -> Tensor:
    """A picture as large as `resize` says, before the middle is taken. -> uint8 [C, H, W]. Other arguments as `open_picture`.

    One that is much longer than it is wide can be small before and huge afterwards, and is refused like those that are huge.
    """
    picture = open_picture(source, how.channels, side, name)
    height, width = sides(picture.height, picture.width, how)
    if height * width > LARGEST:
        raise BadInput(
            f"{name or source} is {picture.width:,} x {picture.height:,}, which would become {width:,} x {height:,}, "
            f"more than the {LARGEST:,} pixels that are taken; cut it to a shape that is less long."
        )
    return resized_pixels(picture, how)


@contextmanager
def huge_pictures_refused() -> Iterator[None]:
    """Within this, Pillow is silent about pictures of more than `LARGEST` pixels, since `open_picture` refuses them with a sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def plain(picture: Image.Image, channels: int = 3) -> Image.Image:
    """The picture with 8 bits a channel: 16 bits are scaled down, what is transparent lies on white."""
    if picture.mode.startswith("I"):  # 16 bits, or 32 that hold 16
        picture = Image.fromarray((np.asarray(picture).clip(0, 65_535) / 257 + 0.5).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB" if channels == 3 else "L")


def sides(height: int, width: int, how: Preparation) -> tuple[int, int]:
    """Height and width of a picture of this height and width after `resize`."""
    if how.resize == "none":
        return height, width
    if how.resize == "stretch":
        return how.size[0], how.size[1]
    short = min(height, width)
    height, width = (how.size[0] if side == short else int(how.size[0] * side / short) for side in (height, width))
    return height, width


def image_of(pixels: Tensor) -> Image.Image:
    """uint8 [C, H, W], of 1, 3 or (with opacity) 4 channels, as Pillow's picture."""
    rows = pixels.permute(1, 2, 0).numpy()
    return Image.fromarray(np.ascontiguousarray(rows[..., 0] if rows.shape[2] == 1 else rows))


def png(pixels: Tensor) -> bytes:
    """The same as a file."""
    file = io.BytesIO()
    image_of(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def resized(picture: Image.Image, how: Preparation) -> Image.Image:
    """The picture as large as `resize` says: stretched, or its shorter side of that length and the longer one in proportion, rounded down."""
    height, width = sides(picture.height, picture.width, how)
    return picture if picture.size == (width, height) else picture.resize((width, height), FILTERS[how.filter])


def cropped(x: Tensor, crop: Sequence[int]) -> Tensor:
    """The middle of a picture, rounded towards the upper left; where it is smaller than that, zeros around it. [..., H, W] -> [..., *crop]."""
    if not crop:
        return x
    height, width = x.shape[-2:]
    down, right = (max(wanted - has, 0) for wanted, has in zip(crop, (height, width), strict=True))
    x = torch.nn.functional.pad(x, (math.ceil(right / 2), right // 2, math.ceil(down / 2), down // 2))
    top, left = ((has - wanted) // 2 for wanted, has in zip(crop, x.shape[-2:], strict=True))
    return x[..., top : top + crop[0], left : left + crop[1]]


def numbers(pixels: Tensor, how: Preparation) -> Tensor:
    """(x scale - mean) / std of the middle. pixels: [..., C, H, W], 0 ... 255 -> float32."""
    mean, std = (torch.tensor(values, device=pixels.device)[:, None, None] for values in (how.mean, how.std))
    return (cropped(pixels, how.crop).float() * how.scale - mean) / std


def pixels_of(x: Tensor, how: Preparation) -> Tensor:
    """The pixels that a model's numbers were made from: `numbers` turned around. x: [..., C, H, W] -> uint8."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (how.mean, how.std))
    return ((x * std + mean) / how.scale).round().clamp(0, 255).byte()


def prepared(picture: Image.Image, how: Preparation) -> Tensor:
    """One picture as its model wants it. -> [C, H, W], float32."""
    return numbers(resized_pixels(picture, how), how)


def resized_pixels(picture: Image.Image, how: Preparation) -> Tensor:
    """One picture as large as `resize` says, before the middle is taken. -> uint8 [C, H, W]."""
    pixels = torch.from_numpy(np.array(resized(plain(picture, how.channels), how)))
    return pixels[None] if how.channels == 1 else pixels.permute(2, 0, 1)


def prepared_pixels(pixels: Tensor, how: Preparation) -> Tensor:
    """Pictures of one size as their model wants them. pixels: uint8 [B, C, H, W] -> [B, C, H', W'], float32; the same as `prepared` of each."""
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != how.channels:
        raise BadInput(f"The pictures are {pixels.dtype} {list(pixels.shape)}; give torch.uint8 [pictures, {how.channels}, height, width].")
    if sides(pixels.shape[2], pixels.shape[3], how) == tuple(pixels.shape[2:]):
        return numbers(pixels, how)
    rows = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return torch.stack([prepared(Image.fromarray(row[..., 0] if how.channels == 1 else row), how) for row in rows])


def batches(paths: Sequence[str], how: Preparation, size: int) -> Iterator[tuple[list[str], Tensor | None, list[tuple[str, BadInput]]]]:
    """Up to `size` pictures at a time: the files, their numbers [B, C, H, W] (None if all are broken), and what is broken, with the reason.

    Pictures that stay of different sizes come one by one.
    """
    size = size if how.alike else 1
    for start in range(0, len(paths), size):
        read, broken = {}, []
        with huge_pictures_refused():
            for path in paths[start : start + size]:
                try:
                    read[path] = numbers(read_pixels(path, how), how)
                except BadInput as error:
                    broken.append((path, error))
        yield list(read), torch.stack(list(read.values())) if read else None, broken
