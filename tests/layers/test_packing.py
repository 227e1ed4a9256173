"""A batch without its padding: rows go where they belong and come back, whatever does it, and are dropped as they would be in their places."""

import pytest
import torch

from workings.layers import packing as module
from workings.layers.dropping import Dropout
from workings.layers.packing import packing_of
from workings.layers.positions import at
from workings.layers.randomness import seed_draws

VISIBLE = torch.arange(61) < torch.tensor([[61], [1], [0], [37], [53]])
VISIBLE[3] = VISIBLE[3].flip(0)  # padding on the left


@pytest.fixture(params=["1", "0"])
def kernels(request, monkeypatch):
    """With our kernels, and with PyTorch alone."""
    found = packing_of(VISIBLE)
    monkeypatch.setenv("WORKINGS_FAST", request.param)
    return found


def test_rows_stand_side_by_side_in_their_order_and_go_back_to_their_places():
    packing, x = packing_of(VISIBLE), torch.randn(5, 61, 7)
    rows = packing.pack(x)
    assert torch.equal(rows, x[VISIBLE][None]) and torch.equal(packing.unpack(rows), x * VISIBLE[..., None])
    assert torch.equal(packing.pack(torch.arange(61).expand(5, 61)), torch.arange(61).expand(5, 61)[VISIBLE][None])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_heads_are_those_of_the_padded_batch_with_zeros_in_the_padding(dtype, kernels):
    x = torch.randn(5, 61, 3 * 24, dtype=dtype)
    padded = (x * VISIBLE[..., None]).unflatten(-1, (3, 24)).transpose(1, 2)
    heads = kernels.apart(kernels.pack(x), 24)
    assert torch.equal(heads, padded)
    assert torch.equal(kernels.together(torch.randn_like(heads).copy_(heads)), kernels.pack(x))
    assert torch.equal(kernels.together(x.unflatten(-1, (3, 24)).transpose(1, 2)), kernels.pack(x))  # not contiguous


def test_every_move_is_the_transpose_of_its_gradient_and_of_that_one_too(kernels):
    x, heads = (
        torch.randn(1, len(kernels.places), 6, dtype=torch.float64, requires_grad=True),
        torch.randn(5, 2, 61, 3, dtype=torch.float64, requires_grad=True),
    )
    batch = torch.randn(5, 61, 2, dtype=torch.float64, requires_grad=True)
    for move, given in ((lambda x: kernels.apart(x, 3), x), (kernels.together, heads), (kernels.pack, batch), (kernels.unpack, x)):
        assert torch.autograd.gradcheck(move, given, fast_mode=True) and torch.autograd.gradgradcheck(move, given, fast_mode=True)


def test_the_gradients_by_kernels_are_those_by_pytorch(monkeypatch):
    packing, found = packing_of(VISIBLE), []
    x, weight = torch.randn(1, len(packing.places), 72, requires_grad=True), torch.randn(5, 3, 61, 24)
    for kernels in ("1", "0"):
        monkeypatch.setenv("WORKINGS_FAST", kernels)
        y = packing.apart(x, 24)
        z = packing.together(y * weight)
        found.append((y, z, *torch.autograd.grad(z.square().sum(), x)))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("first", [0, 4])
def test_a_packed_row_is_dropped_as_in_its_place(dtype, first, kernels):
    dropout, x = Dropout(0.3).train(), torch.randn(5, 61, 50).to(dtype).requires_grad_()
    seed_draws(3, 5, first_row=first)
    padded, packed = dropout(x), dropout(kernels.pack(x), kernels)
    assert torch.equal(packed, kernels.pack(padded))
    grown = [torch.autograd.grad(y.float().square().sum(), x)[0] for y in (kernels.pack(padded), packed)]
    assert torch.equal(*grown)


def test_the_row_that_is_asked_for_is_that_of_the_sequence():
    packing, x, place = packing_of(VISIBLE[[0, 1, 3]]), torch.randn(3, 61, 4), torch.tensor([60, 0, 40])
    assert torch.equal(at(packing.pack(x), place, packing), at(x, place))


def test_nothing_is_packed_without_padding_or_when_it_is_not_wanted(monkeypatch):
    assert packing_of(None) is None and packing_of(torch.ones(3, 5, dtype=torch.bool)) is None
    assert packing_of(torch.arange(32) < torch.tensor([[32], [31]])) is None  # a sixty-fourth is not worth it
    assert packing_of(torch.arange(32) < torch.tensor([[32], [27]])) is not None
    monkeypatch.setattr(module, "PAYS", 0.3)
    assert packing_of(torch.arange(32) < torch.tensor([[32], [27]])) is None
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert packing_of(VISIBLE) is None
