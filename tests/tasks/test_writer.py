"""A language model in use: what it is asked must be a choice that there is."""

import pytest

from workings.data.tokenizers import train_tokenizer
from workings.errors import BadInput
from workings.models.build import build
from workings.models.settings import model_settings
from workings.tasks.writer import Writer
from workings.weights.folder import save_folder


@pytest.fixture
def writer(tmp_path) -> Writer:
    settings = model_settings("gpt", vocabulary=5, context=6, width=8, layers=1, heads=2)
    save_folder(tmp_path / "model", "language", settings, build(settings).state_dict(), train_tokenizer("character", ["abcde"], 0), "# Card\n")
    return Writer(tmp_path / "model")


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"temprature": 1}, r"no setting 'write\.temprature'\. Did you mean 'write.temperature'"),
        ({"tokens": "9"}, r"write\.tokens is '9'; it must be a whole number"),
        ({"quantize": "int4"}, "write.quantize is 'int4'. Did you mean 'int8'"),
    ],
    ids=str,
)
def test_a_choice_that_does_not_exist_is_refused_with_a_suggestion(writer, choices, said):
    with pytest.raises(BadInput, match=said):
        writer.write("a", **choices)


def test_whole_numbers_lists_and_single_stop_strings_will_do(writer):
    written = writer.write_all(["a", "bc"], tokens=4, temperature=1, stop="d", samples=2)
    assert [text.prompt for text in written] == ["a", "a", "bc", "bc"]
    assert writer.write("a", tokens=4, stop=["d", "e"]).startswith("a")


def test_more_than_the_learned_positions_cannot_be_scored(writer, tmp_path):
    (tmp_path / "text.txt").write_text("abcde" * 9)
    assert writer.evaluate(str(tmp_path / "text.txt"))["tokens"] == 44
    with pytest.raises(BadInput, match="has learned only 6 positions"):
        writer.evaluate(str(tmp_path / "text.txt"), context=7)
