"""The settings of variational autoencoders. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput
from workings.models.picture_settings import PictureSettings

WIDTHS = {"mlp": (400,), "convolutional": (32, 64)}
"""The widths that a body has if none are given."""


@dataclass(kw_only=True, frozen=True)
class VAESettings(PictureSettings):
    """Sizes and switches of the variational autoencoder (5.1a-5.1c). With classes, the label is told to encoder and decoder."""

    latent: int = 20
    """The dimensions of the latent z, whose prior is N(0, I) (5.1a)."""
    body: Literal["mlp", "convolutional"] = "mlp"
    """What encoder and decoder are made of: fully connected layers, or convolutions that halve and double the picture."""
    widths: tuple[int, ...] = ()
    """The encoder's hidden layers, the decoder's in reverse (mlp), or the channels of each halving (convolutional); empty takes 400, or 32 and 64."""
    hidden: int = 256
    """The width of the layer between the smallest map and the latents (convolutional)."""
    phi: Literal["relu", "tanh", "gelu", "silu"] = "relu"
    """The nonlinearity."""
    posterior: Literal["diagonal", "full"] = "diagonal"
    """The covariance of q(z|x): diagonal, or full by its Cholesky factor (5.1c)."""
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    """What p(x|z) is: a coin for each pixel, for binary pictures, or a normal distribution with mean and variance from the decoder (5.1b)."""
    variance: Literal["pixel", "picture", "shared", "fixed"] = "shared"
    """Of a Gaussian p(x|z): learned for each pixel or each picture by the decoder, learned as one number for all, or fixed."""
    sigma: float = 0.1
    """The deviation of a Gaussian p(x|z), in parts of the range from black to white: the fixed one, or where learning begins."""
    floor: float = 0.0005
    """The least deviation that can be learned; a gray level is 0.0039."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.latent < 1:
            raise BadInput(f"model.latent is {self.latent}; a VAE needs at least one latent dimension to describe a picture with.")
        object.__setattr__(self, "widths", self.widths or WIDTHS[self.body])
        self.check_sizes(widths=self.widths, hidden=(self.hidden,))
        if self.body == "convolutional" and min(self.image_size) < 2 ** len(self.widths):
            raise BadInput(f"model.image_size {list(self.image_size)} is too small to be halved {len(self.widths)} times; use fewer model.widths.")
        if not 0 < self.floor < self.sigma:
            raise BadInput(f"model.floor is {self.floor} and model.sigma {self.sigma}; the floor must be above 0 and below sigma.")

    @property
    def pixels(self) -> int:
        """The numbers of a picture, D = C H W."""
        return self.channels * self.image_size[0] * self.image_size[1]
