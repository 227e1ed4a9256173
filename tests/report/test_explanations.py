"""Why a classifier says what it says, on a page: every token in its color with its number, maps that hold their weights, nothing that writes HTML."""

import base64
import io
import re

import pytest
import torch
from PIL import Image

from tests.report.pages import Page
from workings.report.explanations import COLUMNS, Case, why_section
from workings.tasks.explanation import Explanation, Looks, Piece


def case(words=("A", " fine", " film"), contributions=(0.5, -1.0, 0.0), label="yes", layers=2, heads=3) -> Case:
    torch.manual_seed(0)
    pieces = tuple(Piece(word, value) for word, value in zip(words, contributions, strict=True))
    weights = torch.rand(layers, heads, len(words) + 1).softmax(-1)
    return Case(label, Explanation("yes", 0.3, 0.8, pieces), Looks(("<cls>", *words), weights))


def weights_in(address: str) -> torch.Tensor:
    """The weights that the page's script reads from a picture."""
    image = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA")
    return (torch.tensor(list(image.getchannel("A").getdata())).view(image.height, image.width) / 255) ** 2


def test_every_token_has_its_color_and_its_number():
    page = Page(why_section([case()]).html)
    spans = [attributes for tag, attributes in page.tags if tag == "span" and "data-tip" in attributes]
    assert [span["data-tip"] for span in spans] == ["A  +0.50", "␣fine  −1.00", "␣film  +0.00"]
    assert ["against" in span.get("class", "") for span in spans] == [False, True, False]
    assert [span["style"] for span in spans] == ["--p: 0.5", "--p: 1.0", "--p: 0.0"]
    assert re.search(r"Log-odds of yes: 0.30 = 0.80 for zero vectors − 0.50 by the tokens", page.text)
    assert "Most for it: A +0.50." in page.text and "Most against it: fine −1.00." in page.text


def test_the_legend_says_what_the_fullest_colors_are():
    page = Page(why_section([case()]).html)
    assert all(label in page.text for label in ("against yes", "−1.00", "−0.50", "+0.50", "+1.00", "for yes"))


def test_right_and_wrong_are_told_apart():
    text = Page(why_section([case(), case(label="no")]).html).text
    assert "Right: yes with 57" in text and "Wrong: it is no, but yes is said with 57" in text


def test_maps_hold_the_mean_of_the_heads_and_every_head():
    one = case()
    means, heads = (weights_in(address) for address in Page(why_section([one]).html).cells("src"))
    torch.testing.assert_close(means, one.looks.weights.mean(1), atol=0.005, rtol=0)
    torch.testing.assert_close(heads, one.looks.weights.flatten(0, 1), atol=0.005, rtol=0)


@pytest.mark.parametrize(("count", "maps"), [(COLUMNS - 1, 1), (COLUMNS, 2), (3 * COLUMNS, 4)])
def test_a_long_text_has_several_maps_and_loses_no_token(count, maps):
    one = case([f" w{number}" for number in range(count)], [0.1] * count)
    page = Page(why_section([one]).html)
    found = [weights_in(address) for address in page.cells("src")]
    assert len(found) == 2 * maps
    torch.testing.assert_close(torch.cat(found[:maps], 1), one.looks.weights.mean(1), atol=0.005, rtol=0)
    assert all(f"w{number}" in page.text for number in range(count))


def test_texts_and_classes_cannot_write_html():
    bad = '<script>alert(1)</script>"'
    one = Case(bad, Explanation(bad, 0.0, 0.0, (Piece(bad, 1.0), Piece("\n", -1.0), Piece("\x1b", 0.0))), Looks((bad, "\n", "\x1b"), torch.ones(1, 1, 3) / 3))
    page = Page(why_section([one]).html)
    assert "script" not in {tag for tag, _ in page.tags} and bad in page.text and "↵" in page.text and "\x1b" not in page.text


def test_a_text_in_which_nothing_counts_is_drawn_too():
    assert "Most for it" not in Page(why_section([case(contributions=(0.0, 0.0, 0.0))]).html).text
    assert why_section([case((), ())]).html
