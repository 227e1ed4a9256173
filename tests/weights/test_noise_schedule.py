"""Schedulers of diffusers: the same steps on the same network, and their configs read here and written back."""

import json

import pytest
import torch

from tests.generation.diffusion_models import Bent, D, randn
from workings.errors import BadInput
from workings.generation.guidance import clipped
from workings.generation.noise_levels import noise_levels
from workings.generation.samplers import ddim, ddpm, dpm_solver
from workings.models.preconditioned import Denoiser
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule
from workings.weights.families.noise_schedule import FILE, from_config, read_noise_schedule, write_config, write_noise_schedule

diffusers = pytest.importorskip("diffusers")

CLOSE = dict(rtol=1e-4, atol=1e-5)
KINDS = [
    ("linear", "epsilon", True),
    ("scaled_linear", "v_prediction", False),
    ("squaredcos_cap_v2", "sample", True),
    ("squaredcos_cap_v2", "v_prediction", False),
]


def theirs(kind: str, schedule: str = "linear", prediction: str = "epsilon", clip: bool = True, **more):
    clipping = {} if kind == "DPMSolverMultistepScheduler" else dict(clip_sample=clip)
    return getattr(diffusers, kind)(beta_schedule=schedule, prediction_type=prediction, timestep_spacing="trailing", **clipping, **more)


def ours(scheduler, network: Bent):
    settings = from_config(json.loads(scheduler.to_json_string()))
    made = noise_schedule(settings)
    return clipped(Denoiser(network, settings), settings.clip), made, settings


@torch.no_grad()
def taken(scheduler, network: Bent, z: torch.Tensor, count: int, noises: torch.Tensor, **how) -> torch.Tensor:
    """What diffusers draws, with the noise that is given."""
    scheduler.set_timesteps(count)
    place = {"i": 0}

    def given(*args, **kwargs):
        place["i"] += 1
        return noises[place["i"] - 1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{type(scheduler).__module__}.randn_tensor", given)
        for t in scheduler.timesteps:
            z = scheduler.step(network(z, t.double().expand(len(z))), t, z, **how).prev_sample
    return z


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 7, 50])
@pytest.mark.parametrize(("schedule", "prediction", "clip"), KINDS)
@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
def test_ddpm_is_that_of_diffusers(schedule, prediction, clip, variance, count):
    scheduler, network, z = theirs("DDPMScheduler", schedule, prediction, clip, variance_type=variance), Bent(), randn(3, D)
    denoise, made, settings = ours(scheduler, network)
    noises = randn(count, 3, D, seed=2)
    noises[-1] = 0  # diffusers adds noise in the last step unless that begins at step 0 of the table
    drawn = ddpm(denoise, z * made.start(), noise_levels(made, count), lambda i: noises[i], variance=settings.variance)
    torch.testing.assert_close(drawn, taken(scheduler, network, z, count, noises), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 10, 50])
@pytest.mark.parametrize(("schedule", "prediction", "clip"), KINDS)
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_ddim_is_that_of_diffusers_where_the_number_of_steps_divides_the_schedules(schedule, prediction, clip, eta, count):
    """Where it does not, diffusers computes the step before by a stride; and it derives eps again from a cut estimate only if it is told to."""
    scheduler, network, z = theirs("DDIMScheduler", schedule, prediction, clip), Bent(), randn(3, D)
    denoise, made, _ = ours(scheduler, network)
    noises = randn(count, 3, D, seed=2)
    drawn = ddim(denoise, z * made.start(), noise_levels(made, count), lambda i: noises[i], eta=eta)
    torch.testing.assert_close(drawn, taken(scheduler, network, z, count, noises, eta=eta, use_clipped_model_output=True), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize(("schedule", "prediction", "clip"), KINDS[::2])
@pytest.mark.parametrize("kind", ["DDPMScheduler", "DDIMScheduler"])
def test_every_step_of_the_table_is_that_of_diffusers(kind, schedule, prediction, clip):
    scheduler, network, z, n = theirs(kind, schedule, prediction, clip), Bent(), randn(3, D), randn(1000, 3, D, seed=2)
    denoise, made, _ = ours(scheduler, network)
    scheduler.alphas_cumprod = made.alphas**2  # theirs is float32, in which 1 - alpha^2 has four digits at the first steps; the tables have their own test
    sampler, how = {"DDPMScheduler": (ddpm, {}), "DDIMScheduler": (ddim, dict(use_clipped_model_output=True))}[kind]
    drawn = sampler(denoise, z * made.start(), noise_levels(made, 1000), lambda i: n[i])
    torch.testing.assert_close(drawn, taken(scheduler, network, z, 1000, n, **how), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 2, 7, 10, 20])
@pytest.mark.parametrize(("schedule", "prediction", "clip"), KINDS)
def test_dpm_solver_is_that_of_diffusers(schedule, prediction, clip, count):
    scheduler, network, z = theirs("DPMSolverMultistepScheduler", schedule, prediction), Bent(), randn(3, D)
    denoise, made, settings = ours(scheduler, network)
    assert settings.clip == 0
    drawn = dpm_solver(denoise, z * made.start(), noise_levels(made, count), lambda i: z)
    torch.testing.assert_close(drawn, taken(scheduler, network, z, count, z[None]), **CLOSE)


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
def test_the_tables_are_those_of_diffusers_but_for_their_rounding(schedule):
    scheduler = theirs("DDPMScheduler", schedule)
    made = noise_schedule(from_config(json.loads(scheduler.to_json_string())))
    torch.testing.assert_close(made.betas.float(), scheduler.betas, rtol=2e-3, atol=1e-7)  # diffusers' are float32: 1 - 0.9999
    torch.testing.assert_close((made.alphas**2).float()[:-1], scheduler.alphas_cumprod[:-1], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize(("prediction", "clip"), [("epsilon", True), ("sample", False), ("v_prediction", True)])
def test_a_config_is_read_and_written_back_and_diffusers_reads_it(schedule, prediction, clip, tmp_path):
    scheduler = theirs("DDPMScheduler", schedule, prediction, clip, variance_type="fixed_large", num_train_timesteps=53, beta_start=0.001)
    scheduler.save_pretrained(tmp_path / "theirs" / "scheduler")
    settings = read_noise_schedule(tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    write_noise_schedule(settings, tmp_path / "ours")
    again = diffusers.DDPMScheduler.from_pretrained(tmp_path / "ours")
    said, wanted = ({name: value for name, value in one.config.items() if not name.startswith("_")} for one in (again, scheduler))
    assert said == wanted
    assert read_noise_schedule(tmp_path / "ours") == settings
    assert read_noise_schedule(tmp_path) is None


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (dict(_class_name="LCMScheduler"), "'LCMScheduler', which is not known"),
        (dict(thresholding=True), "thresholding"),
        (dict(rescale_betas_zero_snr=True), "rescale_betas_zero_snr"),
        (dict(trained_betas=[0.1]), "trained_betas"),
        (dict(variance_type="learned_range"), "variance_type"),
        (dict(beta_schedule="sigmoid"), "beta_schedule"),
        (dict(prediction_type="flow_prediction"), "prediction_type"),
        (dict(novelty=1), "novelty = 1"),
    ],
)
def test_what_would_change_the_noise_unseen_is_refused_by_name(config, sentence):
    with pytest.raises(BadInput, match=sentence):
        from_config(config)


def test_what_diffusers_has_no_place_for_is_not_written():
    for settings in (DiffusionSettings(schedule="flow"), DiffusionSettings(prediction="velocity")):
        with pytest.raises(BadInput, match="has no place in diffusers' DDPMScheduler"):
            write_config(settings)


def test_the_file_is_named_as_diffusers_names_it():
    assert diffusers.DDPMScheduler.config_name == FILE
