"""The whole transformer, X (D x T) -> Y (D x T) -> P (V x T) (statements 2.1, 1.1a-e, 2.2a-b)."""

from torch import Tensor

from workings.blackboard.embedding import entry
from workings.blackboard.functions import norm
from workings.blackboard.layer import LAYER
from workings.blackboard.parameters import Parameters, under
from workings.blackboard.prediction import predict


def hidden(tokens: list[int], parameters: Parameters, settings, memory: list[Tensor] | None = None, segments: list[int] | None = None) -> list[Tensor]:
    """Y, the vectors before the head (2.2a).

    tokens: w_1 ... w_T, one sequence without padding; memory: vectors [D] for cross-attention; segments: the kind of each token, else 0;
    settings: anything with the attributes of `TransformerSettings`.
    parameters: float64, named as in `Transformer.named_parameters()`. Dropout and stochastic depth are absent: this is the model after training.
    Returns T of [D].
    """
    x = [entry(token, t, parameters, settings, segments[t] if segments else 0) for t, token in enumerate(tokens)]
    for layer in range(settings.layers):
        x = LAYER[settings.residuals](x, under(parameters, f"blocks.{layer}"), settings, memory)
    return [norm(x_t, parameters, "final_norm", settings) for x_t in x] if settings.placement == "pre" else x


def transformer(tokens: list[int], parameters: Parameters, settings, memory: list[Tensor] | None = None, segments: list[int] | None = None) -> list[Tensor]:
    """P, the logits of the token that follows each t (2.2b): A^0 y_t when tied, H y_t with a head of its own. Arguments as `hidden`. Returns T of [V]."""
    head = parameters["embedding.weight" if settings.tied else "head.weight"]
    return [predict(y, head) for y in hidden(tokens, parameters, settings, memory, segments)]
