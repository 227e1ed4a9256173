"""Layers over texts without padding say what the plain ones say of each text alone, with our kernels and without them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from workings.layers.fast import packed
from workings.layers.feed_forward import PHI

needs = pytest.mark.skipif(not packed.available(), reason="this build of torch has no oneDNN product for matrices that stay")
LENGTHS = [1, 2, 3, 5, 15, 16, 17, 33, 64, 65, 130]
CLOSE = {torch.float32: dict(rtol=1e-5, atol=1e-5), torch.bfloat16: dict(rtol=2e-2, atol=2e-2)}


@pytest.fixture(params=["kernels", "plain"])
def kernels(request, monkeypatch):
    """With our kernels, or as where they cannot be built."""
    if request.param == "plain":
        monkeypatch.setattr(packed, "library", lambda: None)
    return request.param


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize(("heads", "width"), [(3, 32), (2, 64), (1, 16), (2, 48), (3, 5)])
def test_attention_stays_inside_each_text(kernels, heads, width, dtype):
    torch.manual_seed(0)
    starts = F.pad(torch.tensor(LENGTHS).cumsum(0), (1, 0))
    qkv = torch.randn(int(starts[-1]), 3 * heads * width).to(dtype)
    y = packed.attend(qkv, starts, heads, 0.3)
    assert y.dtype == dtype
    for begin, end in zip(starts[:-1], starts[1:], strict=True):
        q, k, v = qkv[begin:end].float().view(-1, 3, heads, width).permute(1, 2, 0, 3)
        weights = (q @ k.transpose(1, 2) * 0.3).softmax(-1)
        torch.testing.assert_close(y[begin:end].float(), (weights @ v).transpose(0, 1).flatten(1), **CLOSE[dtype])


def test_attention_is_finite_for_scores_that_overflow(kernels):
    qkv = 1e4 * torch.randn(20, 3 * 32)
    y = packed.attend(qkv, torch.tensor([0, 9, 20]), 1, 1.0)
    assert y.isfinite().all()
    assert y.abs().max() <= qkv[:, 64:].abs().max() * 1.00001


@needs
@pytest.mark.parametrize("phi", packed.FUSED)
@pytest.mark.parametrize("dtype", CLOSE)
def test_the_product_is_the_linear_map_and_its_nonlinearity(dtype, phi):
    torch.manual_seed(0)
    maps = [nn.Linear(24, 40), nn.Linear(24, 8)]
    product = packed.PackedProduct([m.weight for m in maps], [m.bias for m in maps], dtype, phi)
    for rows in (1, 7, 100):
        x = torch.randn(rows, 24).to(dtype)
        y = torch.cat([m.to(dtype)(x).float() for m in maps], 1).detach()
        said = product(x).float()
        torch.testing.assert_close(said, PHI[phi](y) if phi != "none" else y, **CLOSE[dtype])


@pytest.mark.parametrize("dtype", CLOSE)
def test_the_norm_of_a_sum_is_the_norm_of_the_sum(kernels, dtype):
    torch.manual_seed(0)
    norm = nn.LayerNorm(37, eps=1e-3)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x, y = torch.randn(5, 37), torch.randn(5, 37).to(dtype)
    wanted = norm(x + y.float()).detach()
    new, copy = packed.PackedNorm(norm, dtype)(x.clone(), y)
    torch.testing.assert_close(new, wanted, rtol=1e-5, atol=1e-5)
    assert copy.dtype == dtype and torch.equal(copy, new.to(dtype))
