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
    "unet": ("unet", "UNet"),
    "diffusion-transformer": ("diffusion_transformer", "DiffusionTransformer"),
}
"""Architecture -> the module and the class in it."""


def build(settings: Any) -> nn.Module:
    """The model that the settings describe, freshly initialized from torch's global generator."""
    module, name = CLASSES[name_of(settings)]
    return getattr(import_module(f"workings.models.{module}"), name)(settings)
