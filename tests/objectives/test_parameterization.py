"""One table of what networks predict: every conversion and its return, the formulas of the papers, and the preconditionings that follow."""

from itertools import product

import pytest
import torch

from workings.blackboard import diffusion as blackboard
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule
from workings.objectives.parameterization import TABLE, Preconditioning, clean, converted, said

SCHEDULES = ("linear", "cosine", "flow")


def case(schedule: str, rows: int = 7) -> tuple[torch.Tensor, ...]:
    """x, eps, z [rows, 5] and alpha, sigma [rows, 1] of a schedule."""
    torch.manual_seed(0)
    x, eps = torch.randn(2, rows, 5, dtype=torch.float64)
    made = noise_schedule(DiffusionSettings(schedule=schedule))
    sigma = made.sigma(torch.linspace(0, 1, rows, dtype=torch.float64))[:, None]
    alpha = made.alpha(sigma)
    return x, eps, alpha * (x + sigma * eps), alpha, sigma


@pytest.mark.parametrize(("schedule", "given", "wanted"), product(SCHEDULES, TABLE, TABLE))
def test_every_prediction_turns_into_every_other_and_back(schedule, given, wanted):
    x, eps, z, alpha, sigma = case(schedule)
    true = {"x0": x, "eps": eps, "v": alpha * eps - alpha * sigma * x, "velocity": eps - x}
    loose = dict(rtol=1e-7, atol=1e-7 * float(sigma.max()))  # sigma reaches 2e4: what eps says of x is divided by 1 / sigma
    torch.testing.assert_close(converted(true[given], given, wanted, z, alpha, sigma), true[wanted], **loose)
    there = torch.randn_like(x)
    torch.testing.assert_close(converted(converted(there, given, wanted, z, alpha, sigma), wanted, given, z, alpha, sigma), there, **loose)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_data_that_a_prediction_means_are_those_of_the_papers_formulas(schedule):
    x, eps, z, alpha, sigma = case(schedule)
    p = torch.randn_like(x)
    for row, (a, s) in enumerate(zip(alpha[:, 0].tolist(), (alpha * sigma)[:, 0].tolist(), strict=True)):
        expected = {"x0": p[row], "eps": blackboard.x_from_eps(z[row], p[row], a, s)}
        expected |= {"velocity": blackboard.x_from_velocity(z[row], p[row], s)} if schedule == "flow" else {"v": blackboard.x_from_v(z[row], p[row], a, s)}
        for name, value in expected.items():
            torch.testing.assert_close(clean(name, p[row], z[row], alpha[row], sigma[row]), value, rtol=1e-9, atol=1e-9)


def test_the_velocity_of_a_flow_is_the_slope_of_its_line_and_v_is_the_slope_of_a_circle():
    """d/dt ((1 - t) x + t eps) and d/dphi (cos phi x + sin phi eps), by differences."""
    x, eps = torch.randn(2, 5, dtype=torch.float64)
    t, h = 0.37, 1e-6
    slope = (blackboard.flowed(x, t + h, eps) - blackboard.flowed(x, t - h, eps)) / (2 * h)
    alpha, sigma = torch.tensor(1 - t).double(), torch.tensor(t / (1 - t)).double()
    torch.testing.assert_close(said("velocity", x, blackboard.flowed(x, t, eps), alpha, sigma), slope, rtol=0, atol=1e-6)
    phi = torch.tensor(0.8, dtype=torch.float64)
    slope = ((phi + h).cos() - (phi - h).cos()) / (2 * h) * x + ((phi + h).sin() - (phi - h).sin()) / (2 * h) * eps
    torch.testing.assert_close(said("v", x, phi.cos() * x + phi.sin() * eps, phi.cos(), phi.tan()), slope, rtol=0, atol=1e-6)


@pytest.mark.parametrize("prediction", TABLE)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_plain_preconditioning_is_the_table(schedule, prediction):
    _, _, z, alpha, sigma = case(schedule)
    p = torch.randn_like(z)
    c = Preconditioning(DiffusionSettings(schedule=schedule, prediction=prediction))(sigma)
    assert torch.equal(c.into, alpha)
    torch.testing.assert_close(c.skip * z / alpha + c.out * p, clean(prediction, p, z, alpha, sigma), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("schedule", [*SCHEDULES, "edm"])
def test_with_edm_what_enters_and_what_is_to_be_said_have_size_one_at_every_noise(schedule):
    """Var(c_in x) = 1 and Var((data - c_skip x) / c_out) = 1 for data of deviation sigma_data (Karras et al. 2022, appendix B.6)."""
    settings = DiffusionSettings(schedule=schedule, prediction="edm", sigma_data=0.7)
    sigma = noise_schedule(settings).sigma(torch.linspace(0, 1, 11, dtype=torch.float64))
    c = Preconditioning(settings)(sigma)
    one = torch.ones_like(sigma)
    torch.testing.assert_close(c.into**2 * (0.7**2 + sigma**2), one)
    torch.testing.assert_close(((1 - c.skip) ** 2 * 0.7**2 + c.skip**2 * sigma**2) / c.out**2, one)
    for skip in (c.skip - 1e-3, c.skip + 1e-3):  # and c_skip makes c_out the least
        assert ((1 - skip) ** 2 * 0.7**2 + skip**2 * sigma**2 > c.out**2).all()


def test_where_there_is_no_noise_the_estimate_is_what_was_given_and_where_there_is_only_noise_eps_is_of_no_use():
    small, great = torch.tensor([1e-3, 1e4], dtype=torch.float64)
    for prediction in ("eps", "v", "velocity", "edm"):
        c = Preconditioning(DiffusionSettings(schedule="flow", prediction=prediction))(small)
        assert float(c.skip) == pytest.approx(1, abs=2e-3) and abs(float(c.out)) < 2e-3
    outs = {prediction: abs(float(Preconditioning(DiffusionSettings(schedule="flow", prediction=prediction))(great).out)) for prediction in (*TABLE, "edm")}
    assert outs["eps"] == 1e4 and all(out < 1.001 for name, out in outs.items() if name != "eps")
