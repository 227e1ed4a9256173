"""A tour does each part once, goes on where it was stopped, and does not fall with one of its parts."""

import json
from dataclasses import replace

import pytest

import workings
from tests.tour.tiny import tiny
from workings.cli.main import main
from workings.errors import BadInput
from workings.tour.diary import Diary, unfinished
from workings.tour.journey import folder_of, tour
from workings.tour.page import SHOWN
from workings.tour.stops import JOBS, OVERHEAD, QUESTIONS, WHOLE, whole
from workings.training.fit import Loop
from workings.training.journal import read_metrics


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("workings.training.machine.measured_peak", lambda *given, **options: 100.0)


def events(folder, name):
    return [row["event"] for row in read_metrics(folder / "metrics.jsonl") if row["event"] == name]


@pytest.mark.parametrize("minutes", [7.0, 9.0, 23.0])
def test_the_parts_take_as_long_as_the_whole(minutes):
    scale = whole(minutes, JOBS, QUESTIONS)
    assert sum(job.minutes * scale + OVERHEAD for job in JOBS) + sum(question.minutes for question in QUESTIONS) == pytest.approx(minutes)


def test_in_little_time_every_job_still_learns():
    assert 0 < whole(0.1, JOBS, QUESTIONS) < whole(1.0, JOBS, QUESTIONS) < whole(WHOLE, JOBS, QUESTIONS)


def test_who_judges_the_drawings_has_learned_before_they_are_drawn():
    names = [job.name for job in JOBS]
    assert len(names) == len(set(names)) == 7
    assert all(names.index(job.scoring["judge"]) < names.index(job.name) for job in JOBS if "judge" in job.scoring)


def test_a_part_that_fails_is_written_down_and_the_others_are_done(tmp_path, capsys):
    broken, fine = tiny("language", "vae")
    jobs = (replace(broken, given={"data": "no-such-text.txt"}), fine)
    done = tour(tmp_path / "tour", jobs=jobs, questions=())
    assert done.failed == ("language",)
    page = done.page.read_text()
    assert "no-such-text.txt" in page and "This part did not work." in page
    assert 'href="vae/report.html"' in page
    said = capsys.readouterr().err
    assert "1 of 2  language: about" in said and "language: failed: " in said and "left" in said
    assert Diary(done.folder).facts["over"]  # every part has been tried
    assert "no-such-text.txt" in Diary(done.folder).of("language")["traceback"]


def test_what_failed_is_tried_again_and_what_is_done_is_not(tmp_path):
    broken, fine = tiny("sentences", "vae")
    tour(tmp_path / "tour", quiet=True, jobs=(replace(broken, given={"data": "no-such-table.csv"}), fine), questions=())
    done = tour(tmp_path / "tour", quiet=True, jobs=(broken, fine), questions=())
    assert not done.failed and Diary(done.folder).facts["over"]
    assert "did not work" not in done.page.read_text()
    assert events(done.folder / "vae", "start") == ["start"]


def test_a_tour_that_was_stopped_goes_on_in_the_middle_of_a_training(tmp_path, monkeypatch):
    (job,) = tiny("vae")
    with monkeypatch.context() as stopping:
        stopping.setattr(Loop, "over", lambda self, stop: "interrupted" if self.state.step else "")
        with pytest.raises(KeyboardInterrupt, match=r"go on with: workings tour --out .*tour"):
            tour(tmp_path / "tour", quiet=True, jobs=(job,), questions=())
    spent = Diary(tmp_path / "tour").of("vae")["seconds"]
    done = tour(tmp_path / "tour", quiet=True, jobs=(job,), questions=())
    assert not done.failed
    assert events(done.folder / "vae", "start") == ["start"] and events(done.folder / "vae", "resume") == ["resume"]
    assert Diary(done.folder).of("vae")["seconds"] > spent


def test_what_is_over_is_not_done_again_only_its_page(tmp_path, monkeypatch):
    (job,) = tiny("vae")
    first = tour(tmp_path / "tour", quiet=True, jobs=(job,), questions=())
    first.page.unlink()
    monkeypatch.setattr(workings, "train", lambda *given, **options: pytest.fail("trained again"))
    assert tour(tmp_path / "tour", quiet=True, jobs=(job,), questions=()).page.exists()


def test_without_a_folder_the_newest_tour_that_is_not_over_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, over in (("tour-1", False), ("tour-2", False), ("tour-3", True)):
        (tmp_path / "runs" / name).mkdir(parents=True)
        Diary(tmp_path / "runs" / name).write(over=over)
    assert unfinished().name == "tour-2"
    for name, text in (("tour-4", '{"parts"'), ("tour-5", "[]"), ("tour-6", "null")):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "tour.json").write_text(text)
    assert unfinished().name == "tour-2"  # damaged ones stand in nobody's way
    assert folder_of(None).name == "tour-2"
    assert folder_of("mine").name == "mine"
    assert folder_of("runs/tour-3").name == "tour-3" and unfinished().name == "tour-3"  # named, it goes on


def test_minutes_that_are_too_few_are_said(tmp_path, capsys):
    (job,) = tiny("vae")
    for minutes, said in ((0.1, True), (WHOLE, False)):
        tour(tmp_path / str(minutes), minutes=minutes, jobs=(replace(job, given={"data": "no-such-pictures"}),), questions=())
        assert ("not 0.1 minutes, but about" in capsys.readouterr().err) == said


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    with pytest.raises(BadInput, match="not the folder of a tour"):
        tour(tmp_path / "mine", jobs=(), questions=())
    with pytest.raises(BadInput, match="minutes is 0"):
        tour(tmp_path / "new", minutes=0, jobs=(), questions=())
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"] and not (tmp_path / "new").exists()


def test_a_diary_that_is_cut_short_is_a_sentence(tmp_path):
    (tmp_path / "tour.json").write_text('{"parts"')
    with pytest.raises(BadInput, match="not whole JSON"):
        Diary(tmp_path)


@pytest.mark.parametrize(("failed", "code"), [((), None), (("gan",), 1)])
def test_the_command_prints_the_page_and_fails_if_a_part_did(failed, code, tmp_path, monkeypatch, capsys):
    from workings.tour.journey import Toured

    heard = {}
    monkeypatch.setattr("workings.verbs.tour", lambda **given: heard.update(given) or Toured(tmp_path, failed))
    if code is None:
        main(["tour", "--minutes", "3", "--out", str(tmp_path)])
    else:
        with pytest.raises(SystemExit) as stop:
            main(["tour", "--minutes", "3", "--out", str(tmp_path)])
        assert stop.value.code == code
    said = capsys.readouterr()
    assert said.out.strip() == str(tmp_path / "tour.html")
    assert ("gan" in said.err) == bool(failed)
    assert heard == {"out": str(tmp_path), "minutes": 3.0, "quiet": False}


def test_the_diary_keeps_scores_and_seconds_in_plain_json(tmp_path):
    diary = Diary(tmp_path)
    diary.spend("vae", 2.0)
    diary.note("vae", error="broke")
    diary.spend("vae", 3.0)
    diary.note("vae", error=None, done=True)
    assert json.loads((tmp_path / "tour.json").read_text())["parts"] == {"vae": {"seconds": 5.0, "done": True}}


def test_stopping_the_command_says_how_to_go_on_and_exits_with_130(tmp_path, monkeypatch, capsys):
    def stopped(**given):
        raise KeyboardInterrupt

    monkeypatch.setattr(workings, "train", stopped)
    with pytest.raises(SystemExit) as stop:
        main(["tour", "--out", str(tmp_path / "mine"), "--quiet"])
    assert stop.value.code == 130
    assert f"workings tour --out {tmp_path / 'mine'}" in capsys.readouterr().err


def test_a_part_that_cannot_be_shown_is_said_and_the_rest_is_shown(tmp_path, monkeypatch):
    def broken(run):
        raise ValueError("no eyes")

    jobs = tiny("vae", "gan")
    tour(tmp_path / "tour", quiet=True, jobs=tuple(replace(job, scoring={}) for job in jobs), questions=())
    monkeypatch.setitem(SHOWN, "vae", broken)
    done = tour(tmp_path / "tour", quiet=True, jobs=jobs, questions=())
    assert done.failed == ("vae",)
    page = done.page.read_text()
    assert "no eyes" in page and 'id="gan"' in page and 'alt="Two networks' in page
    assert "ValueError" in Diary(done.folder).of("vae")["traceback"]
