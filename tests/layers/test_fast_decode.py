"""The products of writing: equal to the plain ones, whatever else is in the batch."""

import pytest
import torch

from workings.layers.fast import decode
from workings.layers.fast.compiler import library
from workings.layers.fast.decode import FewRows, FewRowsOfBytes
from workings.layers.fast.int8 import quantize_rows

pytestmark = pytest.mark.skipif(library() is None, reason="no C compiler")
SHAPES = [(1, 1), (3, 7), (64, 4), (65, 31), (129, 96), (384, 1536)]


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_in_float32_it_is_the_linear_map(shape, with_bias, rows):
    weight, bias, x = drawn(*shape), drawn(shape[0]) if with_bias else None, drawn(rows, shape[1])
    torch.testing.assert_close(FewRows(weight, bias, "float32")(x), torch.nn.functional.linear(x, weight, bias), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_in_bfloat16_only_the_matrix_is_rounded(shape):
    weight, x = drawn(*shape), drawn(3, shape[1])
    torch.testing.assert_close(FewRows(weight, None, "bfloat16")(x), x @ weight.bfloat16().float().T, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_in_8_bits_it_is_the_product_of_the_rounded_numbers_in_closed_form(shape, with_bias):
    weight, bias, x = drawn(*shape), drawn(shape[0]) if with_bias else None, drawn(4, shape[1])
    q, scale = quantize_rows(weight)
    step = x.abs().amax(-1, keepdim=True) / 127
    expected = (x / step).round() * step @ (q.float() * scale[:, None]).T + (0 if bias is None else bias)
    torch.testing.assert_close(FewRowsOfBytes(weight, bias)(x), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("make", [lambda w: FewRows(w, None, "float32"), lambda w: FewRows(w, None, "bfloat16"), lambda w: FewRowsOfBytes(w, None)])
def test_a_row_gives_the_same_bits_alone_and_beside_others_a_thousand_times_larger(make):
    product, x = make(drawn(129, 96)), drawn(7, 96)
    x[1] *= 1000
    whole = product(x)
    for rows in (1, 2, 3, 5):
        for row in range(8 - rows):
            assert torch.equal(product(x[row : row + rows]), whole[row : row + rows])


def test_many_rows_are_shared_out_and_have_the_same_bits(monkeypatch):
    weight, bias, x = drawn(129, 96), drawn(129), drawn(9, 96)
    alone = FewRowsOfBytes(weight, bias)(x)
    monkeypatch.setattr(decode, "WORTH", 4 * weight.numel())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    product, asked = FewRowsOfBytes(weight, bias), []
    monkeypatch.setattr(product, "kernel", lambda *given, kernel=product.kernel: (asked.append(given[-1]), kernel(*given)))
    assert torch.equal(product(x), alone) and torch.equal(product(x[:3]), alone[:3])
    assert asked == [2, 1]


def test_a_row_of_zeros_gives_the_bias():
    bias = drawn(65)
    assert torch.equal(FewRowsOfBytes(drawn(65, 31), bias)(torch.zeros(2, 31)), bias.expand(2, 65))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("make", [lambda w: FewRows(w, None, "float32"), lambda w: FewRowsOfBytes(w, None)])
def test_inputs_of_any_precision_are_taken_as_float32(make, dtype):
    product, x = make(drawn(65, 30)), drawn(2, 30).to(dtype)
    assert torch.equal(product(x), product(x.float()))
