"""The record: a line an event, only added to, readable at every moment, and clean after every stop."""

import errno
import json
import os
import threading

import pytest

from workings.errors import BadInput
from workings.training import journal as j
from workings.training.journal import Journal, read_metrics


def test_rows_come_back_as_they_were_written(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    written = [journal.write("start", 0, units="tokens"), journal.write("train", 1, loss=1 / 3), journal.write("sample", 1, text="“Zoë”\n\u2028next")]
    assert read_metrics(tmp_path / "metrics.jsonl") == written


def test_only_the_first_process_writes(tmp_path):
    assert Journal(tmp_path / "metrics.jsonl", speaks=False).write("train", 1, loss=2.0)["loss"] == 2.0
    assert not (tmp_path / "metrics.jsonl").exists()


def test_a_line_cut_anywhere_is_left_out_and_the_next_one_is_whole(tmp_path):
    line = json.dumps({"event": "sample", "step": 2, "text": "“ü”"}, ensure_ascii=False).encode() + b"\n"
    for length in range(len(line)):
        path = tmp_path / f"{length}.jsonl"
        Journal(path).write("train", 1)
        with open(path, "ab") as file:
            file.write(line[:length])
        expected = [1, 2] if length == len(line) - 1 else [1]
        assert [row["step"] for row in read_metrics(path)] == expected
        Journal(path).write("train", 3)
        assert [row["step"] for row in read_metrics(path)] == [*expected, 3]


def test_a_resume_voids_the_rows_after_its_step_and_the_end(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    for event, step in [
        ("start", 0),
        ("train", 5),
        ("checkpoint", 5),
        ("train", 8),
        ("end", 8),
        ("resume", 5),
        ("train", 6),
        ("resume", 5),
        ("train", 7),
        ("end", 7),
    ]:
        journal.write(event, step)
    clean = [(row["event"], row["step"]) for row in read_metrics(tmp_path / "metrics.jsonl")]
    assert clean == [("start", 0), ("train", 5), ("checkpoint", 5), ("resume", 5), ("resume", 5), ("train", 7), ("end", 7)]


def test_an_end_at_the_step_of_the_resume_is_void_too(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    for event, step in [("start", 0), ("train", 5), ("end", 5), ("resume", 5), ("train", 6)]:
        journal.write(event, step)
    assert "end" not in {row["event"] for row in read_metrics(tmp_path / "metrics.jsonl")}


def test_a_second_start_begins_the_record_anew(tmp_path):
    journal = Journal(tmp_path / "metrics.jsonl")
    for event, step in [("start", 0), ("train", 3), ("start", 0), ("train", 1)]:
        journal.write(event, step)
    assert [(row["event"], row["step"]) for row in read_metrics(tmp_path / "metrics.jsonl")] == [("start", 0), ("train", 1)]


def test_it_can_be_read_while_it_is_written(tmp_path):
    journal, done = Journal(tmp_path / "metrics.jsonl"), threading.Event()
    journal.write("start", 0)

    def write():
        for step in range(1, 300):
            journal.write("train", step, text="x" * 500)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        steps = [row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")]
        assert steps == list(range(len(steps)))
    writer.join()
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 300


def test_a_missing_record_is_one_sentence(tmp_path):
    with pytest.raises(BadInput, match="does not exist; is .* the folder of a run"):
        read_metrics(tmp_path / "metrics.jsonl")


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "metrics.jsonl")

    def full(*given, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(j, "open", full, raising=False)
    with pytest.raises(BadInput, match="metrics.jsonl could not be written: No space left on device; the last checkpoint is untouched"):
        journal.write("train", 1)
