"""The one exception for a mistake of the user's: bad input, said in one sentence."""

import difflib
import os
from collections.abc import Iterable


class BadInput(Exception):
    """What is wrong, where, and what to do, in one sentence; the command line prints it and exits with 2."""


def counted(number: int, noun: str, several: str = "") -> str:
    """A number and what it counts, in the singular for one; `several` where an s does not make the plural.

    >>> counted(1, "token"), counted(2000, "token")
    ('1 token', '2,000 tokens')
    """
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"


def enumerated(words: Iterable[object]) -> str:
    """Words as a sentence lists them.

    >>> enumerated(["learned"]), enumerated(["learned", "rotary"]), enumerated([4, 16, 64])
    ('learned', 'learned and rotary', '4, 16 and 64')
    """
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last


def command(verb: str) -> str:
    """A command as the person can type it: `workings verb`, or as `./run` was called.

    >>> command("resume runs/mine")
    'workings resume runs/mine'
    """
    return f"{os.environ.get('WORKINGS_COMMAND', 'workings')} {verb}"


def suggest(word: str, choices: Iterable[str]) -> str:
    """A sentence that names the closest choice, or all of them when nothing is close.

    >>> suggest("tranformer", ["transformer", "gru"])
    "Did you mean 'transformer'?"
    >>> suggest("xyz", ["rms", "layer"])
    "Choose from 'layer', 'rms'."
    """
    choices = sorted(choices)
    close = difflib.get_close_matches(word, choices, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return "Choose from " + ", ".join(map(repr, choices)) + "."
