"""The operations of RandAugment on one picture of PIL, as people write them: the peer of `benchmarks/augmentation.py` and the oracle of the tests."""

from PIL import Image, ImageEnhance, ImageOps

FILTERS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR}


def operate(name: str, picture: Image.Image, strength: float, how: str = "nearest", fill: int = 128) -> Image.Image:
    """One operation. strength: as `workings.data.rand_augment` has it."""
    color = fill if picture.mode == "L" else (fill,) * 3
    affine = {
        "shear-x": lambda: (1, 0.3 * strength, 0, 0, 1, 0),
        "shear-y": lambda: (1, 0, 0, 0.3 * strength, 1, 0),
        "translate-x": lambda: (1, 0, round(0.45 * picture.width * strength), 0, 1, 0),
        "translate-y": lambda: (1, 0, 0, 0, 1, round(0.45 * picture.height * strength)),
    }
    if name in affine:
        return picture.transform(picture.size, Image.Transform.AFFINE, affine[name](), FILTERS[how], fillcolor=color)
    return {
        "identity": lambda: picture,
        "auto-contrast": lambda: ImageOps.autocontrast(picture),
        "equalize": lambda: ImageOps.equalize(picture),
        "rotate": lambda: picture.rotate(30 * strength, FILTERS[how], fillcolor=color),
        "solarize": lambda: ImageOps.solarize(picture, round(256 * (1 - strength))),
        "color": lambda: ImageEnhance.Color(picture).enhance(1 + 0.9 * strength),
        "posterize": lambda: ImageOps.posterize(picture, 8 - round(4 * strength)),
        "contrast": lambda: ImageEnhance.Contrast(picture).enhance(1 + 0.9 * strength),
        "brightness": lambda: ImageEnhance.Brightness(picture).enhance(1 + 0.9 * strength),
        "sharpness": lambda: ImageEnhance.Sharpness(picture).enhance(1 + 0.9 * strength),
    }[name]()
