"""What a picture model refuses to look at."""

from torch import Tensor

from workings.errors import BadInput


def check_pictures(pictures: Tensor, channels: int, image_size: tuple[int, ...]) -> None:
    """The pictures must be [B, C, H, W] of the size that the model was made for."""
    if pictures.ndim != 4 or tuple(pictures.shape[1:]) != (channels, *image_size):
        wanted = f"[pictures, {channels}, {image_size[0]}, {image_size[1]}]"
        raise BadInput(f"The pictures are {list(pictures.shape)}; this model takes {wanted}. Resize them, or make a model for their size.")
