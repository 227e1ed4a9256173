"""Which words of a source a translation looked at: the weights of the cross-attention (statement 3.2), by tokens and joined to words."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workings.data.framing import padded
from workings.data.tokenizers import Tokenizer
from workings.errors import BadInput
from workings.models.encoder_decoder import EncoderDecoder

END, UNKNOWN = "(end)", "(unknown)"
"""How the end token, and tokens that stand for no text, are named in a map."""


@dataclass(frozen=True)
class Alignment:
    """A source and a translation in words, and how much each word of the translation looked at each of the source.

    The last word of each is the end token, if it was read or written: a decoder that has nothing to look for often looks there.
    """

    source: list[str]
    target: list[str]
    weights: Tensor
    """[L, M, T, S]: of every layer and head; every row sums to 1."""

    @property
    def usual(self) -> int:
        """The layer that is shown unless another is asked for, counted from 1: the second last, whose weights follow the words best in
        encoder-decoders of several layers (Garg et al. 2019); the last one is about to say the next word, and looks around for it."""
        return max(1, len(self.weights) - 1)

    def layer(self, number: int | None = None) -> Tensor:
        """The mean over the heads of one layer, counted from 1, [T, S]."""
        number = self.usual if number is None else number
        check_layer(number, len(self.weights))
        return self.weights[number - 1].mean(0)


def check_layer(number: int, layers: int) -> None:
    """Refuse a layer that a model of so many does not have; they are counted from 1."""
    if not 1 <= number <= layers:
        raise BadInput(f"There is no layer {number} of cross-attention; this model's are 1 to {layers}.")


@torch.inference_mode()
def cross_attention(model: EncoderDecoder, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[Tensor]:
    """a^m_ts = softmax over s of tau q^m_t . k^m_s (3.2) of every pair, [L, M, T, S] each, from one forward pass over all.

    sources: the tokens that the encoder reads, the end token included. targets: those that are written, the end token included if it was. Row t is the
    step that wrote token t, so that its query is made from the tokens before it, the start token first; padding is left out.
    """
    device = model.encoder.embedding.weight.device
    source, seen = padded(sources)
    target, _ = padded([[model.settings.start, *target[:-1]] for target in targets])
    record: dict[str, dict[str, Tensor]] = {}
    model(source.to(device), target.to(device), source_visible=None if seen.all() else seen.to(device), record=record)
    layers = [record["decoder"][f"cross.{layer}"] for layer in range(model.settings.decoder.layers)]
    weights = torch.stack(layers, 1).cpu()  # B L M T S
    return [weights[row, :, :, : len(target), : len(source)] for row, (source, target) in enumerate(zip(sources, targets, strict=True))]


def align(model: EncoderDecoder, tokenizer: Tokenizer, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[Alignment]:
    """The alignments of pairs of tokens (as `cross_attention` takes them), joined to words."""
    found = []
    for source, target, weights in zip(sources, targets, cross_attention(model, sources, targets), strict=True):
        read, written = (
            [(END if token == model.settings.end else UNKNOWN, bytes_of(token)) for token in tokens]
            for tokens, bytes_of in ((source, tokenizer.source_bytes_of), (target, tokenizer.bytes_of))
        )
        columns, rows = (words_of([piece for _, piece in pieces]) for pieces in (read, written))
        names = [[word(pieces, places) for places in groups] for pieces, groups in ((read, columns), (written, rows))]
        found.append(Alignment(*names, weights=joined(weights, rows, columns)))
    return found


def joined(weights: Tensor, rows: Sequence[Sequence[int]], columns: Sequence[Sequence[int]]) -> Tensor:
    """Weights of tokens [..., T, S] as those of words: looked at is a word as much as all its tokens, and it looks as its tokens do in the mean."""
    weights = torch.stack([weights[..., places].sum(-1) for places in map(list, columns)], -1)
    return torch.stack([weights[..., places, :].mean(-2) for places in map(list, rows)], -2)


def words_of(pieces: Sequence[bytes]) -> list[list[int]]:
    """Which tokens are a word together, by what each stands for: letters and digits that follow each other without a space between them.

    Punctuation is a word of its own, and so is every token of a script without spaces, and a token that stands for nothing.

    >>> words_of([b"un", b"seen", b" dogs", b",", b" 1", b"2", b""])
    [[0, 1], [2], [3], [4, 5], [6]]
    """
    groups: list[list[int]] = []
    text = b""
    for place, piece in enumerate(pieces):
        if groups and goes_on(text, piece):
            groups[-1].append(place)
            text += piece
        else:
            groups.append([place])
            text = piece
    return groups


def goes_on(text: bytes, piece: bytes) -> bool:
    """Whether a piece goes on with the word that the text so far is, or is the beginning of."""
    if not text or not piece:
        return False
    if piece[0] & 0xC0 == 0x80 or not text.strip():  # inside a character, or after a space
        return True
    return in_word(text.decode(errors="replace")[-1]) and in_word(piece.decode(errors="replace")[0])


def in_word(character: str) -> bool:
    """Whether words of several characters are made of it: a letter, a digit or an accent, and none that is as wide as it is high, as Chinese ones are.

    What is only the beginning of a character, U+FFFD when read alone, is taken for one of a letter.
    """
    if character == "\N{REPLACEMENT CHARACTER}":
        return True
    return unicodedata.category(character)[0] in "LMN" and unicodedata.east_asian_width(character) not in "WF"


def word(pieces: Sequence[tuple[str, bytes]], places: Sequence[int]) -> str:
    """The text of the tokens at these places, or their name if they have none."""
    text = b"".join(pieces[place][1] for place in places).decode(errors="replace").strip()
    return text or ("␣" if any(pieces[place][1] for place in places) else pieces[places[0]][0])
