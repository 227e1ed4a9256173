"""Translation: an encoder reads the source, a decoder writes the target and looks at what the encoder says in every layer (statement 3.2)."""

from torch import Tensor

from workings.blackboard.functions import softmax
from workings.blackboard.parameters import Parameters, under
from workings.blackboard.prediction import smoothed_cross_entropy
from workings.blackboard.transformer import hidden, transformer


def halves(parameters: Parameters, settings) -> tuple[Parameters, Parameters]:
    """The parameters of the encoder and of the decoder; when `shared`, both read A^0 from the encoder's place."""
    encoder, decoder = under(parameters, "encoder"), under(parameters, "decoder")
    return encoder, decoder | {"embedding.weight": encoder["embedding.weight"]} if settings.shared else decoder


def encode(source: list[int], parameters: Parameters, settings) -> list[Tensor]:
    """The memory: one vector [D] a token of the source, each made from all of them (the encoder is not causal). Returns S of [D]."""
    return hidden(source, halves(parameters, settings)[0], settings.encoder)


def decode(target: list[int], memory: list[Tensor], parameters: Parameters, settings) -> list[Tensor]:
    """The logits of the token that follows each token of the target: those of the decoder, whose layers attend to the memory
    by A_st = Q[:, s] . K[:, t] (`cross_attention`), plus a number for each token of the vocabulary if there is `logit_bias`. Returns T of [V].
    """
    P = transformer(target, halves(parameters, settings)[1], settings.decoder, memory)
    return [p + parameters["logit_bias"] for p in P] if settings.logit_bias else P


def encoder_decoder(source: list[int], target: list[int], parameters: Parameters, settings) -> list[Tensor]:
    """Source and target to logits.

    source: w_1 ... w_S; target: the start token, then what has been written so far; both without padding.
    parameters: float64, named as in `EncoderDecoder.named_parameters()`; settings: anything with the attributes of `EncoderDecoderSettings`. Returns T of [V].
    """
    return decode(target, encode(source, parameters, settings), parameters, settings)


def translation_loss(source: list[int], target: list[int], parameters: Parameters, settings, smoothing: float = 0.0) -> Tensor:
    """- log P(target | source) = sum over t of CE(softmax(P[:, t]), y_{t+1}); y begins with the start token and ends with the end token. Returns a number.

    smoothing: the part of each y_{t+1} that is spread evenly over all tokens, in training.
    """
    P = encoder_decoder(source, [settings.start, *target], parameters, settings)
    said = zip(P, [*target, settings.end], strict=True)
    return sum((smoothed_cross_entropy(softmax(p), token, smoothing) for p, token in said), P[0].new_zeros(()))
