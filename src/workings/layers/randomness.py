"""Everything random in training is a function of (seed, step, place): the loop sets the key, layers draw from it.

No generator state exists that would have to be saved: a resumed run sets the same key at the same step.
"""

import hashlib

import torch

_draws = {"key": 0, "first_row": 0}


def mix(*numbers: int) -> int:
    """63 well-mixed bits of some whole numbers, the same on every machine.

    >>> mix(1, 2) == mix(1, 2), mix(1, 2) == mix(2, 1)
    (True, False)
    """
    digest = hashlib.blake2b(b",".join(str(number).encode() for number in numbers), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def seed_draws(*numbers: int, first_row: int = 0) -> None:
    """Set the key of all draws to come, from (seed, step, player), and which row of the whole batch is the first one here.

    Layers that know about rows (`Dropout`, `StochasticDepth`) draw the same numbers however a batch is cut among pieces and ranks;
    torch's own generator is seeded too, with the row, for code that draws from it.
    """
    _draws["key"], _draws["first_row"] = mix(*numbers), first_row
    seed_all = torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed  # the first asks for every kind of device: 1 ms
    seed_all(mix(*numbers, first_row))


def draw_key(place: int) -> tuple[int, int]:
    """The key of one place in the model for the current step, and the first row of the batch at hand."""
    return mix(_draws["key"], place), _draws["first_row"]


def generator(*numbers: int) -> torch.Generator:
    """A CPU generator seeded by whole numbers, such as (seed, epoch)."""
    return torch.Generator().manual_seed(mix(*numbers))
