"""`workings translate MODEL TEXT...`: texts or the lines of files, to the terminal, a file, or as JSON."""

import json as json_module
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from workings.cli.appearing import appearing
from workings.cli.lines import lines_of
from workings.cli.progress import Progress
from workings.cli.shape import Files, MaybeWhole, make_app
from workings.errors import BadInput, counted

app = make_app(
    "translate",
    'workings translate runs/NAME "Ein Hund läuft."',
    'workings translate Helsinki-NLP/opus-mt-de-en "Guten Tag." --nbest 3',
    "workings translate runs/NAME news.de --out news.en --beam 1",
    "workings translate runs/NAME --file news.de --json",
    'workings translate runs/NAME "Ein Hund läuft." --show-attention',
)

ENDINGS = (".txt", ".text", ".md", ".csv", ".tsv", ".jsonl")
"""What a word ends with that is meant to be a file."""


@app.default
def translate(
    model: str,
    /,
    *texts: str,
    file: Files = None,
    out: str | None = None,
    beam: MaybeWhole = None,
    length_penalty: float | None = None,
    nbest: MaybeWhole = None,
    stopping: Literal["usual", "exact", "full"] | None = None,
    tokens: MaybeWhole = None,
    temperature: float | None = None,
    top_k: MaybeWhole = None,
    top_p: float | None = None,
    seed: MaybeWhole = None,
    quantize: Literal["none", "bfloat16", "int8"] | None = None,
    show_attention: bool = False,
    layer: MaybeWhole = None,
    json: bool = False,
) -> None:
    """Translate texts, or every line of a file, with a model that translates.

    Lines keep their order and their number; an empty line stays empty; a text longer than the model reads is cut where its sentences end. The defaults below
    are those of a model whose folder says nothing; what it says of how it wants to translate (a beam, a length penalty, how many tokens) comes before them, and
    what is given here before both.

    Args:
        model: A run's folder, a model's folder, or a model's name on the hub.
        texts: The texts to translate; of one that is the name of a file, every line. Put -- before one that begins with a dash.
        file: A file with a text on each line; - is standard input; can be given more than once.
        out: Write the translations into this file, and not to the terminal; until they are all there it is called FILE.part.
        beam: How many hypotheses are kept open for each text; 1 always takes the likeliest token. [default: 4]
        length_penalty: Hypotheses of n tokens are compared by log P / n^this; above 1 favors long ones. [default: 1]
        nbest: How many translations to give for each text, with their scores. [default: 1]
        stopping: When a search ends: usual, exact (no open hypothesis can still win) or full (the first ones that end). [default: usual]
        tokens: How many tokens to write at most. [default: 256]
        temperature: Above 0, draw the translation; beam is then 1.
        top_k: When drawing, choose among this many likeliest tokens; 0 is all.
        top_p: When drawing, choose among the likeliest tokens that hold this much of the probability together.
        seed: Where the draws begin.
        quantize: int8 makes translating faster on a CPU, with slightly different probabilities.
        show_attention: Show which words of the text each word of the translation looked at: the mean over the heads of a layer of the cross-attention.
        layer: Which layer to show, counted from 1. [default: the second last]
        json: Print one JSON object a text.
    """
    from workings import verbs

    given = dict(beam=beam, length_penalty=length_penalty, nbest=nbest, stopping=stopping, tokens=tokens, temperature=temperature)
    given |= dict(top_k=top_k, top_p=top_p, seed=seed, quantize=quantize)
    choices = {name: value for name, value in given.items() if value is not None}
    if not texts and not file:
        raise BadInput('There is nothing to translate; give a text, as in: workings translate MODEL "Guten Tag.", or a file with --file.')
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise BadInput(f"Text {number} to translate is empty; give a sentence.")
    if out is not None and any(Path(name).resolve() == Path(out).resolve() for name in (*filter(named, texts), *(file or ())) if name != "-"):
        raise BadInput(f"{out} is to be translated, and would be written over by --out; give another name.")
    if layer is not None and not show_attention:
        raise BadInput("--layer says which layer --show-attention shows; give that too.")
    translated = verbs.translate(model, sources(texts, file or []), alignment=show_attention, layer=layer, **choices)
    count, long, started = 0, 0, time.perf_counter()
    progress = Progress() if out or not sys.stdout.isatty() else None  # the translations themselves say how far it is
    with appearing(out) if out else nullcontext(sys.stdout) as target:
        for one in translated:
            count, long = count + 1, long + (one.parts > 1)
            if progress is not None:
                progress(1)
            print(as_json(one, layer) if json else shown(one, nbest or 1), file=target, flush=True)
            if one.alignment is not None and not json:
                print(mapped(one.alignment, layer, target), file=target, flush=True)
    if progress is not None:
        progress.done()
    if long:
        print(f"{counted(long, 'text')} longer than the model reads, translated in parts", file=sys.stderr)
    if out:
        print(f"{counted(count, 'text')} in {time.perf_counter() - started:.1f} s: {out}", file=sys.stderr)


def sources(texts: tuple[str, ...], files: list[str]) -> Iterator[str]:
    """The texts, or of those that are the name of a file its lines; then the lines of the files."""
    for text in texts:
        yield from lines_of((), [text]) if named(text) else [text]
    yield from lines_of((), files)


def named(text: str) -> bool:
    """Whether a text is the name of a file."""
    if any(character.isspace() for character in text):
        return False
    if Path(text).suffix.lower() in ENDINGS and not Path(text).exists():
        raise BadInput(f"There is no file {text!r} (looked for it in {str(Path.cwd())!r}); check the path.")
    return Path(text).is_file()


def as_json(translated: Any, layer: int | None) -> str:
    """Everything that is known of a text: its translations, and the map of one layer if it was asked for."""
    alignment = translated.alignment
    said = asdict(replace(translated, alignment=None))
    del said["alignment"]
    if alignment is not None:
        weights = [[round(weight, 4) for weight in row] for row in alignment.layer(layer).tolist()]
        said["alignment"] = {"source": alignment.source, "target": alignment.target, "layer": layer or alignment.usual, "weights": weights}
    return json_module.dumps(said, ensure_ascii=False)


def mapped(alignment: Any, layer: int | None, file: Any) -> str:
    """The map of one layer, shaded on a terminal that knows the blocks, and which layer it is of."""
    from rich.console import Console

    from workings.cli.attention_map import attention_map

    console = Console(file=file)
    shaded = console.is_terminal and console.encoding.startswith("utf")
    text = attention_map(alignment.source, alignment.target, alignment.layer(layer).tolist(), console.width, shaded)
    return f"\n{text}\n(layer {layer or alignment.usual} of {len(alignment.weights)}, mean over its {alignment.weights.shape[1]} heads)\n"


def shown(translated: Any, nbest: int) -> str:
    """The best translation on a line; or with several, each on a line with its score, and an empty line after them."""
    if nbest == 1:
        return in_a_line(translated.text)
    return "".join(f"{one.score:9.4f}  {in_a_line(one.text)}\n" for one in translated.translations)


def in_a_line(text: str) -> str:
    """A text whose line breaks are spaces: a model that was trained on longer texts may write them, and the lines of a file are to keep their number."""
    return " ".join(text.splitlines())
