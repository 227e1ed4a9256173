"""Measurements in several processes are those of one, and no process outlives whoever waited for it."""

import importlib
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from workings.errors import BadInput
from workings.studies.running import run_study
from workings.studies.side_by_side import Unit, measured_units
from workings.studies.study import Scale, Verdict
from workings.studies.tau import STUDY, conditions, measure

UNITS = [Unit(condition, seed) for condition in conditions(STUDY.quick)[:2] for seed in range(2)]


VERDICT = Verdict("supported", "It is so.", 1.0, 0.0, 2.0, "of them")
WAITS = """
import sys
sys.path.insert(0, {modules!r})
from pathlib import Path
from made_up_measures import take_long
from workings.studies.side_by_side import Unit, measured_units
from workings.studies.study import Scale

if __name__ == "__main__":
    list(measured_units(take_long, Scale(2), [Unit({{}}, 0), Unit({{}}, 1)], Path({scratch!r}), jobs=2))
"""
MADE_UP = """
import os, time, torch

def die(condition, seed, scale, folder):
    os._exit(1)

def take_long(condition, seed, scale, folder):
    if seed:
        (folder / "process").write_text(str(os.getpid()))
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


def test_each_process_has_one_thread_begins_from_its_seed_and_ends_when_nobody_listens(tmp_path, made_up, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    made = measured_units(made_up.take_long, Scale(2), [Unit({}, 0), Unit({}, 1)], tmp_path, jobs=2)
    unit, found = next(made)
    assert unit.seed == 0 and found.rows == [{"threads": 1, "draw": torch.manual_seed(0) and torch.rand(()).item()}]
    made.close()
    for process in multiprocessing.active_children():
        process.join(30)
    assert not multiprocessing.active_children()


def test_no_process_outlives_one_that_is_killed(tmp_path, made_up):
    script = tmp_path / "waits.py"
    script.write_text(WAITS.format(modules=str(tmp_path / "modules"), scratch=str(tmp_path / "scratch")))
    waiting = subprocess.Popen([sys.executable, str(script)])
    written = tmp_path / "scratch" / "1" / "process"
    while not (written.exists() and written.read_text()) and waiting.poll() is None:
        time.sleep(0.1)
    worker = int(written.read_text())
    os.kill(worker, 0)
    waiting.kill()
    waiting.wait()
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"{worker} is alive")


def test_a_study_in_two_processes_has_its_rows_in_order_goes_on_and_says_how_many_there_were(tmp_path):
    light = dict(judge=lambda rows: VERDICT, draw=lambda rows, figure: None, expectations=lambda rows: {})
    few = replace(STUDY, conditions=lambda scale: conditions(scale)[:3], quick=replace(STUDY.quick, seeds=2), **light)
    alone, beside = (run_study(few, out=tmp_path / str(jobs), jobs=jobs, quiet=True) for jobs in (1, 2))
    assert [(row["width"], row["tau"], row["seed"]) for row in beside.rows] == [(row["width"], row["tau"], row["seed"]) for row in alone.rows]
    assert beside.jobs == 2 and alone.jobs == 1 and len(beside.rows) == 6
    record = tmp_path / "2" / "units.jsonl"
    kept = record.read_text().splitlines(keepends=True)
    record.write_text("".join(kept[3:]))
    assert run_study(few, out=tmp_path / "2", jobs=2, quiet=True).rows == beside.rows
    assert record.read_text().splitlines(keepends=True)[:3] == kept[3:]


def test_a_process_that_ends_is_one_sentence(tmp_path, made_up):
    with pytest.raises(BadInput, match="what was measured is saved, .*--jobs 1"):
        list(measured_units(made_up.die, Scale(2), [Unit({}, 0), Unit({}, 1)], tmp_path, jobs=2))


def test_no_measurement_at_once_is_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(BadInput, match="0 measurements at once are none"):
        run_study(STUDY, out=Path(tmp_path / "tau"), jobs=0)
    assert not (tmp_path / "tau").exists()
