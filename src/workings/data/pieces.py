"""A text's tokens as a person reads them: whole characters, and names for what stands for no text."""

from collections.abc import Sequence

from workings.data.tokenizers import Tokenizer


def pieces(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[tuple[str, int]]:
    """The tokens as text, each with how many of them it is: those that are parts of one character stand together.

    A special token, such as [SEP], stands there by its name; so does [UNK], which a word has become that the vocabulary cannot spell.
    """
    found: list[tuple[str, int]] = []
    raw, held = b"", 0

    def close() -> None:
        nonlocal raw, held
        if held:
            found.append((raw.decode(errors="replace"), held))
        raw, held = b"", 0

    for token in tokens:
        more = tokenizer.bytes_of(token)
        if not more:
            close()
            found.append((" " * (token == tokenizer.unknown) + tokenizer.name_of(token), 1))
            continue
        raw, held = raw + more, held + 1
        if not unfinished(raw):
            close()
    close()
    return found


def unfinished(raw: bytes) -> bool:
    """Whether bytes end inside a character, of which the rest may come.

    >>> unfinished("né".encode()[:2]), unfinished("né".encode()), unfinished(b"\\xa9")
    (True, False, False)
    """
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False
