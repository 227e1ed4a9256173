"""Classes of texts without padding are those that the model itself says."""

import pytest
import torch

from workings.generation.classes import PackedClasses, PaddedClasses, prepare
from workings.layers.fast import packed
from workings.models.encoder import Encoder
from workings.models.encoder_settings import EncoderSettings
from workings.models.sentence_classifier import SentenceClassifier
from workings.models.sentence_settings import SentenceSettings
from workings.models.settings import TransformerSettings

BERT = dict(causal=False, position="learned", embedding_norm=True, placement="post", segments=2, biases="all", phi="gelu")
TEXTS = [torch.randint(101, (length,), generator=torch.Generator().manual_seed(length)) for length in (13, 1, 29, 29, 7)]


def a_model(kind: str, **switches) -> SentenceClassifier | Encoder:
    """A model of three classes, every parameter random."""
    torch.manual_seed(0)
    body = TransformerSettings(**(dict(vocabulary=101, context=31, width=64, heads=4, layers=3, ff_width=96) | BERT | switches))
    own = kind == "ours"
    model = SentenceClassifier(SentenceSettings(body=body, classes=3)) if own else Encoder(EncoderSettings(body=body, pooler=True, head="classes", classes=3))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.mark.skipif(not packed.available(), reason="this machine has no packed layers")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["ours", "another system's"])
def test_packed_logits_are_the_models(kind, dtype):
    model = a_model(kind)
    classes = prepare(model, dtype)
    assert isinstance(classes, PackedClasses)
    logits, alone = classes(TEXTS), torch.cat([model(text[None]) for text in TEXTS]).detach()
    close = dict(rtol=1e-4, atol=1e-4) if dtype == torch.float32 else dict(rtol=0.05, atol=0.02 * float(alone.abs().max()))
    torch.testing.assert_close(logits, alone, **close)
    assert logits.dtype == torch.float32 and not logits.requires_grad


@pytest.mark.parametrize("switches", [dict(causal=True), dict(position="rotary"), dict(placement="pre")], ids=str)
def test_other_bodies_are_read_by_the_model_itself(switches):
    model = a_model("ours", **switches)
    classes = prepare(model, torch.float32)
    assert isinstance(classes, PaddedClasses)
    torch.testing.assert_close(classes(TEXTS), torch.cat([model(text[None]) for text in TEXTS]).detach(), rtol=1e-4, atol=1e-5)


def test_double_precision_and_machines_without_fast_paths_keep_to_the_model(monkeypatch):
    assert isinstance(prepare(a_model("ours").double(), torch.float64), PaddedClasses)
    monkeypatch.setenv("WORKINGS_FAST", "0")
    assert isinstance(prepare(a_model("ours"), torch.float32), PaddedClasses)
