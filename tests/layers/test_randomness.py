"""Keys and seeds: the same on every machine and in every version, different for everything that differs."""

import torch

from workings.layers.randomness import draw_key, generator, mix, seed_draws


def test_the_values_are_stable():
    """A checkpoint of an older version goes on with the same draws."""
    assert mix(0) == 4246866556266386882
    assert mix(1, 2, 3) == 1517167407554927345
    seed_draws(7, 5, 1, first_row=4)
    assert draw_key(3) == (mix(mix(7, 5, 1), 3), 4)
    assert torch.equal(torch.rand(3), torch.rand(3, generator=generator(7, 5, 1, 4)))


def test_order_number_and_boundaries_matter():
    keys = [mix(), mix(0), mix(0, 0), mix(1, 2), mix(2, 1), mix(12), mix(1, 23), mix(12, 3), mix(-1), mix(2**70)]
    assert len(set(keys)) == len(keys) and all(0 <= key < 2**63 for key in keys)


def test_the_key_knows_the_step_and_the_place_but_not_the_row():
    seen = set()
    for step in range(3):
        for place in range(4):
            seed_draws(1, step, 0, first_row=0)
            first = draw_key(place)[0]
            seed_draws(1, step, 0, first_row=8)
            assert draw_key(place) == (first, 8)
            seen.add(first)
    assert len(seen) == 12


def test_bits_are_fair():
    keys = torch.tensor([mix(1, number) for number in range(4000)])
    for bit in range(63):
        assert abs(float(((keys >> bit) & 1).double().mean()) - 0.5) < 0.05
