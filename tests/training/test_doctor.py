"""The doctor: a row for everything, and advice exactly where something is wrong."""

import sys
from pathlib import Path

import pytest
import torch

from workings.training import doctor
from workings.training.doctor import Finding, as_text, findings


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(doctor, "measured_peak", lambda dtype: 200.0 if dtype == torch.bfloat16 else 100.0)


def found(name: str, folder: Path | None = None) -> Finding:
    (row,) = [row for row in findings(folder) if row.name == name]
    return row


def test_it_looks_at_all_that_matters():
    names = {row.name for row in findings()}
    assert names >= {
        "workings",
        "python",
        "torch",
        "cpu",
        "cores",
        "memory",
        "float32 products",
        "bfloat16 products",
        "precision",
        "fast paths",
        "disk",
        "writable",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="the kernels are for Linux")
@pytest.mark.parametrize(("compiler", "advice"), [(None, "apt install gcc"), ("/usr/bin/cc", "/usr/bin/cc could not build them")])
def test_missing_kernels_are_told_with_what_to_do(compiler, advice, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("WORKINGS_FAST", raising=False)
    monkeypatch.setattr(doctor, "library", lambda: None)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: compiler)
    row = found("fast paths")
    assert not row.ok and advice in row.advice


def test_kernels_that_are_switched_off_are_told(monkeypatch):
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert "unset" in found("fast paths").advice


def test_too_many_threads_are_told(monkeypatch):
    monkeypatch.setattr(doctor, "machine", lambda: {**_facts(), "threads": 8, "cores": 2})
    row = found("cores")
    assert not row.ok and "OMP_NUM_THREADS=2" in row.advice


def test_a_full_disk_is_told(monkeypatch, tmp_path):
    usage = doctor.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: usage._replace(free=2**20))
    assert not found("disk", tmp_path).ok


def test_a_unit_that_gains_nothing_is_told(monkeypatch):
    monkeypatch.setattr(doctor, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(doctor, "measured_peak", lambda dtype: 100.0)
    assert "close what else is running" in found("bfloat16 products").advice


def test_another_torch_than_the_tested_one_is_told(monkeypatch):
    monkeypatch.setattr(doctor, "_pins", lambda: ["torch==1.0.0"])
    row = found("torch")
    assert not row.ok and "torch==1.0.0" in row.advice


def test_the_text_puts_advice_only_under_what_is_wrong():
    good, bad = Finding(name="a", value="1", advice="never said"), Finding(name="long", value="2", ok=False, advice="Do this.")
    assert as_text([good]).splitlines() == ["ok  a  1", "", "All is well."]
    assert as_text([good, bad]).splitlines() == ["ok  a     1", "!!  long  2", "          Do this.", "", "1 thing to look at, marked with !!."]


def _facts() -> dict:
    from workings.training.machine import machine

    return machine()
