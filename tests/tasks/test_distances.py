"""Distances of sets: those of the blackboard, closed forms, what leaves them unchanged, and what they are on average."""

import itertools
import math

import pytest
import torch

from workings.blackboard import distances as blackboard
from workings.errors import BadInput
from workings.tasks.distances import (
    SUBSET,
    Gaussian,
    covered,
    factor,
    frechet_distance,
    gaussian,
    kernel,
    kernel_distance,
    precision_recall,
    squared_mmd,
)


def some(rows: int, features: int = 5, seed: int = 0, **kind) -> torch.Tensor:
    return torch.randn(rows, features, generator=torch.Generator().manual_seed(seed), **({"dtype": torch.float64} | kind))


def rotation(features: int = 5) -> torch.Tensor:
    return torch.linalg.qr(some(features, features, seed=9))[0]


def test_every_one_equals_the_blackboard():
    x, y = some(13), 0.7 * some(11, seed=1) + 0.4
    xs, ys = list(x), list(y)
    means, covariances = zip(*((blackboard.mean(z), blackboard.covariance(z)) for z in (xs, ys)), strict=True)
    one, other = gaussian(x), gaussian(y)
    torch.testing.assert_close((one.mean, one.covariance, other.mean, other.covariance), (means[0], covariances[0], means[1], covariances[1]))
    slow = blackboard.frechet(means[0], covariances[0], means[1], covariances[1])
    assert frechet_distance(one, other) == pytest.approx(float(slow), rel=1e-9)
    assert squared_mmd(x, y) == pytest.approx(float(blackboard.squared_mmd(xs, ys)), rel=1e-9)
    for k in (1, 3):
        assert precision_recall(x, y, k) == (blackboard.covered(ys, xs, k), blackboard.covered(xs, ys, k))
    assert 0 < covered(x, y, 1) < 1


def test_the_distance_of_two_gaussians_on_the_axes_is_that_of_their_means_and_deviations():
    """With S1 and S2 diagonal, d^2 = |m1 - m2|^2 + |s1 - s2|^2."""
    s1, s2, m = torch.tensor([0.5, 2, 3], dtype=torch.float64), torch.tensor([1.5, 0, 7], dtype=torch.float64), torch.tensor([1.0, -2, 0.5]).double()
    found = frechet_distance(Gaussian(m, (s1**2).diag()), Gaussian(0 * m, (s2**2).diag()))
    assert found == pytest.approx(float((m**2).sum() + ((s1 - s2) ** 2).sum()), rel=1e-12)


def test_the_distance_of_a_scaled_gaussian_is_known_for_any_covariance():
    """S2 = c^2 S1: d^2 = (1 - c)^2 tr S1, whether S1 has full rank or not."""
    for rows in (3, 50):
        one = gaussian(some(rows))
        other = Gaussian(one.mean, 9 * one.covariance)
        assert frechet_distance(one, other) == pytest.approx(4 * float(one.covariance.trace()), rel=1e-9)


def test_equal_sets_are_nothing_apart_and_others_something():
    for rows in (3, 40):  # fewer and more than there are features
        x = some(rows)
        assert frechet_distance(gaussian(x), gaussian(x)) < 1e-12
        assert frechet_distance(gaussian(x), gaussian(x + 0.1)) == pytest.approx(5 * 0.1**2, rel=1e-6)
        assert precision_recall(x, x, 2) == (1, 1)
    mean, deviation = kernel_distance(x, x)
    assert mean < 0 and deviation < 1e-12  # without bias: the pairs that are left out are the closest


def test_the_root_of_the_product_is_that_of_its_eigenvalues():
    one, other = gaussian(some(17)), gaussian(some(19, seed=1))
    values = torch.linalg.eigvals(one.covariance @ other.covariance)
    between = torch.linalg.svdvals(factor(one.covariance).T @ factor(other.covariance)).sum()
    assert float(between) == pytest.approx(float(values.real.sqrt().sum()), rel=1e-10)


def test_a_rotation_of_all_vectors_and_a_shift_of_all_change_no_distance():
    x, y, turn = some(30), 2 * some(23, seed=1), rotation()
    for other in (lambda z: z @ turn, lambda z: z - 3):
        assert frechet_distance(gaussian(other(x)), gaussian(other(y))) == pytest.approx(frechet_distance(gaussian(x), gaussian(y)), rel=1e-9)
        assert precision_recall(other(x), other(y)) == precision_recall(x, y)
    assert squared_mmd(x @ turn, y @ turn) == pytest.approx(squared_mmd(x, y), rel=1e-9)


def test_the_kernel_distance_is_right_on_average_over_every_set_that_can_be_drawn():
    """x of three and y of two are drawn from small distributions: over all draws with their probabilities, the mean is the distance of the distributions."""
    points = some(3, 2)
    chances = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], dtype=torch.float64)
    k = kernel(points, points)
    true = sum(sign * float(chances[a] @ k @ chances[b]) for sign, a, b in ((1, 0, 0), (1, 1, 1), (-2, 0, 1)))
    mean = 0.0
    for xs in itertools.product(range(3), repeat=3):
        for ys in itertools.product(range(3), repeat=2):
            chance = math.prod(float(chances[0, i]) for i in xs) * math.prod(float(chances[1, i]) for i in ys)
            mean += chance * squared_mmd(points[list(xs)], points[list(ys)])
    assert mean == pytest.approx(true, rel=1e-9) and abs(true) > 1e-3


def test_the_mean_over_all_subsets_is_the_distance_of_the_whole_sets():
    x, y = some(5, 2), some(4, 2, seed=1)
    pairs = [(list(a), list(b)) for a in itertools.combinations(range(5), 3) for b in itertools.combinations(range(4), 3)]
    assert sum(squared_mmd(x[a], y[b]) for a, b in pairs) / len(pairs) == pytest.approx(squared_mmd(x, y), rel=1e-9)


def test_subsets_are_the_same_every_time_and_their_deviation_is_that_of_small_ones():
    x, y = some(300), some(200, seed=1) + 0.2
    assert kernel_distance(x, y, size=50) == kernel_distance(x, y, size=50)
    (small, wide), (large, narrow) = kernel_distance(x, y, size=20), kernel_distance(x, y, size=150)
    assert wide > 2 * narrow > 0
    assert small == pytest.approx(large, abs=3 * wide / 100**0.5)
    assert kernel_distance(x, y, size=SUBSET)[0] == pytest.approx(large, abs=3 * narrow)  # no more than there are


def test_the_kernel_is_that_of_another_library():
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    x, y = some(7), some(6, seed=1)
    torch.testing.assert_close(kernel(x, y), torch.from_numpy(pairwise.polynomial_kernel(x.numpy(), y.numpy(), degree=3, coef0=1)))


def test_precision_is_what_looks_real_and_recall_what_can_be_drawn():
    """Real vectors lie in two clouds. Drawn ones from one of them look real and miss the other; far ones look like nothing."""
    near, far = some(40, 2), some(40, 2, seed=1) + 100
    real = torch.cat([near, far])
    precision, recall = precision_recall(near + 1e-6, real)
    assert precision == 1 and recall == 0.5
    assert precision_recall(real - 50, real) == (0, 0)
    precision, recall = precision_recall(torch.cat([near + 1e-6, some(120, 2, seed=2) * 1e-3 + 1000]), real)
    assert precision == 0.25 and recall == 0.5


def test_a_ball_reaches_to_the_kth_neighbor_and_no_farther():
    """On a line at 0, 1, 3, 7: the radii for k = 1 are 1, 1, 2, 4, so the balls are -1 ... 2, 1 ... 5 and 3 ... 11, edges included."""
    x = torch.tensor([[0.0], [1], [3], [7]])
    for place, inside in ((-1.0, 1), (-1.01, 0), (2.0, 1), (11.0, 1), (11.01, 0)):
        assert covered(x, torch.tensor([[place]]), 1) == inside
    assert covered(x, torch.tensor([[-3.0]]), 2) == 1 and covered(x, torch.tensor([[-3.01]]), 2) == 0


def test_collapsed_drawings_of_one_real_picture_are_precise_and_recall_next_to_nothing():
    real = some(50)
    assert precision_recall(real[:1].repeat(30, 1), real) == (1, 1 / 50)


def test_pieces_give_what_the_whole_gives():
    x, y = some(300, 3), some(270, 3, seed=1) + 0.5  # more than are held together
    radii = torch.cdist(x, x).fill_diagonal_(torch.inf).kthvalue(3).values
    assert covered(x, y, 3) == float((torch.cdist(y, x) <= radii).any(1).double().mean())


def test_too_few_are_refused():
    with pytest.raises(BadInput, match="two vectors or more, and here is 1"):
        gaussian(some(1))
    with pytest.raises(BadInput, match="here are 1 and 5"):
        kernel_distance(some(1), some(5))
    with pytest.raises(BadInput, match="more than 3 pictures on each side, and here are 3 drawn and 9 real"):
        precision_recall(some(3), some(9))
