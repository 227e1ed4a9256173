"""The transformer of a trained model, for another task to begin with."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from workings.data.tokenizers import Tokenizer
from workings.errors import BadInput
from workings.models.encoder import Encoder
from workings.models.sentence_classifier import SentenceClassifier
from workings.models.settings import TransformerSettings
from workings.models.transformer import Transformer
from workings.weights.folder import load_folder
from workings.weights.hub import locate

HEADS = ("head.", "transform.", "transform_norm.", "bias")
"""How the names begin of what makes logits of tokens."""


@dataclass
class TrainedBody:
    """A transformer without its head, and the tokenizer that it was trained with."""

    settings: TransformerSettings
    weights: dict[str, Tensor]
    tokenizer: Tokenizer
    head: dict[str, Tensor] = field(default_factory=dict)
    """What it said tokens with, if that was more than its embedding: the `head` of a transformer; `transform`, its norm and `bias` of an encoder."""


def trained_body(name: str) -> TrainedBody:
    """That of a run, a model folder of ours or another system's, or a model of the hub, in float32."""
    saved = load_folder(locate(name), torch.float32)
    model = saved.model.body if isinstance(saved.model, (Encoder, SentenceClassifier)) else saved.model
    if not isinstance(model, Transformer):
        raise BadInput(f"{name} holds a model for the task {saved.task!r}, which reads no single text; give a transformer, such as BERT, MiniLM or GPT-2.")
    if saved.tokenizer is None:
        raise BadInput(f"{name} holds a model without its tokenizer; copy the tokenizer's files of the same model into it.")
    settings = replace(model.settings, tied=True)
    weights = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("head.")}
    head = {name: tensor for name, tensor in saved.model.state_dict().items() if name.startswith(HEADS)}
    return TrainedBody(settings, weights, saved.tokenizer, {} if isinstance(saved.model, SentenceClassifier) else head)
