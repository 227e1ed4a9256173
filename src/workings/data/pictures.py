"""Pictures from files and tensors, prepared for a model as its settings say."""

import math
from collections.abc import Iterator, Sequence
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

FILTERS = {name: Image.Resampling(number) for number, name in enumerate(get_args(Filter))}


def picture_files(path: str | Path) -> list[Path]:
    """The pictures of a folder and of the folders in it, in alphabetical order; a file is itself."""
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path} does not exist; name a picture or a folder of pictures.")
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not found:
        raise BadInput(f"{path} holds no pictures; files that end in {', '.join(sorted(SUFFIXES))} would be taken.")
    return found


def open_picture(path: str | Path, channels: int = 3) -> Image.Image:
    """A picture in red, green and blue (or gray), 8 bits a channel, upright as its camera says; of an animation, the first."""
    try:
        with Image.open(path) as picture:
            return plain(ImageOps.exif_transpose(picture), channels)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        reason = "it is of no kind that is known" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        raise BadInput(f"{path} cannot be read as a picture: {reason}.") from error


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


def prepared(picture: Image.Image, how: Preparation) -> Tensor:
    """One picture as its model wants it. -> [C, H, W], float32."""
    pixels = torch.from_numpy(np.array(resized(plain(picture, how.channels), how)))
    return numbers(pixels[None] if how.channels == 1 else pixels.permute(2, 0, 1), how)


def prepared_pixels(pixels: Tensor, how: Preparation) -> Tensor:
    """Pictures of one size as their model wants them. pixels: uint8 [B, C, H, W] -> [B, C, H', W'], float32; the same as `prepared` of each."""
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != how.channels:
        raise BadInput(f"The pictures are {pixels.dtype} {list(pixels.shape)}; give torch.uint8 [pictures, {how.channels}, height, width].")
    if how.resize == "none" or (how.resize == "stretch" and tuple(pixels.shape[2:]) == how.size):
        return numbers(pixels, how)
    rows = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return torch.stack([prepared(Image.fromarray(row[..., 0] if how.channels == 1 else row), how) for row in rows])


def batches(paths: Sequence[Path], how: Preparation, size: int) -> Iterator[tuple[list[Path], Tensor | None, list[tuple[Path, BadInput]]]]:
    """Up to `size` pictures at a time: the files, their numbers [B, C, H, W] (None if all are broken), and what is broken, with the reason.

    Pictures that stay of different sizes come one by one.
    """
    size = size if how.crop or how.resize == "stretch" else 1
    for start in range(0, len(paths), size):
        read, broken = {}, []
        for path in paths[start : start + size]:
            try:
                read[path] = prepared(open_picture(path, how.channels), how)
            except BadInput as error:
                broken.append((path, error))
        yield list(read), torch.stack(list(read.values())) if read else None, broken
