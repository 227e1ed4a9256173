"""The page holds everything, fetches nothing, and what it says can be followed."""

import shlex
from dataclasses import replace

import pytest

from tests.report.pages import Page
from tests.tour.tiny import tiny
from workings.cli.main import app
from workings.studies import catalog
from workings.studies.study import Scale, Study, Verdict
from workings.tour.journey import tour
from workings.tour.stops import JOBS, QUESTIONS, Question
from workings.tour.words import shortened, whole_sentences


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("workings.training.machine.measured_peak", lambda *given, **options: 100.0)


def a_study(name: str) -> Study:
    scale = Scale(seeds=2)
    return Study(
        name=name,
        statement="1.1e",
        title="Made up for this test",
        claim="Lines & rise.",
        hypothesis="By 3 more.",
        varied="",
        held="",
        quick=scale,
        full=scale,
        conditions=lambda scale: [{"slope": 2.0}],
        measure=lambda condition, seed, scale, folder: [{"y": 1.0 + seed}],
        judge=lambda rows: Verdict("depends on", f"They rise by {rows[1]['y']}.", 3.0, 2.0, 4.0, "per x"),
        draw=lambda rows, figure: figure.add_subplot(111).plot([1, 2]),
        measures={"y": "height, m"},
    )


def check(done) -> Page:
    """What holds of every page."""
    page = Page(done.page.read_text(encoding="utf-8"))
    loaded = page.loaded()
    assert all(address.startswith(("data:", "#")) or (done.folder / address).is_file() for address in loaded)
    assert {address[1:] for address in loaded if address.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    return page


def test_a_job_and_a_study_are_shown_with_their_scores_reports_and_commands(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "NAMES", ["rising"])
    monkeypatch.setattr("workings.studies.catalog.find", a_study)
    monkeypatch.setattr("workings.tour.page.find", a_study)
    (job,) = tiny("pictures")
    done = tour(tmp_path / "tour", quiet=True, jobs=(replace(job, about="Pictures <told> apart."),), questions=(Question(name="rising", minutes=1.0),))
    assert not done.failed
    page, text = check(done), done.page.read_text()
    assert {"pictures", "studies", "rising", "glance"} <= set(page.ids)
    assert "Pictures &lt;told&gt; apart." in text
    assert "named right" in text and "by always saying the same" in text and "Lines &amp; rise." in text
    assert "Depends on." in text and "They rise by 2.0." in text and "2 seeds" in text
    assert {"pictures/report.html", "rising/report.html"} <= set(page.loaded())
    assert text.count('class="belief"') == 30  # three classes of each of ten pictures


@pytest.mark.slow
def test_every_job_is_on_the_page(tmp_path):
    done = tour(tmp_path / "tour", quiet=True, jobs=tiny(), questions=())
    assert not done.failed
    page, text = check(done), done.page.read_text()
    assert {job.name for job in JOBS} <= set(page.ids)
    assert {f"{job.name}/report.html" for job in JOBS} <= set(page.loaded())
    assert text.count('class="way"') == 4  # three ways to draw, and real pictures beside them
    for words in ("nats a character", "BLEU", "judged right", "named right", "taken for what was asked", "Frechet distance", "It is a truth universally"):
        assert words in text
    assert "did not work" not in text


@pytest.mark.parametrize("part", [*JOBS, *QUESTIONS], ids=lambda part: part.name)
def test_the_command_beside_each_part_is_one(part, tmp_path):
    lines = part.commands if isinstance(part, Question) else part.commands(0.5, tmp_path)
    for line in lines:
        function, bound, _ = app.parse_args(shlex.split(line)[1:], exit_on_error=False, print_error=False)
        assert function.__name__ in ("study", "evaluate", "language", part.name)
        assert bound


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_the_settings_of_each_job_are_settings(job):
    from workings.settings import merge, parse_assignments
    from workings.tasks.jobs import settings_module

    model = {"model": {"preset": job.given["model"]}} if "model" in job.given else {}
    settings_module(job.task).read_settings(merge(model, parse_assignments(job.settings)))


def test_a_text_ends_with_its_last_whole_sentence():
    assert whole_sentences(' was Mr. Darcy. "Yes!" She saw Mr. B') == ' was Mr. Darcy. "Yes!"'
    assert whole_sentences("no end ") == whole_sentences("no end") == "no end …"
    assert whole_sentences(". There was no end to it") == ". There was no end to it …"
    assert shortened("a\n\n b") == "a b"
    assert len(shortened("word " * 99)) < 200 and shortened("word " * 99).endswith("word …")
