"""A picture becomes a sequence: its patches, each one vector (statement 4.1a)."""

from torch import Tensor, nn

from workings.layers.linear import Linear


def cut(pictures: Tensor, height: int, width: int) -> Tensor:
    """The patches in reading order, each as its numbers by channel, row and column. [B, C, H, W] -> [B, H / height * W / width, C height width]."""
    rows = pictures.unflatten(2, (-1, height)).unflatten(4, (-1, width))  # B C H/h h W/w w
    return rows.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def join(patches: Tensor, grid: tuple[int, int], height: int, width: int) -> Tensor:
    """The inverse of `cut`, for a grid of rows and columns of patches. [B, patches, C height width] -> [B, C, H, W]."""
    rows = patches.unflatten(1, grid).unflatten(3, (-1, height, width))  # B H/h W/w C h w
    return rows.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


class PatchEmbedding(nn.Module):
    """x_t = E p_t + e, the numbers p_t of the t-th patch times one matrix: what a convolution does whose stride is its size (Dosovitskiy et al. 2021).

    Parameters: `projection` E [D, C height width] and e [D].
    """

    def __init__(self, channels: int, patch_size: tuple[int, ...], outputs: int):
        super().__init__()
        self.height, self.width = height, width = patch_size
        self.projection = Linear(channels * height * width, outputs)

    def forward(self, pictures: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, patches, D]."""
        return self.projection(cut(pictures, self.height, self.width))
