"""From settings to a model: the one place that knows which class an architecture is."""

from importlib import import_module
from typing import Any

from torch import nn

from workings.models.architectures import name_of

CLASSES = {
    "transformer": ("transformer", "Transformer"),
    "recurrent": ("recurrent", "Recurrent"),
    "encoder": ("encoder", "Encoder"),
    "encoder-decoder": ("encoder_decoder", "EncoderDecoder"),
    "sentence-classifier": ("sentence_classifier", "SentenceClassifier"),
    "vision-transformer": ("vision_transformer", "VisionTransformer"),
    "resnet": ("resnet", "ResNet"),
    "mlp": ("mlp", "MLP"),
    "cnn": ("cnn", "CNN"),
    "lenet": ("lenet", "LeNet"),
    "whitened-cnn": ("whitened_cnn", "WhitenedCNN"),
    "row-recurrent": ("row_recurrent", "RowRecurrent"),
    "compact-transformer": ("compact_transformer", "CompactTransformer"),
    "diffusion-model": ("diffusion_model", "DiffusionModel"),
    "hybrid": ("hybrid", "Hybrid"),
    "vae": ("vae", "VAE"),
    "autoencoder": ("autoencoder", "Autoencoder"),
    "unet": ("unet", "UNet"),
    "diffusion-transformer": ("diffusion_transformer", "DiffusionTransformer"),
    "point-denoiser": ("point_denoiser", "PointDenoiser"),
    "dcgan": ("dcgan", "DCGANGenerator"),
    "progressive-gan": ("progressive_gan", "ProgressiveGenerator"),
}
"""Architecture -> the module and the class in it."""
DISCRIMINATORS = {"dcgan": ("dcgan", "DCGANDiscriminator"), "progressive-gan": ("progressive_gan", "ProgressiveDiscriminator")}
"""The same of the players whose only use is to teach the others."""


def build(settings: Any) -> nn.Module:
    """The model that the settings describe, freshly initialized from torch's global generator."""
    return made(*CLASSES[name_of(settings)], settings)


def build_discriminator(settings: Any) -> nn.Module:
    """The discriminator that plays against the generator that the settings describe, likewise."""
    return made(*DISCRIMINATORS[name_of(settings)], settings)


def made(module: str, name: str, settings: Any) -> nn.Module:
    """A model of that class in a module here."""
    return getattr(import_module(f"workings.models.{module}"), name)(settings)
