"""A `scheduler_config.json` of diffusers: the noise that a network of diffusers was trained with, as ours and back (statement 5.3a)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workings.errors import BadInput
from workings.objectives.diffusion_settings import TABLES, DiffusionSettings
from workings.weights.config_fields import Fields
from workings.weights.tensors import read_json

FILE = "scheduler_config.json"
READ = ("DDPMScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler")
"""Which say the same of the noise; how steps are then taken is chosen when drawing."""
SCHEDULES = {"linear": "linear", "scaled_linear": "scaled-linear", "squaredcos_cap_v2": "cosine"}
PREDICTIONS = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
VARIANCES = {"fixed_small": "small", "fixed_small_log": "small", "fixed_large": "large"}
DRAWING = (
    "timestep_spacing steps_offset set_alpha_to_one skip_prk_steps sample_max_value dynamic_thresholding_ratio algorithm_type solver_order solver_type "
    "lower_order_final euler_at_final final_sigmas_type lambda_min_clipped use_karras_sigmas use_exponential_sigmas use_beta_sigmas use_lu_lambdas "
    "interpolation_type timestep_type flow_shift time_shift_type use_dynamic_shifting sigma_min sigma_max _class_name _diffusers_version"
).split()
"""Fields that say which steps are taken and how, not what the network was trained on."""


def read_noise_schedule(folder: Path) -> DiffusionSettings | None:
    """The settings of a folder of diffusers, its file beside the network's config or in `scheduler`; None where there is none."""
    for path in (folder / FILE, folder / "scheduler" / FILE):
        if path.exists():
            return from_config(read_json(path))
    return None


def from_config(config: Mapping[str, Any]) -> DiffusionSettings:
    """Every field read, known to be a matter of drawing, or refused by name."""
    name = config.get("_class_name", READ[0])
    if name not in READ:
        raise BadInput(f"{FILE} is of a {name!r}, which is not known here; those of {', '.join(READ)} are.")
    fields = Fields(config)
    fields.must("thresholding", False)
    fields.must("rescale_betas_zero_snr", False)  # nothing would be left of the data at the last step: sigma has no end
    fields.must("use_flow_sigmas", False)
    if fields.take("trained_betas", None) is not None:
        raise BadInput(f"{FILE} has a list of its own as trained_betas, which is not supported here; those of {', '.join(map(repr, SCHEDULES))} are.")
    variance = fields.choice("variance_type", VARIANCES, "fixed_small") if config.get("variance_type") is not None else "small"
    clip = fields.flag("clip_sample", name in READ[:2])
    most = fields.number("clip_sample_range", 1.0)
    settings = DiffusionSettings(
        schedule=fields.choice("beta_schedule", SCHEDULES, "linear"),
        steps=fields.whole("num_train_timesteps", 1000, least=2),
        beta_first=fields.number("beta_start", 1e-4),
        beta_last=fields.number("beta_end", 0.02),
        prediction=fields.choice("prediction_type", PREDICTIONS, "epsilon"),
        variance=variance,
        clip=most if clip else 0.0,
    )
    fields.ignore("variance_type", *DRAWING)
    fields.done()
    return settings


def write_config(settings: DiffusionSettings) -> dict[str, Any]:
    """A scheduler_config.json that diffusers' DDPMScheduler reads, with steps from the last one on as they are taken here."""
    theirs = {ours: name for name, ours in PREDICTIONS.items()}
    if settings.schedule not in TABLES:
        raise BadInput(f"diffusion.schedule={settings.schedule!r} has no place in diffusers' DDPMScheduler, which knows {', '.join(map(repr, TABLES))}.")
    if settings.prediction not in theirs:
        raise BadInput(f"diffusion.prediction={settings.prediction!r} has no place in diffusers' DDPMScheduler, which knows {', '.join(map(repr, theirs))}.")
    return {
        "_class_name": "DDPMScheduler",
        "num_train_timesteps": settings.steps,
        "beta_schedule": {ours: name for name, ours in SCHEDULES.items()}[settings.schedule],
        "beta_start": settings.beta_first,
        "beta_end": settings.beta_last,
        "prediction_type": theirs[settings.prediction],
        "variance_type": {"small": "fixed_small", "large": "fixed_large"}[settings.variance],
        "clip_sample": settings.clip > 0,
        "clip_sample_range": settings.clip or 1.0,
        "timestep_spacing": "trailing",
    }


def write_noise_schedule(settings: DiffusionSettings, folder: Path) -> None:
    """The file beside the network's config."""
    (folder / FILE).write_text(json.dumps(write_config(settings), indent=2) + "\n", encoding="utf-8")
