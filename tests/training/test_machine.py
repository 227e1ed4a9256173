"""The machine: devices and precisions by name, what is refused, and facts that can be true."""

import json

import pytest
import torch

from workings.errors import BadInput
from workings.training import machine as m

CPU = torch.device("cpu")


def test_the_cpu_is_always_there():
    assert m.choose_device("cpu") == CPU
    assert m.choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize(
    ("name", "said"), [("gpu", "Did you mean 'cpu'"), ("tpu", "no device 'tpu'"), ("cpu:3", "counted from 0"), ("cpu:x", "counted from 0"), ("", "no device")]
)
def test_a_device_that_does_not_exist_is_refused(name, said):
    with pytest.raises(BadInput, match=said):
        m.choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_a_device_that_this_machine_lacks_is_refused(name):
    with pytest.raises(BadInput, match="no cuda device"):
        m.choose_device(name)


def test_precision_auto_follows_the_hardware(monkeypatch):
    for units, wanted in (({"AVX512_BF16": False, "AMX": False}, None), ({"AVX512_BF16": False, "AMX": True}, torch.bfloat16)):
        monkeypatch.setattr(m, "matrix_units", lambda units=units: units)
        assert m.choose_precision("auto", CPU) is wanted


@pytest.mark.parametrize(("name", "wanted"), [("float32", None), ("fp32", None), ("bfloat16", torch.bfloat16), ("bf16", torch.bfloat16)])
def test_precisions_by_name(name, wanted):
    assert m.choose_precision(name, CPU) is wanted


@pytest.mark.parametrize("name", ["float16", "fp16"])
def test_float16_on_a_cpu_is_refused_with_the_reason(name):
    with pytest.raises(BadInput, match=f"'{name}' is about a hundred times slower"):
        m.choose_precision(name, CPU)


def test_an_unknown_precision_is_refused_with_a_suggestion():
    with pytest.raises(BadInput, match="Did you mean 'float32'"):
        m.choose_precision("flaot32", CPU)


def test_a_torch_without_the_question_has_no_unit(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert m.matrix_units()["AMX"] is False


def test_autocast_of_nothing_changes_nothing():
    x = torch.ones(3, 3)
    with m.autocast(CPU, None):
        assert (x @ x).dtype == torch.float32
    with m.autocast(CPU, torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16


def test_the_peak_is_a_speed_and_draws_nothing():
    state = torch.get_rng_state()
    assert 0.01 < m.measured_peak(torch.float32, size=64, seconds=0.01) < 1e6
    assert torch.equal(state, torch.get_rng_state())


def test_the_facts_can_be_written_down():
    facts = json.loads(json.dumps(m.machine()))
    assert facts["torch"] == torch.__version__ and facts["cores"] >= 1 and facts["cpu"]
    assert facts["memory_gib"] is None or facts["memory_gib"] > 0.1
