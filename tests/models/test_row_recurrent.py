"""The recurrent network over rows reads from the top, begins well and learns."""

import math

import pytest
import torch
import torch.nn.functional as F

from workings.errors import BadInput
from workings.models.row_recurrent import RowRecurrent
from workings.models.row_recurrent_settings import RowRecurrentSettings
from workings.settings import from_dict, to_dict


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_first_loss_is_that_of_knowing_nothing(cell):
    torch.manual_seed(0)
    model = RowRecurrent(RowRecurrentSettings(classes=10, cell=cell))
    assert F.cross_entropy(model(torch.randn(20, 1, 28, 28)), torch.arange(20) % 10).item() == pytest.approx(math.log(10), rel=0.1)


def test_a_state_knows_the_rows_above_and_none_below():
    model, pictures = RowRecurrent(RowRecurrentSettings(image_size=(6, 5), channels=2, width=8)), torch.randn(3, 2, 6, 5)
    other = pictures.clone()
    other[:, :, 3] += 1
    one, two = model.hidden(pictures), model.hidden(other)
    assert torch.equal(one[:, :3], two[:, :3]) and not torch.isclose(one[:, 3:], two[:, 3:]).all(2).any()


def test_a_small_one_learns_eight_pictures_by_heart():
    torch.manual_seed(0)
    model = RowRecurrent(RowRecurrentSettings(image_size=(4,), width=16, layers=1, classes=2))
    pictures, classes = torch.randn(8, 1, 4, 4), torch.arange(8) % 2
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.03)
    for _ in range(80):
        optimizer.zero_grad()
        F.cross_entropy(model(pictures), classes).backward()
        optimizer.step()
    assert F.cross_entropy(model(pictures), classes).item() < 0.05


def test_settings_survive_being_written_down():
    settings = RowRecurrentSettings(classes=2, class_names=("a", "b"), cell="lstm")
    assert from_dict(RowRecurrentSettings, to_dict(settings)) == settings


@pytest.mark.parametrize("change", [dict(width=0), dict(layers=0), dict(dropout=1.0), dict(image_size=(0,))])
def test_contradictions_are_refused(change):
    with pytest.raises(BadInput):
        RowRecurrentSettings(**change)
