import base64
import io
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image

from tests.report.pages import Page
from workings.errors import BadInput
from workings.models.settings import RecurrentSettings, TransformerSettings
from workings.report.language import ATTENTION_TOKENS, attention_image, attention_section, language_sections, look_back, probability_section, tint, token_text


def causal(layers: int, heads: int, length: int) -> np.ndarray:
    scores = np.random.default_rng(0).normal(size=(layers, heads, length, length))
    scores[..., np.triu_indices(length, 1)[0], np.triu_indices(length, 1)[1]] = -np.inf
    weights = np.exp(scores)
    return weights / weights.sum(-1, keepdims=True)


def test_the_tint_rises_with_the_probability():
    tints = [tint(p) for p in np.linspace(0, 1, 101)]
    assert tints == sorted(tints) and len(set(tints)) == 101
    assert (tints[0], tints[-1]) == (0.0, 1.0)


def test_the_page_tints_each_token_by_its_own_probability():
    html = probability_section(list("abcd"), [None, 0.1, 0.9, 0.4]).html
    strengths = [float(x) for x in re.findall(r"--p: ([\d.]+)", html.split('class="tinted"')[1])]
    assert strengths == [tint(0.1), tint(0.9), tint(0.4)]


def test_the_tip_says_p_and_the_likeliest_tokens():
    html = probability_section(["a", "\n"], [None, 0.25], [[], [(" ", 0.5), ("\n", 0.25)]]).html
    assert "first token" in Page(html).cells("data-tip")[-2]
    assert Page(html).cells("data-tip")[-1] == "↵  25 %\nlikeliest: ␣ 50 %  ↵ 25 %"


def test_the_mean_is_the_mean_of_minus_log_p():
    html = probability_section(list("abc"), [None, 0.5, 0.25]).html
    assert f"{-(math.log(0.5) + math.log(0.25)) / 2:.3f} nats per token" in Page(html).text


def test_tokens_cannot_write_html():
    token = "<script>alert(1)</script>\"'&"
    for html in (probability_section([token, token], [None, 0.5], [[], [(token, 0.5)]]).html, attention_section(causal(1, 1, 2), [token, token]).html):
        page = Page(html)
        assert "script" not in {tag for tag, _ in page.tags}
        assert token in page.text


def test_a_map_holds_the_weights():
    weights = causal(1, 1, 11)[0, 0]
    image = Image.open(io.BytesIO(base64.b64decode(attention_image(weights).partition(",")[2]))).convert("RGBA")
    read_back = (np.asarray(image)[..., 3] / 255.0) ** 2
    assert read_back == pytest.approx(weights, abs=4e-3)


def test_every_layer_and_head_has_its_map():
    page = Page(attention_section(causal(3, 5, 7), list("abcdefg")).html)
    assert len([tag for tag, attributes in page.tags if tag == "button"]) == 15
    assert page.cells("data-layer") == [str(layer) for layer in (1, 2, 3) for _ in range(5)]
    assert len(set(page.cells("src"))) == 15


def test_attention_of_another_length_is_refused():
    with pytest.raises(BadInput, match="layers x heads x 4 x 4"):
        attention_section(causal(1, 1, 3), list("abcd"))


def test_looking_at_the_token_before_is_one_back():
    assert look_back(np.eye(6)) == 0
    assert look_back(np.eye(6, k=-1)) == pytest.approx(5 / 6)


def test_bytes_that_are_no_character_are_shown_as_codes():
    assert token_text("é".encode()[:1]) == "\\xc3"
    assert token_text("é".encode()) == "é"


class Letters:
    """A tokenizer of small letters."""

    def encode(self, text: str) -> torch.Tensor:
        return torch.tensor([ord(c) - 97 for c in text])

    def bytes_of(self, token: int) -> bytes:
        return bytes([token + 97])


def small(architecture: str) -> torch.nn.Module:
    from workings.models.build import build

    torch.manual_seed(0)
    sizes = {"vocabulary": 26, "width": 12, "layers": 2, "context": 100}
    return build(TransformerSettings(heads=3, dropout=0.5, **sizes) if architecture == "transformer" else RecurrentSettings(**sizes))


def test_the_sections_say_what_the_model_says():
    model = small("transformer").train()
    sections = language_sections(model, Letters(), "hello")
    assert [section.title for section in sections] == ["Token probabilities", "Attention"]
    assert model.training
    model.eval()
    ids = Letters().encode("hello")
    with torch.no_grad():
        p = torch.softmax(model(ids[None])[0], -1)[range(4), ids[1:]]
    strengths = [float(x) for x in re.findall(r"--p: ([\d.]+)", sections[0].html.split('class="tinted"')[1])]
    assert strengths == pytest.approx([tint(float(x)) for x in p], abs=1e-3)
    assert len([tag for tag, _ in Page(sections[1].html).tags if tag == "button"]) == 6


def test_a_recurrent_model_has_no_attention_section():
    assert [section.title for section in language_sections(small("gru"), Letters(), "hello")] == ["Token probabilities"]


def test_a_long_text_is_cut_to_the_context_and_to_what_can_be_drawn():
    first, second = language_sections(small("transformer"), Letters(), "ab" * 80)
    assert len(Page(first.html).cells("data-tip")) == 100
    assert f"--tokens: {ATTENTION_TOKENS}" in second.html


def test_one_token_is_too_short():
    with pytest.raises(BadInput, match="fewer than two tokens"):
        language_sections(small("transformer"), Letters(), "a")
