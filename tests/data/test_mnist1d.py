"""MNIST-1D: its digits are the published ones, what is done to them is what is said, and where no digit is there is smooth noise."""

import torch

from workings.data import mnist1d as module
from workings.data.mnist1d import INDEPENDENT, LENGTH, PADDED, as_pictures, mnist1d, read_at, smoothed, templates


def test_a_digit_begins_at_0_and_deviates_by_a_sixth():
    x = templates()
    assert x.shape == (10, 12) and (x[:, 0] == 0).all()
    torch.testing.assert_close(x.std(1, correction=0), torch.full((10,), 1 / 6))
    torch.testing.assert_close(x[0].argmax(), torch.tensor(4)), "a zero is a hill"
    torch.testing.assert_close(x[8, [3, 8]], x[8, [2, 9]])


def test_a_line_is_read_between_its_points():
    line = torch.tensor([[0.0, 2.0, 6.0]])
    torch.testing.assert_close(read_at(line, torch.tensor([[0.0, 0.5, 1.0, 1.75, 2.0]])), torch.tensor([[0.0, 1.0, 2.0, 5.0, 6.0]]))


def test_noise_is_smoothed_by_a_gaussian_that_leaves_what_is_constant():
    torch.testing.assert_close(smoothed(torch.full((2, 31), 0.7)), torch.full((2, 31), 0.7))
    one = torch.zeros(1, 31)
    one[0, 15] = 1.0
    spread = smoothed(one)[0]
    torch.testing.assert_close(spread[13] / spread[15], torch.tensor(0.6065306), rtol=1e-5, atol=0)  # exp(-1/2) two places away
    torch.testing.assert_close(spread.sum(), torch.tensor(1.0))


def test_examples_are_a_function_of_the_seed_with_all_classes_alike():
    x, y = mnist1d(200, seed=3)
    again, other = mnist1d(200, seed=3)[0], mnist1d(200, seed=4)[0]
    assert x.shape == (200, LENGTH) and torch.equal(x, again) and not torch.equal(x, other)
    assert y.bincount().tolist() == [20] * 10 and sorted(y[:10].tolist()) == list(range(10))


def test_without_noise_shear_and_motion_an_example_is_its_digit(monkeypatch):
    for name, value in dict(CORRELATED=0.0, INDEPENDENT=0.0, SHEAR=0.0, MOVED=1, SCALE=0.0, PADDING=(60, 60)).items():
        monkeypatch.setattr(module, name, value)
    x, y = mnist1d(40)
    places = torch.linspace(0, PADDED - 1, LENGTH)
    whole = torch.nn.functional.pad(templates(), (0, PADDED - 12))
    torch.testing.assert_close(x, read_at(whole[y], places.expand(40, -1)), rtol=0, atol=1e-6)


def test_a_digit_is_moved_around_the_end_and_stretched_by_fewer_zeros(monkeypatch):
    for name, value in dict(CORRELATED=0.0, INDEPENDENT=0.0, SHEAR=0.0, SCALE=0.0).items():
        monkeypatch.setattr(module, name, value)
    x, y = mnist1d(4000)
    zeros = x[y == 0] > 0.02
    length = zeros.sum(1) * PADDED / LENGTH
    assert 8 <= length.min() < 12 and 14 < length.max() <= 12 * PADDED / 48 + 2, "12 of 72 numbers up to 12 of 48"
    begins = zeros.float().argmax(1) * PADDED / LENGTH
    assert begins.min() < 3 and 45 < begins.max() < 52


def test_noise_is_as_large_as_it_is_said_to_be(monkeypatch):
    monkeypatch.setattr(module, "HEIGHT", 0.0)
    monkeypatch.setattr(module, "SHEAR", 0.0)
    x, _ = mnist1d(4000)
    correlated = 0.25 * (1 / (2 * 2.0 * torch.pi**0.5)) ** 0.5  # white noise under a Gaussian window of deviation 2
    assert x.std() < (correlated**2 + INDEPENDENT**2) ** 0.5
    assert x[:, 39].std() > 0.6 * correlated


def test_a_shuffle_is_one_order_for_all_examples():
    x, y = mnist1d(300, seed=1)
    mixed, same = mnist1d(300, seed=1, shuffled=True)
    assert torch.equal(y, same) and not torch.equal(x, mixed)
    assert torch.equal(x.sort(1).values, mixed.sort(1).values)
    first = (x[0][None] == mixed[0][:, None]).float().argmax(1)
    assert torch.equal(x[:, first], mixed)


def test_pictures_have_levels_finer_than_the_noise():
    x, _ = mnist1d(100)
    row, column = as_pictures(x), as_pictures(x, upright=True)
    assert row.shape == (100, 1, LENGTH) and torch.equal(row[:, 0], column[:, :, 0]) and row.dtype == torch.uint8
    assert ((row[:, 0].float() / 127.5 - 1) - x).abs().max() < INDEPENDENT / 4
