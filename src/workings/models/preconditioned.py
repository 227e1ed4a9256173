"""D(x, sigma, condition): a network with its preconditioning, the one interface that losses, bounds and samplers know (statement 5.3a)."""

from typing import Any

import torch
from torch import Tensor, nn

from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule
from workings.objectives.parameterization import Preconditioning


class Denoiser(nn.Module):
    """D(x, sigma, condition) = c_skip x + c_out F(c_in x, c_noise, condition), an estimate of the data in x = data + sigma eps.

    Karras et al. 2022, equation 7. network: F(input [B, ...], time [B], condition) -> [B, ...], whose condition None says nothing. A schedule that scales the
    data, z = alpha (data + sigma eps), has the same x = z / alpha.
    """

    def __init__(self, network: nn.Module, settings: DiffusionSettings):
        super().__init__()
        self.network, self.settings = network, settings
        self.schedule = noise_schedule(settings)
        self.preconditioning = Preconditioning(settings, self.schedule)

    def forward(self, x: Tensor, sigma: Tensor | float, condition: Any = None) -> Tensor:
        """x: [B, ...]; sigma: [B], or one for all, above 0; condition: whatever the network takes. Returns the estimate, [B, ...], of the type of x."""
        sigma = torch.as_tensor(sigma, dtype=torch.float64).expand(len(x))
        c = self.preconditioning(sigma)
        skip, out, into = (one.to(x.device, x.dtype).view(-1, *[1] * (x.ndim - 1)) for one in (c.skip, c.out, c.into))
        said = self.network(into * x, c.noise.to(x.device, x.dtype), condition)
        return skip * x + out * said.to(x.dtype)
