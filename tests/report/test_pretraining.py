"""What a report says of the pretraining: which, on what, for how long and to which loss; and nothing where there was none."""

import tomllib

import tomli_w

from tests.report.folders import make_run
from tests.report.pages import Page
from workings.report.pretraining import pretraining_sections
from workings.training.journal import read_metrics


def test_a_run_that_was_pretrained_shows_the_other_run_and_others_show_nothing(tmp_path):
    run = make_run(tmp_path / "run")
    assert pretraining_sections(run) == []
    first = make_run(run / "pretraining", floor=2.5)
    config = tomllib.loads((first / "config.toml").read_text()) | {"task": "pretraining", "pretraining": {"objective": "masked"}}
    (first / "config.toml").write_text(tomli_w.dumps(config))
    (first / "samples").mkdir(exist_ok=True)
    (first / "samples" / "data.txt").write_text("7 texts of <b>\n")
    (section,) = pretraining_sections(run)
    text = Page(section.html).text
    assert section.title == "Pretraining" and "hidden tokens" in text and "7 texts of <b>" in text
    best = min(row["loss"] for row in read_metrics(first / "metrics.jsonl") if row["event"] == "validation")
    assert f"Its best validation loss is {best:.3f}" in text and section.html.count("<svg") == 1
    assert "each next token" not in text
    (first / "config.toml").write_text(tomli_w.dumps(config | {"pretraining": {"objective": "next-token"}}))
    assert "each next token" in Page(pretraining_sections(run)[0].html).text
