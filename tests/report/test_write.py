import base64
import gzip
import json
import re
from pathlib import Path

import pytest

from tests.report.folders import make_run, write_rows
from tests.report.pages import Page
from workings.errors import BadInput
from workings.report.pages import Section
from workings.report.panels import panels
from workings.report.record import read_record
from workings.report.run_sections import run_sections
from workings.report.write import comparison, spread, tiles, write_report
from workings.training.journal import Journal, read_metrics
from workings.training.run import Run


def report(*runs: Path, **options) -> Page:
    return Page(write_report(list(runs), runs[0].parent / "out.html", **options).read_text(encoding="utf-8"))


def with_rows(tmp_path: Path, rows: list[dict]) -> Path:
    write_rows(make_run(tmp_path / "run"), rows)
    return tmp_path / "run"


START = {"event": "start", "step": 0, "parameters": {"model": 1000}, "units": "tokens", "units_per_step": 64, "flops_per_step": 1e6, "steps": 50}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "a run")


def test_the_report_lies_in_the_run_and_is_small(run: Path):
    path = write_report([run])
    assert path == run / "report.html"
    assert path.stat().st_size < 500_000


def test_the_page_fetches_nothing(run: Path):
    page = report(run, sections=lambda _: [Section("Extra", "<p>extra</p>")])
    assert all(address.startswith(("data:", "#")) for address in page.loaded())
    html = (run.parent / "out.html").read_text()
    assert not re.search(r"@import|@font-face|url\((?!#)", html)
    assert set(re.findall(r"https?://[\w./]+", html)) == {"http://www.w3.org/2000/svg"}
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [{}]


def test_every_id_is_there_once_and_every_link_has_its_target(run: Path):
    page = report(run, sections=lambda _: [Section("Extra", "")])
    assert len(page.ids) == len(set(page.ids))
    assert {address[1:] for address in page.loaded() if address.startswith("#")} <= set(page.ids)


def test_every_row_is_in_the_file(run: Path):
    (archive,) = (address for address in report(run).loaded() if address.startswith("data:application/gzip"))
    lines = gzip.decompress(base64.b64decode(archive.partition(",")[2])).decode().splitlines()
    assert [json.loads(line) for line in lines] == read_metrics(run / "metrics.jsonl")


def test_scores_on_test_data_have_a_table_of_their_own_and_a_row_side_by_side(tmp_path: Path):
    runs = [make_run(tmp_path / name) for name in "ab"]
    assert "test data" not in report(*runs[:1]).text
    Journal(runs[0] / "metrics.jsonl").write("test", 700, loss=1.625)
    page = report(*runs[:1])
    assert "test" in page.ids and "those of step 700" in page.text and "1.625" in page.text
    assert re.search(r"loss, test\s*1.625\s*–", report(*runs).text)


def test_a_test_after_the_end_changes_neither_how_a_run_ended_nor_how_long_it_took(tmp_path: Path):
    run = make_run(tmp_path / "a")
    before = read_record(run)
    Journal(run / "metrics.jsonl").write("test", 700, loss=1.625, seconds=0.5)
    after = read_record(run)
    assert (after.ending, after.seconds, after.summary()) == (before.ending, before.seconds, before.summary()) and after.ending == "done"
    assert Run(run).over()


def test_the_headline_is_arithmetic_on_the_rows(run: Path):
    record = read_record(run)
    assert record.units_seen == 1200 * 4096
    assert record.flops == 1200 * record.start["flops_per_step"]
    assert record.peak_share == pytest.approx(record.flops / record.seconds / 851e9)
    text = report(run).text
    assert "4.92\u202fM" in text and f"{100 * record.peak_share:.0f}\u202f%" in text
    assert f"{record.best['loss']:.4g}" in text and "workings train language --data pride" in text


def test_config_and_machine_are_shown_whole(run: Path):
    text = report(run).text
    for part in ("lecture-plus", "weight_decay", "0.9, 0.95", "AMD EPYC 9B45", "2.13.0+cpu", "851.0", "Seed 0"):
        assert part in text


HOSTILE = "</p><script>alert('x')</script> <img src=http://host/x.png> & \"quotes\" \u202e é 漢字 🦆 \x00\x1b[31m"


def test_samples_are_text_and_never_markup(tmp_path: Path):
    run = with_rows(tmp_path, [START, {"event": "sample", "step": 5, "text": HOSTILE}, {"event": "sample", "step": 6, "text": "broken \ud83e surrogate"}])
    page = report(run)
    assert not [attributes for tag, attributes in page.tags if tag == "img"]
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 1
    assert HOSTILE.replace("\x00", "␀").replace("\x1b", "␛") in page.text
    assert "broken � surrogate" in page.text


def test_names_and_settings_are_text_and_never_markup(tmp_path: Path):
    run = make_run(tmp_path / "<i>&run $x$", command="train --data '<b>'", cpu="<u>cpu</u>")
    for page in (report(run), report(run, make_run(tmp_path / "b"))):
        assert not {"i", "u"} & {tag for tag, _ in page.tags}
        assert "<i>&run $x$" in page.text


@pytest.mark.parametrize(
    ("end", "sentence"),
    [("done", "Ran to its end"), ("early", "Stopped early"), ("interrupted", "Interrupted"), ("non-finite", "no longer finite"), (None, "Still running")],
)
def test_the_page_says_how_the_run_ended(tmp_path: Path, end: str | None, sentence: str):
    assert sentence in report(make_run(tmp_path / "run", end=end)).text


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [START],
        [START, {"event": "train", "step": 1, "seconds": 0.1, "loss": 4.0}],
        [START, {"event": "validation", "step": 1, "seconds": 0.1, "loss": 4.0, "best": True}],
        [
            START,
            {"event": "train", "step": 1, "seconds": 0.1, "loss": float("nan"), "gradient_norm": float("inf")},
            {"event": "end", "step": 1, "reason": "non-finite", "seconds": 0.1},
        ],
        [START, {"event": "validation", "step": 1, "seconds": 0.0, "loss": float("nan")}, {"event": "train", "step": 2, "seconds": 0, "loss": None}],
        [{"event": "train", "step": 3, "accuracy": 0.5}],
    ],
)
def test_short_and_broken_records_have_a_page_too(tmp_path: Path, rows: list[dict]):
    run = with_rows(tmp_path, rows)
    assert "Configuration" in report(run).text
    assert "What differs" in report(run, make_run(tmp_path / "whole")).text


def test_metrics_of_any_name_and_several_players_have_their_panels(tmp_path: Path):
    rows = [{**START, "units": "images", "parameters": {"generator": 10, "critic": 20}}]
    rows += [{"event": "train", "step": s, "seconds": s / 9, "generator/loss": 1 / s, "critic/loss": 2 / s, "critic/gradient_penalty": s} for s in range(1, 40)]
    run = read_record(with_rows(tmp_path, rows))
    drawn = {panel.title: panel for panel in panels([run], "c")}
    assert list(drawn) == ["Loss", "Loss over time", "Gradient penalty"]
    assert [label for label, _, _ in drawn["Loss"].legend] == ["generator training", "critic training"]
    assert run.parameters == 30


def test_whole_numbers_that_never_change_are_facts_and_not_curves(tmp_path: Path):
    rows = [START] + [{"event": "validation", "step": s, "seconds": s, "loss": 1 / s, "tokens": 68_475, "errors": 9 - s} for s in (1, 2)]
    run = read_record(with_rows(tmp_path, rows))
    assert run.measures("validation") == ["loss", "errors"]
    assert run.facts("validation") == {"tokens": 68_475}


def test_the_mean_of_the_last_checkpoints_may_be_the_best_but_is_no_step_of_the_training(tmp_path: Path):
    folder = make_run(tmp_path / "run")
    plain = [panel.svg for panel in panels([read_record(folder)], "c")]
    rows = read_metrics(folder / "metrics.jsonl")
    step, last = rows[-1]["step"], read_record(folder).validations[-1]["loss"]
    write_rows(folder, [*rows[:-1], {"event": "validation", "step": step, "seconds": 1.0, "loss": 0.75, "best": True, "averaged": 5}, rows[-1]])
    record = read_record(folder)
    assert record.best is not None and record.best["loss"] == 0.75 and record.validations[-1]["loss"] == last
    assert [panel.svg for panel in panels([record], "c")] == plain
    text = " ".join(Page(write_report([folder]).read_text(encoding="utf-8")).text.split())
    assert "Best score0.7500nats per token · mean of 5 checkpoints" in text and f"Final score{last:.3f}nats per token · step {step:,}" in text
    assert "of the mean of the last 5 checkpoints" in text


def test_side_by_side_shows_exactly_the_settings_that_differ(tmp_path: Path):
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", width=256, rate=1e-3), make_run(tmp_path / "c", torch="2.14.0")]
    page = report(*runs)
    assert page.cells("data-setting") == ["model.width", "optimizer.rate"]
    assert page.cells("data-fact") == ["torch"]


def test_equal_runs_differ_in_nothing(tmp_path: Path):
    page = report(make_run(tmp_path / "a"), make_run(tmp_path / "b"))
    assert not page.cells("data-setting") and "Nothing: the configurations and the machines are the same." in page.text


def test_runs_of_one_name_are_told_apart(tmp_path: Path):
    page = report(make_run(tmp_path / "x" / "run"), make_run(tmp_path / "y" / "run"))
    assert "x/run" in page.text and "y/run" in page.text


def test_the_best_run_of_several_is_marked(tmp_path: Path):
    page = report(make_run(tmp_path / "a", floor=1.5), make_run(tmp_path / "b", floor=1.2))
    cells = [attributes.get("class", "") for tag, attributes in page.tags if tag == "td" and "number" in attributes.get("class", "")]
    assert cells[:2] == ["number", "number winner"]


def test_the_headline_says_the_score_that_chose_and_more_of_it_is_better(tmp_path: Path):
    runs = [make_run(tmp_path / name) for name in "ab"]
    for run, accuracy in zip(runs, (0.75, 0.5), strict=True):
        config = run / "config.toml"
        config.write_text(config.read_text() + '\n[tuning]\nwatch = "accuracy"\n')
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for row in rows:
            if row["event"] == "validation":
                row["accuracy"] = accuracy - 0.1 * (not row.get("best"))
        (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "Its best validation accuracy is 0.75" in report(runs[0]).text
    record = read_record(runs[0])
    assert next(tile for tile in tiles(record) if tile["label"] == "Best score")["value"] == "0.7500"
    found = {label: winner for label, _, winner in comparison([read_record(run) for run in runs])}
    assert found["accuracy, best"] == 0


def test_a_loss_per_token_has_no_winner_when_the_tokens_differ(tmp_path: Path):
    runs = [make_run(tmp_path / "a", floor=1.5), make_run(tmp_path / "b", floor=1.2)]
    config = runs[1] / "config.toml"
    config.write_text(config.read_text().replace('"character"', '"bpe"'))
    page = report(*runs)
    cells = [attributes.get("class", "") for tag, attributes in page.tags if tag == "td" and "number" in attributes.get("class", "")]
    assert cells[:4] == ["number", "number", "number", "number winner"]  # the loss, then nats per character
    assert "scores per token cannot be compared" in page.text


def test_each_runs_sections_stand_together(tmp_path: Path):
    page = report(make_run(tmp_path / "a"), make_run(tmp_path / "b"), sections=lambda run: [Section("Extra", f"<p>extra of {run.name}</p>")])
    assert page.text.count("Extra") == 2  # in the contents and above the section
    assert "extra of a" in page.text and "extra of b" in page.text


def test_a_saved_model_is_watched_reading_the_sentence_the_held_out_text_or_its_own_sample(run: Path):
    from workings.data.tokenizers import train_tokenizer
    from workings.models.build import build
    from workings.models.settings import TransformerSettings
    from workings.weights.folder import save_folder

    tokenizer = train_tokenizer("byte", [""], 0)
    settings = TransformerSettings(vocabulary=tokenizer.size, width=8, layers=1, heads=2, context=40)
    save_folder(run / "model", "language", settings, build(settings).state_dict(), tokenizer, "")

    def read(sentence: str | None = None) -> str:
        return Page(run_sections(run, sentence)[0].html).text

    assert "Given by the reader." in read("Given by the reader.")
    assert "My dear Mr. Bennet" in read()
    (run / "samples").mkdir()
    (run / "samples" / "held-out.txt").write_text("nd so on.\n\nMr. Collins was not. A third sentence, and a fourth one.")
    assert "Mr. Collins was not." in read() and "so on" not in read()


def test_a_run_without_a_saved_model_has_no_sections_of_its_task(run: Path):
    assert run_sections(run) == []


@pytest.mark.parametrize("name", ["metrics.jsonl", "config.toml", "environment.json"])
def test_a_missing_file_is_one_sentence(run: Path, name: str):
    (run / name).unlink()
    with pytest.raises(BadInput, match=f"it has no {name}"):
        write_report([run])


def test_a_missing_folder_and_a_broken_config_are_one_sentence(run: Path):
    with pytest.raises(BadInput, match="There is no run folder"):
        write_report([run / "nothing"])
    (run / "config.toml").write_text("a = = 1")
    with pytest.raises(BadInput, match="unreadable config.toml"):
        write_report([run])


@pytest.mark.parametrize("n", [0, 1, 6, 7, 8, 13, 200])
def test_shown_samples_are_few_and_hold_the_first_and_the_last(n: int):
    places = spread(n, 7)
    assert len(places) <= 7 and places == sorted(set(places))
    assert not n or (places[0], places[-1]) == (0, n - 1)
