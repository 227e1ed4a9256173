"""Views of a picture are the picture, its mirror image and both moved by a pixel, and count 1 together."""

from typing import get_args

import pytest
import torch

from workings.data.picture_settings import Views
from workings.data.views import VIEWS, averaged
from workings.errors import BadInput

X = torch.randn(2, 3, 5, 6)


def test_every_choice_has_its_views_and_they_count_one_together():
    assert tuple(VIEWS) == get_args(Views)
    assert [len(views(X)) for views in VIEWS.values()] == [1, 2, 6]
    assert all(sum(share for share, _ in views(X)) == 1 and all(x.shape == X.shape for _, x in views(X)) for views in VIEWS.values())


def test_the_mirror_makes_left_and_right_the_same():
    """Invariance: the answer for a picture is that for its mirror image, whatever the model."""
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(90, 4))
    torch.testing.assert_close(averaged(model, X, "mirror"), averaged(model, X.flip(-1), "mirror"))
    assert not torch.allclose(averaged(model, X, "one"), averaged(model, X.flip(-1), "one"))


def test_one_view_is_the_model_itself_and_more_are_the_weighted_mean():
    """A model that shows one pixel, with what stands at it in each view."""
    corner = averaged(lambda x: x[:, :, 2, 0], X, "one")
    assert torch.equal(corner, X[:, :, 2, 0])
    mean = X[:, :, 2, [0, 5]].mean(2) / 2 + (X[:, :, 1, [1, 4]].sum(2) + X[:, :, 3, [1, 4]].sum(2)) / 8
    torch.testing.assert_close(averaged(lambda x: x[:, :, 2, 0], X, "mirror-shift"), mean)


def test_a_name_that_is_not_known_is_refused():
    with pytest.raises(BadInput, match="Did you mean 'mirror'"):
        averaged(lambda x: x, X, "miror")  # type: ignore[arg-type]
