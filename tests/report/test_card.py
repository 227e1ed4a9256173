from pathlib import Path

import pytest

from tests.report.folders import make_run, write_rows
from workings.report.card import model_card
from workings.training.journal import Journal


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "my: 'run'")


def front(card: str) -> dict:
    yaml = pytest.importorskip("yaml")
    _, matter, _ = card.split("---\n", 2)
    return yaml.safe_load(matter)


def test_the_front_matter_is_what_the_hub_expects(run: Path):
    matter = front(model_card(run))
    assert matter["library_name"] == "workings" and matter["pipeline_tag"] == "text-generation" and matter["license"] == "mit"
    (index,) = matter["model-index"]
    assert index["name"] == "my: 'run'"
    metrics = {metric["type"]: metric["value"] for metric in index["results"][0]["metrics"]}
    assert set(metrics) == {"loss", "nats_per_character", "bits_per_byte"}


def test_the_hubs_own_reader_takes_the_card(run: Path):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(model_card(run))
    assert card.data.license == "mit" and card.data.eval_results[0].metric_type == "loss"


def test_the_card_names_data_scores_seed_and_command(run: Path):
    card = model_card(run)
    for part in ("Jane Austen", "public domain", "Nats per character", "workings train language --data pride", "Seed 0", "lecture-plus", "workings.load("):
        assert part in card


def test_scores_on_test_data_stand_beside_those_of_the_validation_and_are_what_the_hub_is_told(run: Path):
    assert "test data" not in model_card(run) and front(model_card(run))["model-index"][0]["results"][0]["dataset"]["split"] == "validation"
    Journal(run / "metrics.jsonl").write("test", 700, loss=1.625, bits_per_byte=2.25)
    card = model_card(run)
    assert "## Scores on the validation data" in card and "weights of step 700; this data chose nothing" in card and "| Bits per byte | 2.250 |" in card
    result = front(card)["model-index"][0]["results"][0]
    assert result["dataset"]["split"] == "test" and {metric["type"]: metric["value"] for metric in result["metrics"]} == {"loss": 1.625, "bits_per_byte": 2.25}


def test_a_text_of_ones_own_has_an_unknown_license(run: Path):
    config = run / "config.toml"
    config.write_text(config.read_text().replace('"pride"', '"letters.txt"'))
    card = model_card(run)
    assert front(card)["license"] == "unknown" and "depends on the data" in card


def test_a_run_without_scores_has_a_card_without_results(run: Path):
    write_rows(run, [])
    assert "model-index" not in front(model_card(run))
