"""`workings write RUN PROMPT...`: to the terminal as it comes, or as JSON."""

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from workings.cli.shape import Whole, make_app
from workings.errors import BadInput

app = make_app(
    "write",
    'workings write runs/NAME "It is a truth"',
    'workings write runs/NAME "Mr." "Mrs." --samples 3 --temperature 0.6 --seed 1',
    'workings write runs/NAME "Chapter" --tokens 500 --top-p 0.9 --stop "Chapter"',
    "workings write runs/NAME --file prompt.txt --quantize int8 --logprobs",
)


@app.default
def write(
    run: str,
    /,
    *prompts: str,
    file: list[str] | None = None,
    tokens: Whole = 256,
    samples: Whole = 1,
    temperature: float = 0.8,
    top_k: Whole = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    repetition_penalty: float = 1.0,
    stop: list[str] | None = None,
    seed: Whole = 0,
    quantize: Literal["none", "bfloat16", "int8"] = "none",
    logprobs: bool = False,
    top_logprobs: Whole = 0,
    json: bool = False,
) -> None:
    """Let a trained language model go on with a text.

    One text is printed while it is written; several are printed when they are done.

    Args:
        run: A run's folder or a model's folder.
        prompts: The texts to go on with; without any, the model begins. Put -- before one that begins with a dash.
        file: A file that holds a prompt; can be given more than once.
        tokens: How many tokens to write at most.
        samples: How many texts to write for each prompt.
        temperature: Below 1 safer, above 1 wilder; 0 always takes the likeliest token.
        top_k: Choose among this many likeliest tokens; 0 is all.
        top_p: Choose among the likeliest tokens that hold this much of the probability together.
        min_p: Leave out tokens below this share of the likeliest token's probability.
        repetition_penalty: Above 1, tokens that were already used become less likely.
        stop: Stop before this text; can be given more than once.
        seed: Where the draws begin; the same seed writes the same text.
        quantize: Keep the matrices in 16 or 8 bits; faster on a CPU, with slightly different probabilities.
        logprobs: Also print the log-probability of each token, in nats, before temperature and filters.
        top_logprobs: With --logprobs, also the likeliest tokens at each place, this many.
        json: Print one JSON object a text instead.
    """
    from workings import verbs

    texts = [*prompts, *map(read_prompt, file or ())] or [""]
    alone = len(texts) * samples == 1 and not json
    written = verbs.write(
        run,
        texts,
        stream=Typewriter(texts[0]) if alone else None,
        tokens=tokens,
        samples=samples,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        stop=tuple(stop or ()),
        seed=seed,
        quantize=quantize,
        logprobs=logprobs,
        top_logprobs=top_logprobs,
    )
    for number, text in enumerate(written, 1):
        if json:
            print(json_module.dumps(asdict(text), ensure_ascii=False))
            continue
        print("" if alone else f"--- {number} of {len(written)}\n{text.prompt}{text.text}")
        for belief in text.logprobs or ():
            others = "  ".join(f"{other!r} {logprob:.3f}" for _, other, logprob in belief.top)
            print(f"{belief.logprob:9.4f}  {belief.text!r:<16} {others}".rstrip())


class Typewriter:
    """Prints the prompt and then each piece as it comes."""

    def __init__(self, prompt: str):
        self.prompt = prompt

    def __call__(self, number: int, piece: str) -> Any:
        """Print one piece."""
        print(self.prompt + piece, end="", flush=True)
        self.prompt = ""


def read_prompt(name: str) -> str:
    """The text of a prompt file, without the newline at its end."""
    try:
        return Path(name).read_text(encoding="utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not UTF-8: byte 0x{error.object[error.start]:02x} at offset {error.start:,}; save the prompt as UTF-8.") from error
