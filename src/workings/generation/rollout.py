"""Where in a picture a transformer looks: attention rolled out over its layers (Abnar and Zuidema 2020; statements 4.1a-b)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.models.compact_transformer import CompactTransformer
from workings.models.hybrid import Hybrid
from workings.models.vision_transformer import VisionTransformer


def rollout(attention: Sequence[Tensor], asked: Tensor) -> Tensor:
    """w (A^L + I)/2 ... (A^1 + I)/2, with A^l the mean of layer l's heads: what of the last vectors, weighted by w, comes from which token of the first layer.

    The half that is I is the residual stream, which carries each token past the attention.
    attention: a^lm_ts, L of [B, M, T, T], whose rows sum to 1; asked: w [B, T]. Returns [B, T], whose rows sum to what those of w do.
    """
    for weights in reversed(attention):
        asked = (asked + torch.einsum("bt,bts->bs", asked, weights.mean(1))) / 2
    return asked


@torch.no_grad()
def looks(model: nn.Module, pictures: Tensor) -> Tensor | None:
    """The part of what the classifier reads that comes from each place in a picture, by `rollout`; None of a model without attention, or without residuals.

    pictures: prepared [B, C, H, W]. Returns [B, rows, columns] of patches in a vision transformer, of the last map's pixels in a hybrid, of the convolutions'
    pixels in a compact transformer; a pixel of a map has seen more than the piece of the picture that it stands for. What is missing to 1 stays with tokens
    that are no places, such as <cls>.
    """
    if not isinstance(model, (VisionTransformer, Hybrid, CompactTransformer)) or model.body.settings.residuals == "none":
        return None
    record: dict[str, Tensor] = {}
    asked = read(model, model.hidden(pictures, record=record))
    attention = [record[f"attention.{layer}"] for layer in range(len(model.body.blocks))]
    rows, columns = model.settings.grid
    return rollout(attention, asked.to(attention[0].dtype))[:, -rows * columns :].unflatten(1, (rows, columns))


def read(model: VisionTransformer | Hybrid | CompactTransformer, y: Tensor) -> Tensor:
    """How much of what the classifier reads is which token: all of the first, or half of each of the first two; as much of each; or as the model weighs them.

    y: the vectors of all tokens, [B, T, D] -> [B, T], whose rows sum to 1.
    """
    if isinstance(model, CompactTransformer):
        return model.attention_pool(y).softmax(1)[..., 0]
    tokens = y.shape[1] if isinstance(model, Hybrid) else len(model.predictions(y)) or 1
    return (torch.arange(y.shape[1], device=y.device) < tokens).to(y.dtype).expand(y.shape[:2]) / tokens


def over_picture(places: Tensor, height: int, width: int) -> Tensor:
    """Each place as large as the piece of the picture that it stands for, [rows, columns] -> [H, W]."""
    return F.interpolate(places[None, None], size=(height, width), mode="nearest-exact")[0, 0]
