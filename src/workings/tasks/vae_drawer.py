"""A VAE in use: it draws, and reads pictures too (statements 5.1a-5.1c, 6.3)."""

from typing import Any

import torch
from torch import Tensor

from workings.data.labeled import refuse_unknown
from workings.data.labeled_pictures import LabeledPictures
from workings.errors import BadInput
from workings.layers.pixel_values import pixel_values
from workings.models.classes import names_of
from workings.models.vae import VAE
from workings.objectives.elbo import elbo
from workings.tasks.drawer import Drawer, Drawn
from workings.tasks.drawing import COLUMNS, numbered
from workings.tasks.vae_scores import describe, estimated
from workings.tasks.vae_views import along, between, drawn, in_pairs, on_the_map


class VAEDrawer(Drawer):
    """What `workings.load` gives for a VAE."""

    task = "vae"

    def __init__(self, folder: Any, dtype: torch.dtype | None = None):
        super().__init__(folder, dtype)
        assert isinstance(self.model, VAE)
        s = self.settings
        self.vae: VAE = self.model
        self.names = names_of(s)
        self.shape, self.latent_shape = (s.channels, *s.image_size), (s.latent,)
        self.binarization = self.facts["binarization"]

    def decoded(self, z: Tensor, labels: Tensor | None, **choices: Any) -> Tensor:
        """The mean of p(x|z): noise [N, Z] and class numbers int64 [N] -> uint8 [N, C, H, W]."""
        if choices:
            raise BadInput(f"{next(iter(choices))!r} is no choice of a VAE, which draws in one step.")
        return drawn(self.vae, z, labels)

    @torch.no_grad()
    def encoded(self, pictures: Tensor) -> tuple[Tensor, Tensor | None]:
        """The means of q(z|x), [N, Z], and where the model knows classes, the one under which the bound of each picture is highest, int64 [N].

        pictures: uint8 [N, C, H, W], of the model's size.
        """
        if pictures.dtype != torch.uint8 or tuple(pictures.shape[1:]) != self.shape:
            wanted = f"torch.uint8 [pictures, {', '.join(map(str, self.shape))}]"
            raise BadInput(f"The pictures are {pictures.dtype} {list(pictures.shape)}; this model reads {wanted}.")
        x, labels = pixel_values(pictures, self.binarization), None
        if self.names:
            noise = torch.zeros(len(x), 1, self.settings.latent)
            bounds = [elbo(self.vae, x, noise, torch.full((len(x),), number)).value for number in range(len(self.names))]
            labels = torch.stack(bounds).argmax(0)
        return self.vae.encode(x, labels).mean[:, 0], labels

    def reconstruct(self, pictures: Tensor) -> Drawn:
        """Rows of pictures, and below each row what the model makes of them. pictures: uint8 [N, C, H, W]."""
        columns = min(COLUMNS, len(pictures))
        return Drawn(in_pairs(pictures, drawn(self.vae, *self.encoded(pictures)), columns), columns=columns)

    def between_pictures(self, start: Tensor, end: Tensor, steps: int = 8) -> Drawn:
        """From what the model makes of a picture to what it makes of another, straight through the latent; the class changes half way. uint8 [N, C, H, W]."""
        (first, label), (second, other) = self.encoded(start), self.encoded(end)
        told = None
        if label is not None and other is not None:
            late = torch.linspace(0, 1, steps) > 0.5
            told = torch.where(late[None], other[:, None], label[:, None]).flatten()
        return Drawn(drawn(self.vae, between(first, second, steps), told), columns=steps)

    def traverse(self, picture: Tensor, steps: int = 8) -> Drawn:
        """One picture's latent, changed along each of its dimensions from -3 to 3, a row for each. picture: uint8 [1, C, H, W]."""
        z, label = self.encoded(picture[:1])
        return Drawn(along(self.vae, z[0], torch.arange(self.settings.latent), label, steps), columns=steps)

    def map(self, steps: int = 15) -> Drawn:
        """Pictures on a grid over the latent, which must have two numbers; of the first class, where there are some."""
        if self.settings.latent != 2:
            raise BadInput(f"{self.folder} has a latent of {self.settings.latent} numbers, but a map has two; train one with --set model.latent=2.")
        return Drawn(on_the_map(self.vae, steps, 0 if self.names else None), columns=steps)

    def scores(self, pictures: LabeledPictures, samples: int = 0) -> dict[str, float]:
        """Bounds on pictures, and with samples the log-likelihood that so many give, with the numbers that pixels became in training."""
        if self.names:
            refuse_unknown(pictures.labels, self.names, pictures.where, "pictures")
        targets = numbered(pictures, self.names)
        scores = describe(self.vae, pictures, targets, self.binarization, self.facts.get("inner", 1)).scores
        return scores | (estimated(self.vae, pictures, targets, self.binarization, samples) if samples else {})
