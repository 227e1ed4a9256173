"""BERT (Devlin et al. 2019; MiniLM is one) and RoBERTa (Liu et al. 2019): the bare encoder, its head for hidden tokens, its classifier.

The two differ in names and in where positions begin: RoBERTa's table has rows for padding first. RoBERTa's classifier, dense + tanh + out_proj on the
first token, is what BERT calls pooler + classifier.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Literal

from workings.errors import BadInput
from workings.models.encoder_settings import EncoderSettings
from workings.models.settings import TransformerSettings
from workings.weights.config_fields import Fields
from workings.weights.families.labels import read_labels, write_labels
from workings.weights.names import Entry, copy, either, linear, norm, plain

ARCHITECTURES = (
    "BertModel",
    "BertForMaskedLM",
    "BertForSequenceClassification",
    "RobertaModel",
    "RobertaForMaskedLM",
    "RobertaForSequenceClassification",
)
Head = Literal["none", "masked", "classes"]
HEADS: dict[str, tuple[str, Head]] = {
    "Model": ("embedding", "none"),
    "ForMaskedLM": ("masked", "masked"),
    "ForSequenceClassification": ("sentences", "classes"),
}
"""How an architecture's name ends -> our task and head."""

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu-tanh",
    "gelu_fast": "gelu-tanh",
    "gelu_pytorch_tanh": "gelu-tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
THEIR_ACTIVATIONS = {"gelu": "gelu", "gelu-tanh": "gelu_new", "relu": "relu", "silu": "silu"}

IGNORABLE = (
    r"(.*\.)?position_ids",
    r"(.*\.)?token_type_ids",
    r"cls\.seq_relationship\.(weight|bias)",  # BERT's second training task, in files that were saved from training
)


def is_roberta(architecture: str) -> bool:
    """Which of the two an architecture is of."""
    return architecture.startswith("Roberta")


def head_of(architecture: str) -> tuple[str, Head]:
    """Our task and head."""
    return HEADS[architecture.removeprefix("Roberta").removeprefix("Bert")]


def read_config(config: Mapping[str, Any]) -> tuple[str, EncoderSettings]:
    """The settings of a config.json; what it leaves out has the values that transformers gives it."""
    named = (config.get("architectures") or [None])[0]
    architecture = named or {"roberta": "RobertaModel"}.get(config.get("model_type", ""), "BertModel")
    roberta, (task, head) = is_roberta(architecture), head_of(architecture)
    fields = Fields(config)
    fields.must("position_embedding_type", "absolute")
    fields.must("is_decoder", False)
    fields.one_sequence()
    if head == "masked":
        fields.must("tie_word_embeddings", True)
    fields.ignore("tie_word_embeddings", "directionality", *(name for name in config if name.startswith("pooler_")))
    classes, names = read_labels(fields, headless=head != "classes")
    offset = fields.whole("pad_token_id", 1, least=0) + 1 if roberta else 0
    phi = fields.choice("hidden_act", ACTIVATIONS, "gelu")
    if roberta and head == "masked" and phi != "gelu":
        raise BadInput(f"config.json has hidden_act = {config['hidden_act']!r}, but the head of {architecture} has gelu; it must be 'gelu'.")
    rows = fields.whole("max_position_embeddings", 512)
    if rows <= offset:
        raise BadInput(f"config.json has max_position_embeddings = {rows}, but positions begin at row {offset} of the table (pad_token_id + 1).")
    body = TransformerSettings(
        vocabulary=fields.whole("vocab_size", 50_265 if roberta else 30_522),
        context=rows - offset,
        width=fields.whole("hidden_size", 768),
        layers=fields.whole("num_hidden_layers", 12),
        heads=fields.whole("num_attention_heads", 12),
        ff_width=fields.whole("intermediate_size", 3072),
        segments=fields.whole("type_vocab_size", 2),
        position="learned",
        position_offset=offset,
        embedding_norm=True,
        norm="layer",
        norm_epsilon=fields.number("layer_norm_eps", 1e-12),
        placement="post",
        residuals="two",
        phi=phi,
        biases="all",
        tied=True,
        causal=False,
    )
    fields.done()
    return task, EncoderSettings(body=body, pooler=head != "masked", head=head, classes=classes, class_names=names)


def fitted(settings: EncoderSettings, names: Collection[str]) -> EncoderSettings:
    """What the file says beyond its config: whoever takes the mean of an encoder's vectors often saved it without pooler, or without the head it came with."""
    if settings.head == "masked" and not any(name.startswith(("cls.predictions.", "lm_head.")) for name in names):
        settings = replace(settings, head="none")
    if settings.head == "none":
        settings = replace(settings, pooler=any(name.endswith("pooler.dense.weight") for name in names))
    return settings


FIXED = dict(
    causal=False,
    placement="post",
    residuals="two",
    position="learned",
    norm="layer",
    embedding_norm=True,
    embedding_scale="1",
    biases="all",
    tau="1/sqrt(d_k)",
    value="per-head",
    value_activation="none",
    attend="x",
    window=0,
    query_key_norm=False,
    cross_attention=False,
)
"""The switches that BERT has no choice in."""


def home(settings: EncoderSettings) -> str:
    """The architecture that these settings are, or a refusal that names the switch which has no place there."""
    body = settings.body
    wanted = FIXED | dict(head_width=body.width // body.heads, key_value_heads=body.heads, phi=body.phi if body.phi in THEIR_ACTIVATIONS else "gelu")
    wanted |= dict(phi="gelu") if body.position_offset and settings.head == "masked" else {}
    for name, value in wanted.items():
        if getattr(body, name) != value:
            raise BadInput(f"model.body.{name}={getattr(body, name)!r} has no place in BERT, which has {value!r}; it can be exported to onnx.")
    if not body.segments:
        raise BadInput("model.body.segments=0 has no place in BERT, which has at least 1; it can be exported to onnx.")
    family = "Roberta" if body.position_offset else "Bert"
    return family + next(ending for ending, (_, head) in HEADS.items() if head == settings.head)


def write_config(settings: EncoderSettings, architecture: str) -> dict[str, Any]:
    """A config.json of these settings."""
    body, roberta = settings.body, is_roberta(architecture)
    return {
        "model_type": "roberta" if roberta else "bert",
        "vocab_size": body.vocabulary,
        "max_position_embeddings": body.context + body.position_offset,
        "hidden_size": body.width,
        "num_hidden_layers": body.layers,
        "num_attention_heads": body.heads,
        "intermediate_size": body.ff_width,
        "type_vocab_size": body.segments,
        "hidden_act": THEIR_ACTIVATIONS[body.phi],
        "layer_norm_eps": body.norm_epsilon,
        **({"pad_token_id": body.position_offset - 1} if roberta else {}),
        **write_labels(settings.classes, settings.class_names),
    }


def entries(settings: EncoderSettings, architecture: str) -> list[Entry]:
    """Every tensor of the file; a prefix `bert.` or `roberta.` may be there or not."""
    roberta = is_roberta(architecture)
    family = "roberta." if roberta else "bert."
    prefix = "" if settings.head == "none" else family
    masked = roberta_masked_entries() if roberta else masked_entries()
    pooler = linear(f"{prefix}pooler.dense", "pooler")
    top = {
        "none": [*(pooler if settings.pooler else unread(pooler)), *unread(masked)],
        "masked": [*unread(pooler), *masked],
        "classes": [*unread(pooler), *roberta_class_entries()] if roberta else [*pooler, *linear("classifier", "classifier")],
    }
    return either(body_entries(settings.body, prefix), family) + either(top[settings.head], family)


def unread(entries: list[Entry]) -> list[Entry]:
    """What some files have and this architecture does not use."""
    return [Entry(entry.theirs, optional=True, aliases=entry.aliases) for entry in entries]


def body_entries(body: TransformerSettings, prefix: str) -> list[Entry]:
    """The embeddings and the layers."""
    found = [
        plain(f"{prefix}embeddings.word_embeddings.weight", "body.embedding.weight"),
        plain(f"{prefix}embeddings.position_embeddings.weight", "body.positions.weight"),
        plain(f"{prefix}embeddings.token_type_embeddings.weight", "body.segments.weight"),
        *norm(f"{prefix}embeddings.LayerNorm", "body.embedding_norm"),
    ]
    for layer in range(body.layers):
        theirs, ours = f"{prefix}encoder.layer.{layer}", f"body.blocks.{layer}"
        for name in ("query", "key", "value"):
            found += linear(f"{theirs}.attention.self.{name}", f"{ours}.attention.{name}")
        found += linear(f"{theirs}.attention.output.dense", f"{ours}.attention.out")
        found += norm(f"{theirs}.attention.output.LayerNorm", f"{ours}.attention_norm")
        found += linear(f"{theirs}.intermediate.dense", f"{ours}.feed_forward.up")
        found += linear(f"{theirs}.output.dense", f"{ours}.feed_forward.down")
        found += norm(f"{theirs}.output.LayerNorm", f"{ours}.feed_forward_norm")
    return found


def masked_entries() -> list[Entry]:
    """BERT's head for hidden tokens; its matrix is the embedding."""
    return [
        *linear("cls.predictions.transform.dense", "transform"),
        *norm("cls.predictions.transform.LayerNorm", "transform_norm"),
        plain("cls.predictions.bias", "bias", aliases=("cls.predictions.decoder.bias",)),
        copy("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
        copy("cls.predictions.decoder.bias", "cls.predictions.bias"),
    ]


def roberta_masked_entries() -> list[Entry]:
    """RoBERTa's."""
    return [
        *linear("lm_head.dense", "transform"),
        *norm("lm_head.layer_norm", "transform_norm"),
        plain("lm_head.bias", "bias", aliases=("lm_head.decoder.bias",)),
        copy("lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight"),
        copy("lm_head.decoder.bias", "lm_head.bias"),
    ]


def roberta_class_entries() -> list[Entry]:
    """RoBERTa's classifier: two linear maps, on the first token."""
    return [*linear("classifier.dense", "pooler"), *linear("classifier.out_proj", "classifier")]
