"""Stop strings in a text that comes in pieces."""

from collections.abc import Sequence


class StopAt:
    """Passes text through up to the first stop string, which it leaves out; holds back an end that may be the beginning of one.

    >>> stop = StopAt(["\\n\\n"])
    >>> [stop.push(piece) for piece in ("one", "\\n", "two\\n", "\\nthree")], stop.found
    (['one', '', '\\ntwo', ''], True)
    """

    def __init__(self, strings: Sequence[str]):
        self.strings = tuple(strings)
        self.held = ""
        self.found = False

    def push(self, piece: str) -> str:
        """Add a piece; returns the text that can no longer be part of a stop string."""
        text = self.held + piece
        places = [place for place in (text.find(string) for string in self.strings) if place >= 0]
        if places:
            self.found, self.held = True, ""
            return text[: min(places)]
        keep = max((self.overlap(text, string) for string in self.strings), default=0)
        self.held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """What was held back, when the text has ended without a stop string."""
        text, self.held = self.held, ""
        return text

    @staticmethod
    def overlap(text: str, string: str) -> int:
        """The length of the longest end of the text that begins the string."""
        longest = min(len(text), len(string) - 1)
        return next((length for length in range(longest, 0, -1) if text.endswith(string[:length])), 0)
