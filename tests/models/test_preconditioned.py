"""A network behind its preconditioning says the data, whatever it predicts and however the noise is scaled."""

import pytest
import torch

from tests.generation.diffusion_models import Bent, D, randn
from workings.models.preconditioned import Denoiser
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule
from workings.objectives.parameterization import clean, said

KINDS = [(schedule, prediction) for schedule in ("linear", "cosine", "flow") for prediction in ("eps", "x0", "v", "velocity")]


@pytest.mark.parametrize(("schedule", "prediction"), KINDS)
def test_a_network_that_says_the_truth_gives_the_data_back(schedule, prediction):
    settings = DiffusionSettings(schedule=schedule, prediction=prediction)
    made, x, eps = noise_schedule(settings), randn(7, D), randn(7, D, seed=1)
    sigma = made.sigma(torch.linspace(0, 0.9, 7, dtype=torch.float64))
    alpha = made.alpha(sigma)[:, None]

    class Truth(torch.nn.Module):
        def forward(self, z, time, condition):
            torch.testing.assert_close(z, alpha * (x + sigma[:, None] * eps))
            torch.testing.assert_close(time, made.told(sigma))
            return said(prediction, x, z, alpha, sigma[:, None])

    torch.testing.assert_close(Denoiser(Truth(), settings)(x + sigma[:, None] * eps, sigma), x, rtol=1e-7, atol=1e-7)


@torch.no_grad()
@pytest.mark.parametrize(("schedule", "prediction"), KINDS)
def test_what_a_network_says_is_read_by_the_table_row_by_row(schedule, prediction):
    settings, network = DiffusionSettings(schedule=schedule, prediction=prediction), Bent()
    made, noisy, label = noise_schedule(settings), randn(3, D), torch.tensor([0, 1, 2])
    sigma = torch.tensor([0.05, 1.0, 20.0], dtype=torch.float64)
    whole = Denoiser(network, settings)(noisy, sigma, label)
    for row in range(3):
        alpha = made.alpha(sigma[row])
        p = network(alpha * noisy[row : row + 1], made.told(sigma[row])[None], label[row : row + 1])[0]
        torch.testing.assert_close(whole[row], clean(prediction, p, alpha * noisy[row], alpha, sigma[row]), rtol=1e-9, atol=1e-9)


def test_one_noise_for_all_rows_is_that_noise_for_each():
    denoiser, noisy = Denoiser(Bent(), DiffusionSettings()), randn(3, D)
    torch.testing.assert_close(denoiser(noisy, 0.7), denoiser(noisy, torch.full((3,), 0.7, dtype=torch.float64)))


def test_pictures_keep_their_shape_and_type_and_a_blank_model_its_schedule():
    with torch.device("meta"):
        denoiser = Denoiser(torch.nn.Conv2d(3, 3, 1), DiffusionSettings())
    assert denoiser.network.weight.is_meta and denoiser.schedule.sigma_max > 1000

    class Short(torch.nn.Module):
        def forward(self, z, time, condition):
            return z.bfloat16()

    estimate = Denoiser(Short(), DiffusionSettings())(torch.randn(2, 3, 5, 7), 0.5)
    assert estimate.shape == (2, 3, 5, 7) and estimate.dtype == torch.float32
