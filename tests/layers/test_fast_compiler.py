"""The kernels are built once into the cache; a machine that cannot build them does everything in PyTorch."""

import sys

import pytest
import torch

from workings.layers.fast import available, compiler


@pytest.fixture
def fresh():
    """The library is looked for again, before and after."""
    compiler.library.cache_clear()
    yield
    compiler.library.cache_clear()


@pytest.mark.skipif(compiler.library() is None, reason="no C compiler")
def test_the_second_time_the_library_is_read_from_the_cache(fresh, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKINGS_CACHE", str(tmp_path))
    assert compiler.library() is not None
    (built,) = tmp_path.glob("kernels-*.so")
    made = built.stat().st_mtime_ns
    compiler.library.cache_clear()
    assert compiler.library() is not None
    assert built.stat().st_mtime_ns == made and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("command", ["no-such-compiler", "false"])
def test_without_a_working_compiler_everything_is_plain(fresh, command, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKINGS_CACHE", str(tmp_path))
    monkeypatch.setenv("CC", command)
    assert compiler.library() is None
    assert not available.kernels_take(torch.zeros(100, 100))


def test_other_systems_are_plain(fresh, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert compiler.library() is None


def test_a_traced_graph_is_plain():
    """torch.export sees PyTorch's own operations, so that a model can be exported."""
    from workings.layers.norms import LayerNorm

    exported = torch.export.export(LayerNorm(128), (torch.zeros(64, 128),))
    assert any("layer_norm" in str(node.target) for node in exported.graph.nodes)
