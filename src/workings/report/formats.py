"""Numbers and text as people read them."""

import math

from workings.settings import flatten

UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def titled(measure: str) -> str:
    """A measure within a sentence.

    >>> titled("accuracy"), titled("bleu")
    ('accuracy', 'BLEU')
    """
    return {"bleu": "BLEU", "chrf": "chrF"}.get(measure, measure.replace("_", " "))


def count(number: float | None, unit: str = "") -> str:
    """Three digits and a prefix, a narrow space between.

    >>> count(1_536_000).replace(chr(0x202F), " "), count(812), count(None)
    ('1.54 M', '812', '–')
    """
    if number is None or not math.isfinite(number):
        return "–"
    for size, prefix in UNITS:
        if abs(number) >= size * 0.9995:
            return f"{number / size:#.3g}".rstrip(".") + "\u202f" + prefix + unit
    return f"{number:.3g}" + ("\u202f" + unit if unit else "")


def duration(seconds: float | None) -> str:
    """Hours, minutes and seconds.

    >>> duration(234.2).replace(chr(0x202F), " "), duration(7_300).replace(chr(0x202F), " "), duration(3.21).replace(chr(0x202F), " ")
    ('3 min 54 s', '2 h 1 min', '3.2 s')
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f}\u202fs"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}\u202fmin {whole % 60}\u202fs"
    return f"{whole // 3600}\u202fh {whole % 3600 // 60}\u202fmin"


def value(number: object) -> str:
    """A measured number with four digits; anything else as it is written in a config.

    >>> value(1.523456), value(0.0003), value(12_500), value(float("nan")), value(True), value(None), value("rms")
    ('1.523', '0.0003', '12,500', 'not finite', 'true', '–', 'rms')
    """
    if number is None:
        return "–"
    if isinstance(number, bool):
        return str(number).lower()
    if isinstance(number, int):
        return f"{number:,}"
    if not isinstance(number, float):
        return str(number)
    if not math.isfinite(number):
        return "not finite"
    if number and not 1e-4 <= abs(number) < 1e6:
        return f"{number:.3e}"
    digits = 3 - math.floor(math.log10(abs(number))) if number else 0
    text = f"{number:,.{max(digits, 0)}f}"
    return text if abs(number) >= 0.1 else text.rstrip("0").rstrip(".")


def signed(number: float) -> str:
    """What is added, for reading: two digits, and a minus sign as wide as the plus.

    >>> signed(0.816), signed(-1.5), signed(0.001)
    ('+0.82', '−1.50', '+0.00')
    """
    return f"{number:+.2f}".replace("-", "−")


def plain(number: float) -> str:
    """The same without a plus.

    >>> plain(2.341), plain(-0.5)
    ('2.34', '−0.50')
    """
    return f"{number:.2f}".replace("-", "−")


def setting(choice: object) -> str:
    """A setting exactly as it was given, so that it can be typed again.

    >>> setting(0.0003), setting(["a", 1]), setting(False), setting("")
    ('0.0003', 'a, 1', 'false', '(empty)')
    """
    if isinstance(choice, bool):
        return str(choice).lower()
    if isinstance(choice, (list, tuple)):
        return ", ".join(map(setting, choice)) or "(none)"
    return "–" if choice is None else str(choice) or "(empty)"


def printable(text: str) -> str:
    """Text that any HTML page can hold: control characters as their pictures, broken surrogates as U+FFFD.

    >>> printable("a" + chr(0) + chr(27) + "b" + chr(10) + chr(0xD800))
    'a␀␛b\\n�'
    """
    text = "".join(chr(0x2400 + ord(c)) if c < " " and c not in "\n\t" else "␡" if c == "\x7f" else c for c in text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def differing(trees: list[dict]) -> dict[str, list[object]]:
    """The dotted keys whose values are not the same in all trees, each with its values in order; None where a tree has no such key.

    >>> differing([{"a": 1, "m": {"w": 8}}, {"a": 1, "m": {"w": 16}}])
    {'m.w': [8, 16]}
    """
    flats = [flatten(tree) for tree in trees]
    keys = list(dict.fromkeys(key for flat in flats for key in flat))
    rows = {key: [flat.get(key) for flat in flats] for key in keys}
    return {key: row for key, row in rows.items() if any((type(x), x) != (type(row[0]), row[0]) for x in row[1:])}
