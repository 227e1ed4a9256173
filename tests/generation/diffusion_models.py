"""Networks and data for the tests of diffusion: something nonlinear to ask, and a mixture whose denoiser is known."""

import torch
from torch import Tensor, nn

from workings.blackboard import diffusion as blackboard

D = 5
WEIGHTS = [0.2, 0.5, 0.3]
MEANS = [torch.tensor([0.9, -0.7], dtype=torch.float64), torch.tensor([-0.6, 0.1], dtype=torch.float64), torch.tensor([0.3, 0.8], dtype=torch.float64)]
VARIANCES = [torch.tensor([0.04, 0.02], dtype=torch.float64), torch.tensor([0.01, 0.09], dtype=torch.float64), torch.tensor([0.03, 0.03], dtype=torch.float64)]


class Bent(nn.Module):
    """F(x, noise, label) = tanh(A x + b noise + c label), float64: something that depends on everything it is told."""

    def __init__(self, width: int = D, seed: int = 0):
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.a = nn.Parameter(torch.randn(width, width, generator=g, dtype=torch.float64))
        self.b = nn.Parameter(torch.randn(width, generator=g, dtype=torch.float64))

    def forward(self, x: Tensor, noise: Tensor, label: Tensor | None = None) -> Tensor:
        shown = self.b * (noise / 7).cos()[:, None]
        return torch.tanh(x @ self.a.T + shown + (0 if label is None else 0.3 * label[:, None]))

    def one(self, x: Tensor, noise: float) -> Tensor:
        """For one vector."""
        return self(x[None], torch.tensor([noise], dtype=torch.float64))[0]


def mixture(x: Tensor, sigma: Tensor | float, condition: Tensor | None = None) -> Tensor:
    """The exact denoiser of the mixture, for many at once: [B, 2]."""
    sigma = torch.as_tensor(sigma, dtype=torch.float64).expand(len(x))
    return torch.stack([blackboard.mixture_denoiser(row.double(), float(s), WEIGHTS, MEANS, VARIANCES) for row, s in zip(x, sigma, strict=True)]).to(x.dtype)


def batched(x: Tensor, sigma: float) -> Tensor:
    """The same, quickly."""
    means, spreads = torch.stack(MEANS), torch.stack(VARIANCES) + sigma**2  # K 2
    logs = torch.tensor(WEIGHTS).double().log() - ((x[:, None] - means) ** 2 / spreads + spreads.log()).sum(-1) / 2  # B K
    each = means + torch.stack(VARIANCES) / spreads * (x[:, None] - means)
    return (logs.softmax(-1)[..., None] * each).sum(1)


def randn(*shape: int, seed: int = 0) -> Tensor:
    """float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
