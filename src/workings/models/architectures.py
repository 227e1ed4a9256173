"""Every architecture by the name that model folders use. Imports no torch."""

from workings.models.autoencoder_settings import AutoencoderSettings
from workings.models.cnn_settings import CNNSettings
from workings.models.compact_settings import CompactSettings
from workings.models.diffusion_model_settings import DiffusionModelSettings
from workings.models.diffusion_transformer_settings import DiffusionTransformerSettings
from workings.models.encoder_settings import EncoderDecoderSettings, EncoderSettings
from workings.models.ensemble_settings import EnsembleSettings
from workings.models.gan_settings import DCGANSettings, ProgressiveSettings
from workings.models.hybrid_settings import HybridSettings
from workings.models.lenet_settings import LeNetSettings
from workings.models.mlp_settings import MLPSettings
from workings.models.point_denoiser_settings import PointDenoiserSettings
from workings.models.resnet_settings import ResNetSettings
from workings.models.row_recurrent_settings import RowRecurrentSettings
from workings.models.sentence_settings import SentenceSettings
from workings.models.settings import LANGUAGE_MODELS
from workings.models.unet_settings import UNetSettings
from workings.models.vae_settings import VAESettings
from workings.models.vision_settings import VisionSettings
from workings.models.whitened_settings import WhitenedSettings

ARCHITECTURES: dict[str, type] = LANGUAGE_MODELS | {
    "encoder": EncoderSettings,
    "encoder-decoder": EncoderDecoderSettings,
    "sentence-classifier": SentenceSettings,
    "vision-transformer": VisionSettings,
    "resnet": ResNetSettings,
    "mlp": MLPSettings,
    "cnn": CNNSettings,
    "lenet": LeNetSettings,
    "whitened-cnn": WhitenedSettings,
    "row-recurrent": RowRecurrentSettings,
    "compact-transformer": CompactSettings,
    "hybrid": HybridSettings,
    "vae": VAESettings,
    "autoencoder": AutoencoderSettings,
    "unet": UNetSettings,
    "diffusion-transformer": DiffusionTransformerSettings,
    "point-denoiser": PointDenoiserSettings,
    "diffusion-model": DiffusionModelSettings,
    "dcgan": DCGANSettings,
    "progressive-gan": ProgressiveSettings,
    "ensemble": EnsembleSettings,
}


def name_of(settings: object) -> str:
    """The name of the architecture that these settings describe."""
    return next(name for name, cls in ARCHITECTURES.items() if isinstance(settings, cls))
