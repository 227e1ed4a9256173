"""MixUp and CutMix: pictures and labels with the same share and the same partner, and nothing else."""

import numpy as np
import pytest
import torch

from workings.data.draws import Draws
from workings.data.mixing import CutMix, Either, MixUp, partners, probabilities, symmetric_beta
from workings.errors import BadInput

WAYS = {"MixUp": MixUp(0.8), "CutMix": CutMix(1.0), "either": Either()}


def a_batch(count: int, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Picture r is of level r everywhere and of class r."""
    return torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, channels, 8, 6), probabilities(torch.arange(count), count)


def mix(way, batch, draws):
    """The whole batch with its own partners."""
    rows = partners(draws, len(batch[0]))
    return way(batch, tuple(part[rows] for part in batch), draws)


@pytest.mark.parametrize("channels", [1, 3], ids=["gray", "color"])
@pytest.mark.parametrize("count", [2, 7, 16])
@pytest.mark.parametrize("way", WAYS)
def test_labels_are_mixed_as_the_pictures_are(way, count, channels):
    """A picture of levels r and s, mixed, has the mean level lambda r + (1 - lambda) s, and the label says the same."""
    draws = Draws(1, 2, count)
    pictures, labels = mix(WAYS[way], a_batch(count, channels), draws)
    torch.testing.assert_close(pictures.float().mean((1, 2, 3)), labels @ torch.arange(count).float(), rtol=0, atol=1e-4)
    torch.testing.assert_close(labels.sum(1), torch.ones(count))
    assert pictures.shape == (count, channels, 8, 6) and labels.min() >= 0


@pytest.mark.parametrize("way", WAYS)
def test_no_label_is_smoothed(way):
    _, labels = mix(WAYS[way], a_batch(9), Draws(0, 0, 9))
    rows = partners(Draws(0, 0, 9), 9)
    others = torch.ones(9, 9).scatter(1, torch.arange(9)[:, None], 0).scatter(1, rows[:, None], 0)
    assert (labels * others).abs().max() == 0


@pytest.mark.parametrize("way", WAYS)
def test_rows_are_the_same_however_the_batch_is_cut(way):
    batch = a_batch(11)
    whole = mix(WAYS[way], batch, Draws(5, 6, 11))
    for first, last in ((0, 4), (4, 5), (5, 11)):
        draws = Draws(5, 6, last - first, first=first)
        rows = partners(draws, 11)
        piece = WAYS[way](tuple(part[first:last] for part in batch), tuple(part[rows] for part in batch), draws)
        assert all(torch.equal(part, of_whole[first:last]) for part, of_whole in zip(piece, whole, strict=True))


def test_partners_are_a_permutation_of_an_odd_batch_too():
    assert torch.equal(partners(Draws(0, 0, 7), 7).sort().values, torch.arange(7))


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 1.0, 3.0])
def test_the_share_is_from_the_beta_distribution(alpha):
    share = symmetric_beta(Draws(0, 0, 20_000), alpha).sort().values
    assert share.min() >= 0 and share.max() <= 1
    assert abs(share.mean() - 0.5) < 0.015 and abs(share.var() - 1 / (4 * (2 * alpha + 1))) < 0.005
    theirs = np.sort(np.random.default_rng(0).beta(alpha, alpha, 20_000))
    places = np.linspace(0.02, 0.98, 49)
    ours = np.searchsorted(share.numpy(), places) / 20_000
    assert np.abs(ours - np.searchsorted(theirs, places) / 20_000).max() < 1.63 * (2 / 20_000) ** 0.5


def test_the_share_of_tiny_alphas_is_a_number():
    assert symmetric_beta(Draws(0, 0, 5000), 1e-6).isfinite().all()


def test_cutmix_shows_a_rectangle_of_the_partner_and_all_of_the_rest():
    pictures, labels = mix(CutMix(), a_batch(40), Draws(3, 4, 40))
    own = torch.arange(40)[:, None, None, None]
    there = (pictures != own)[:, 0]
    torch.testing.assert_close(there.float().mean((1, 2)), 1 - labels.diagonal())
    for picture in there:
        assert picture.sum() == picture.any(1).sum() * picture.any(0).sum()


def test_every_way_of_either_is_taken():
    whole = [mix(Either(), a_batch(4), Draws(0, step, 4))[0].dtype for step in range(20)]
    assert {torch.float32, torch.uint8} == set(whole)


@pytest.mark.parametrize("kind", [MixUp, CutMix])
@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan")])
def test_an_alpha_that_is_no_distribution_is_refused(kind, alpha):
    with pytest.raises(BadInput, match="must be above 0"):
        kind(alpha)
