"""What a language model's report adds: its attention and its token probabilities on one sentence.

The two sections take plain data, so they are made and tested without a model; `language_sections` asks a model for that data.
"""

import io
import math
from collections.abc import Sequence

import numpy as np

from workings.errors import BadInput
from workings.report.pages import Section, render
from workings.report.rasters import data_address

ATTENTION_TOKENS = 48
"""The longest sentence whose attention is drawn: more columns than that are not read."""
ALTERNATIVES = 5


def tint(probability: float) -> float:
    """The opacity of a token's color, in [0, 1] and rising with its probability; the root keeps small ones visible.

    >>> tint(0.0), tint(0.25), tint(1.0)
    (0.0, 0.5, 1.0)
    """
    return round(math.sqrt(min(max(probability, 0.0), 1.0)), 4)


def percent(probability: float) -> str:
    """A probability for reading.

    >>> percent(0.4123), percent(0.0312), percent(0.00004)
    ('41 %', '3.1 %', '0.004 %')
    """
    points = 100 * probability
    return f"{points:.0f} %" if points >= 9.95 else f"{points:.2g} %" if points >= 0.001 else "< 0.001 %"


def shown(token: str) -> str:
    """A token in a list: blanks visible."""
    return token.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥") or "(empty)"


def token_text(raw: bytes) -> str:
    r"""A token's bytes as text; bytes that are not whole characters as their codes.

    >>> token_text("né".encode()), token_text(b"\xc3")
    ('né', '\\xc3')
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in raw)


def attention_image(weights: np.ndarray) -> str:
    """Attention weights [T, S] in [0, 1] as a small PNG in a data address: one color, opacity 255 sqrt(a).

    The picture is the data too: the page's script reads the weights back from the opacities.
    """
    from PIL import Image

    height, width = weights.shape
    opacity = np.rint(255 * np.sqrt(np.clip(np.nan_to_num(weights), 0, 1))).astype(np.uint8)
    image = Image.frombytes("P", (width, height), opacity.tobytes())
    image.putpalette([0x1F, 0x7F, 0xC4] * 256)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=bytes(range(256)), optimize=True)
    return data_address(buffer.getvalue(), "png")


def look_back(weights: np.ndarray) -> float:
    """How many tokens back a head looks on average: mean_t sum_s a_ts |t - s|; weights [T, S] with S = T."""
    t, s = np.indices(weights.shape)
    return float((np.nan_to_num(weights) * abs(t - s)).sum() / len(weights))


def sharpness(weights: np.ndarray) -> float:
    """The mean over t of the largest weight away from the token itself: the head with most of it is shown large at first."""
    return float(np.nan_to_num(weights - np.diag(np.diag(weights))).max(-1).mean())


def attention_section(attention, tokens: Sequence[str]) -> Section:
    """Every head's attention map; attention: a^m_ts as [L, M, T, T], anything NumPy takes; tokens: T strings."""
    maps = np.asarray(attention, dtype=np.float64)
    if maps.ndim != 4 or maps.shape[2] != maps.shape[3] or maps.shape[2] != len(tokens):
        raise BadInput(
            f"Attention maps must be layers x heads x {len(tokens)} x {len(tokens)} for {len(tokens)} tokens; these are {' x '.join(map(str, maps.shape))}."
        )
    layers = [[{"image": attention_image(head), "back": look_back(head)} for head in layer] for layer in maps]
    first = max(np.ndindex(maps.shape[:2]), key=lambda place: sharpness(maps[place]))
    return Section("Attention", render("attention.html", layers=layers, tokens=[shown(token) for token in tokens], first=first))


def probability_section(tokens: Sequence[str], probabilities: Sequence[float | None], alternatives: Sequence[Sequence[tuple[str, float]]] = ()) -> Section:
    """A text whose every token is tinted by p(token | the tokens before it).

    tokens: T strings; probabilities: T numbers, None where nothing was predicted (the first token);
    alternatives: for each token the model's likeliest (token, p).
    """
    known = [p for p in probabilities if p is not None]
    nats = sum(-math.log(max(p, 1e-45)) for p in known) / max(len(known), 1)
    spans = []
    for place, (token, p) in enumerate(zip(tokens, probabilities, strict=True)):
        others = alternatives[place] if place < len(alternatives) else ()
        tip = f"{shown(token)}  " + ("the first token: nothing came before it" if p is None else percent(p))
        if others and p is not None:
            tip += "\nlikeliest: " + "  ".join(f"{shown(other)} {percent(q)}" for other, q in others)
        spans.append({"text": token.replace("\n", "↵\n"), "tint": None if p is None else tint(p), "tip": tip})
    scale = [(percent(p), tint(p)) for p in (0.01, 0.1, 0.25, 0.5, 0.75, 1.0)]
    hits = sum(bool(others) and p is not None and p >= others[0][1] for p, others in zip(probabilities, alternatives, strict=False))
    page = render("probabilities.html", spans=spans, scale=scale, nats=nats, count=len(known), hits=hits if alternatives else None)
    return Section("Token probabilities", page)


def language_sections(model, tokenizer, sentence: str) -> list[Section]:
    """Token probabilities and attention of a language model on one sentence.

    model(tokens [1, T], record=dict) gives logits [1, T, V] and fills record["attention.{l}"] with [1, M, T, T] when it attends.
    The sentence is cut to the model's context, and to ATTENTION_TOKENS for the attention maps.
    """
    import torch

    ids = tokenizer.encode(sentence)[: model.settings.context]
    if len(ids) < 2:
        raise BadInput("The sentence for the report has fewer than two tokens; give a longer one.")
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    record: dict = {}
    with torch.no_grad():
        logits = model(ids[None].to(device), record=record)
    model.train(training)
    given = torch.softmax(logits[0, :-1].float(), -1).cpu()  # T-1 V
    likeliest = given.topk(min(ALTERNATIVES, given.shape[-1]))
    names = [token_text(tokenizer.bytes_of(int(i))) for i in ids]
    alternatives = [
        [(token_text(tokenizer.bytes_of(i)), p) for i, p in zip(row, ps, strict=True)]
        for row, ps in zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
    ]
    probabilities = given.gather(1, ids[1:, None].cpu())[:, 0].tolist()
    sections = [probability_section(names, [None, *probabilities], [[], *alternatives])]
    maps = [record[f"attention.{layer}"][0] for layer in range(sum(key.startswith("attention.") for key in record))]
    if maps:
        cut = min(len(ids), ATTENTION_TOKENS)
        attention = torch.stack(maps).float().cpu()[:, :, :cut, :cut].numpy()  # L M T T
        sections.append(attention_section(attention, names[:cut]))
    return sections
