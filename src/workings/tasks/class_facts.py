"""What is said of the classes of a training set before it is learned."""

RARE = 0.1
"""A class with less than this part of the examples of the commonest is called rare."""


def class_facts(counts: dict[str, int], weighting: str) -> list[str]:
    """The classes and how many examples each has, the commonest of them as a baseline, and what may be done where another is rare."""
    common, rare = max(counts, key=lambda name: counts[name]), min(counts, key=lambda name: counts[name])
    each = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    facts = [f"{len(counts)} classes ({each}); always saying {common} is right {counts[common] / sum(counts.values()):.0%} of the time"]
    if counts[rare] < RARE * counts[common] and weighting == "none":
        often = counts[common] / counts[rare]
        facts.append(f"{common} is {often:.0f} times as frequent as {rare}; --set tuning.weighting=balanced lets every class weigh the same")
    return facts
