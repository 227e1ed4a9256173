"""Measurements in several processes are those of one, and no process outlives whoever waited for it."""

import importlib
import multiprocessing
import sys
from pathlib import Path

import pytest
import torch

from workings.errors import BadInput
from workings.studies.running import run_study
from workings.studies.side_by_side import Unit, measured_units
from workings.studies.study import Scale
from workings.studies.tau import STUDY, conditions, measure

UNITS = [Unit(condition, seed) for condition in conditions(STUDY.quick)[:2] for seed in range(2)]


MADE_UP = """
import os, time, torch

def die(condition, seed, scale, folder):
    os._exit(1)

def take_long(condition, seed, scale, folder):
    if seed:
        time.sleep(600)
    return [{"threads": torch.get_num_threads(), "draw": torch.rand(()).item()}]
"""


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """Measures in a module that other processes can import."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "made_up_measures.py").write_text(MADE_UP)
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module("made_up_measures")
    del sys.modules["made_up_measures"]


def test_two_processes_measure_what_one_measures(tmp_path):
    alone, beside = ({unit.text: found.rows for unit, found in measured_units(measure, STUDY.quick, UNITS, tmp_path, jobs)} for jobs in (1, 2))
    assert alone.keys() == beside.keys() == {unit.text for unit in UNITS}
    for text, rows in alone.items():
        assert [pytest.approx(row, rel=1e-6) for row in rows] == beside[text]
    assert not list(tmp_path.iterdir())


def test_each_process_has_one_thread_begins_from_its_seed_and_ends_when_nobody_listens(tmp_path, made_up):
    made = measured_units(made_up.take_long, Scale(2), [Unit({}, 0), Unit({}, 1)], tmp_path, jobs=2)
    unit, found = next(made)
    assert unit.seed == 0 and found.rows == [{"threads": 1, "draw": torch.manual_seed(0) and torch.rand(()).item()}]
    made.close()
    for process in multiprocessing.active_children():
        process.join(30)
    assert not multiprocessing.active_children()


def test_a_process_that_ends_is_one_sentence(tmp_path, made_up):
    with pytest.raises(BadInput, match="its memory did not suffice, or it could not begin"):
        list(measured_units(made_up.die, Scale(2), [Unit({}, 0), Unit({}, 1)], tmp_path, jobs=2))


def test_no_measurement_at_once_is_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(BadInput, match="0 measurements at once are none"):
        run_study(STUDY, out=Path(tmp_path / "tau"), jobs=0)
    assert not (tmp_path / "tau").exists()
