"""Eight bits a weight, in closed form."""

import pytest
import torch

from workings.layers.fast.decode import make_product
from workings.layers.fast.int8 import Int8Product, quantize_rows

WEIGHT = torch.randn(37, 96, generator=torch.Generator().manual_seed(3)) * torch.logspace(-3, 3, 37)[:, None]


def test_no_weight_is_off_by_more_than_half_a_step_of_its_row():
    q, scale = quantize_rows(WEIGHT)
    assert q.dtype == torch.int8
    assert q.abs().amax(-1).eq(127).all()
    assert ((q * scale[:, None] - WEIGHT).abs() <= scale[:, None] / 2 * (1 + 1e-5)).all()


def test_rows_of_whole_multiples_are_kept_exactly():
    q = torch.tensor([[127, -3, 0, 64], [-127, 1, 2, 3]])
    got, scale = quantize_rows(q * torch.tensor([[0.5], [0.25]]))
    assert torch.equal(got, q.to(torch.int8))
    assert torch.equal(scale, torch.tensor([0.5, 0.25]))


def test_a_row_of_zeros_stays_zero():
    q, scale = quantize_rows(torch.zeros(2, 32))
    assert not q.any()
    assert torch.equal(scale, torch.ones(2))


@pytest.mark.parametrize("rows", [1, 2, 5, 16])
@pytest.mark.parametrize("bias", [None, torch.linspace(-1, 1, 37)])
@torch.inference_mode()
def test_the_product_is_that_of_the_rounded_weights(rows, bias):
    x = torch.randn(rows, 96, generator=torch.Generator().manual_seed(4)).bfloat16()
    q, scale = quantize_rows(WEIGHT)
    expected = x.float() @ q.float().T * scale.bfloat16().float() + (0 if bias is None else bias)
    torch.testing.assert_close(Int8Product(WEIGHT, bias)(x.float()), expected, rtol=0.01, atol=0.02)


@torch.inference_mode()
def test_one_product_takes_batches_of_different_sizes():
    product, x = Int8Product(WEIGHT, None), torch.randn(7, 96)
    whole = product(x)
    for row in range(7):
        torch.testing.assert_close(product(x[row : row + 1]), whole[row : row + 1], rtol=0.01, atol=0.01 * whole.abs().max().item())


@pytest.mark.parametrize(("storage", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.02), ("int8", 0.02)])
@pytest.mark.parametrize("shape", [(5, 96), (700, 256)])
@torch.inference_mode()
def test_every_storage_approximates_the_same_product(storage, tolerance, shape):
    weight, bias = torch.randn(shape) / shape[1] ** 0.5, torch.randn(shape[0])
    x = torch.randn(3, shape[1])
    assert (make_product(weight, bias, storage)(x) - (x @ weight.T + bias)).std() < tolerance


@pytest.mark.parametrize("inputs", [1, 3, 12, 31, 64, 65, 100])
@torch.inference_mode()
def test_any_number_of_inputs_will_do(inputs):
    weight, x = torch.randn(13, inputs), torch.randn(2, inputs)
    for _ in range(2):
        assert (Int8Product(weight, None)(x) - x @ weight.T).abs().max() < 0.05 * inputs**0.5
