"""Marian, the translation models of OPUS-MT: an encoder and a decoder, norms after each sum, sines and cosines in halves (Junczys-Dowmunt et al. 2018)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from workings.errors import BadInput
from workings.layers.positions import sinusoidal_halves
from workings.models.encoder_settings import EncoderDecoderSettings
from workings.models.settings import TransformerSettings
from workings.weights.config_fields import Fields
from workings.weights.families import refuse_unless
from workings.weights.names import Entry, copy, either, linear, norm, plain, prefixed, unsaid

ARCHITECTURES = ("MarianMTModel", "MarianModel")
PREFIX = "model."
PHI = {"swish": "silu", "silu": "silu", "relu": "relu", "gelu": "gelu", "gelu_new": "gelu-tanh", "gelu_pytorch_tanh": "gelu-tanh"}
SWITCHES: dict[str, Any] = dict(position="sinusoidal-halves", placement="post", biases="all")
"""What all of them have in common, encoder and decoder."""


def read_config(config: Mapping[str, Any]) -> tuple[str, EncoderDecoderSettings]:
    """The task "translation" and the settings."""
    fields = Fields(config)
    fields.must("is_encoder_decoder", True)
    fields.must("static_position_embeddings", True)
    for name in ("is_decoder", "add_bias_logits", "add_final_layer_norm", "normalize_before", "normalize_embedding"):
        fields.must(name, False)
    fields.ignore("init_std", "classif_dropout", "num_hidden_layers", "extra_pos_embeddings", "force_bos_token_to_be_generated")
    words = fields.whole("vocab_size", 58_101)
    target_words = fields.whole("decoder_vocab_size", words)
    together, tied = fields.flag("share_encoder_decoder_embeddings", True), fields.flag("tie_word_embeddings", True)
    if together and target_words != words:
        raise BadInput(f"config.json shares one embedding (share_encoder_decoder_embeddings) between vocab_size {words} and decoder_vocab_size {target_words}.")
    if config.get("architectures") == ["MarianModel"] and not tied:
        raise BadInput("config.json is of a MarianModel with tie_word_embeddings = False, which has no head to write with; export it as a MarianMTModel.")
    common: dict[str, Any] = SWITCHES | dict(
        context=fields.whole("max_position_embeddings", 1024),
        width=fields.whole("d_model", 1024),
        phi=fields.choice("activation_function", PHI, "gelu"),
        embedding_scale="sqrt(D)" if fields.flag("scale_embedding", False) else "1",
    )
    sizes: dict[str, dict[str, Any]] = {
        side: dict(layers=fields.whole(f"{side}_layers", 12), heads=fields.whole(f"{side}_attention_heads", 16), ff_width=fields.whole(f"{side}_ffn_dim", 4096))
        for side in ("encoder", "decoder")
    }
    padding, end = fields.whole("pad_token_id", 58_100, least=0), fields.whole("eos_token_id", 0, least=0)
    start = fields.whole("decoder_start_token_id", padding, least=0)
    fields.done()
    return "translation", EncoderDecoderSettings(
        encoder=TransformerSettings(vocabulary=words, causal=False, tied=True, **common, **sizes["encoder"]),
        decoder=TransformerSettings(vocabulary=target_words, causal=True, tied=tied, cross_attention=True, **common, **sizes["decoder"]),
        shared=together and tied,  # with a head of its own, transformers keeps two embeddings, whatever the other field says
        logit_bias=True,
        start=start,
        end=end,
        padding=padding,
    )


def entries(settings: EncoderDecoderSettings, architecture: str) -> list[Entry]:
    """The name map; the prefix "model." is there in some files and not in others."""
    inside = shared_embedding() if settings.shared else own_embeddings()
    for side, layers in (("encoder", settings.encoder.layers), ("decoder", settings.decoder.layers)):
        inside.append(Entry(f"{side}.embed_positions.weight", optional=True, formula=sinusoids))
        for layer in range(layers):
            theirs, ours = f"{side}.layers.{layer}", f"{side}.blocks.{layer}"
            inside += attention(f"{theirs}.self_attn", f"{ours}.attention") + norm(f"{theirs}.self_attn_layer_norm", f"{ours}.attention_norm")
            if side == "decoder":
                inside += attention(f"{theirs}.encoder_attn", f"{ours}.cross") + norm(f"{theirs}.encoder_attn_layer_norm", f"{ours}.cross_norm")
            inside += linear(f"{theirs}.fc1", f"{ours}.feed_forward.up") + linear(f"{theirs}.fc2", f"{ours}.feed_forward.down")
            inside += norm(f"{theirs}.final_layer_norm", f"{ours}.feed_forward_norm")
    head = copy("lm_head.weight", of=embedding_of_head(settings)) if settings.decoder.tied else plain("lm_head.weight", "decoder.head.weight")
    bias = [Entry("final_logits_bias", ("logit_bias",), read=lambda x: (x[0],), write=lambda x: x[None], optional=True)] if settings.logit_bias else []
    if architecture == "MarianModel":
        return [*either(inside, PREFIX), *bias]
    return [*either(prefixed(inside, PREFIX), PREFIX), head, *bias]


def shared_embedding() -> list[Entry]:
    """One matrix for both, under one of three names or under all."""
    names = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    one = Entry("shared.weight", ("encoder.embedding.weight", "decoder.embedding.weight"), read=lambda x: (x, x), write=lambda x, y: x, aliases=names)
    return [one, *(copy(name, of="shared.weight") for name in names)]


def own_embeddings() -> list[Entry]:
    """A matrix for each; older files have both under one name."""
    sides = [plain(f"{side}.embed_tokens.weight", f"{side}.embedding.weight", aliases=("shared.weight",)) for side in ("encoder", "decoder")]
    return [*sides, *unsaid("shared.weight")]


def embedding_of_head(settings: EncoderDecoderSettings) -> str:
    """Their name of the embedding that is also the head."""
    return "model.shared.weight" if settings.shared else "model.decoder.embed_tokens.weight"


def attention(theirs: str, ours: str) -> list[Entry]:
    """Queries, keys, values and the way out."""
    names = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "out"}
    return [entry for name, own in names.items() for entry in linear(f"{theirs}.{name}", f"{ours}.{own}")]


def sinusoids(shape: torch.Size) -> Tensor:
    """What stored positions must be, [T, D]."""
    return sinusoidal_halves(torch.arange(shape[0]), shape[1], 10_000.0)


def home(settings: EncoderDecoderSettings) -> str:
    """MarianMTModel, or a refusal by the name of a switch."""
    for side, more in ((settings.encoder, dict(causal=False, tied=True)), (settings.decoder, dict(causal=True, cross_attention=True))):
        must = SWITCHES | dict(phi=tuple(dict.fromkeys(PHI.values())), embedding_scale=("1", "sqrt(D)"))
        must |= dict(key_value_heads=side.heads, head_width=side.width // side.heads, norm_epsilon=1e-5)
        refuse_unless(side, "MarianMTModel", free=("tied", "rope_theta") if side is settings.decoder else ("rope_theta",), **must, **more)
    for name in ("context", "phi", "embedding_scale"):
        if getattr(settings.encoder, name) != getattr(settings.decoder, name):
            raise BadInput(f"model.encoder.{name} and model.decoder.{name} differ, for which MarianMTModel has no place.")
    return "MarianMTModel"


def write_config(settings: EncoderDecoderSettings, architecture: str) -> dict[str, Any]:
    """What `read_config` reads; dropout is of a model in use, 0."""
    encoder, decoder = settings.encoder, settings.decoder
    theirs = {ours: name for name, ours in reversed(PHI.items())}  # of several names the first one
    config: dict[str, Any] = dict(
        model_type="marian",
        is_encoder_decoder=True,
        d_model=encoder.width,
        vocab_size=encoder.vocabulary,
        decoder_vocab_size=decoder.vocabulary,
        max_position_embeddings=encoder.context,
        activation_function=theirs[encoder.phi],
        scale_embedding=encoder.embedding_scale == "sqrt(D)",
        share_encoder_decoder_embeddings=settings.shared,
        tie_word_embeddings=decoder.tied,
        decoder_start_token_id=settings.start,
        eos_token_id=settings.end,
        pad_token_id=settings.padding,
        dropout=0.0,
    )
    for name, side in (("encoder", encoder), ("decoder", decoder)):
        config |= {f"{name}_layers": side.layers, f"{name}_attention_heads": side.heads, f"{name}_ffn_dim": side.ff_width}
    return config


STOPPING = {False: "usual", True: "full", "never": "exact"}
NEUTRAL: dict[str, tuple] = dict(
    do_sample=(False,),
    num_beam_groups=(1,),
    min_length=(0,),
    min_new_tokens=(0,),
    no_repeat_ngram_size=(0,),
    encoder_no_repeat_ngram_size=(0,),
    repetition_penalty=(1.0,),
    encoder_repetition_penalty=(1.0,),
    diversity_penalty=(0.0,),
    forced_bos_token_id=(None,),
    suppress_tokens=([],),
    begin_suppress_tokens=([],),
    sequence_bias=(None,),
    force_words_ids=(None,),
    exponential_decay_length_penalty=(None,),
)
"""What must not be asked for, since translating here does not do it."""


def defaults(config: Mapping[str, Any], generation: Mapping[str, Any]) -> dict[str, Any]:
    """How the folder wants to translate, as fields of `TranslateSettings`: generation_config.json, and where it is silent config.json."""
    asked = {name: value for name, value in (*config.items(), *generation.items()) if value is not None}
    for name, neutral in NEUTRAL.items():
        if asked.get(name, neutral[0]) not in neutral:
            raise BadInput(f"generation_config.json or config.json asks for {name} = {asked[name]!r} when translating, which is not supported here; remove it.")
    if asked.get("forced_eos_token_id", asked.get("eos_token_id")) != asked.get("eos_token_id"):
        raise BadInput(f"generation_config.json asks for forced_eos_token_id = {asked['forced_eos_token_id']!r}, which is not the eos_token_id; remove it.")
    if asked.get("early_stopping", True) not in tuple(STOPPING):
        raise BadInput(f"generation_config.json or config.json has early_stopping = {asked['early_stopping']!r}; it must be true, false or 'never'.")
    if not isinstance(asked.get("max_length", 2), int):
        raise BadInput(f"generation_config.json or config.json has max_length = {asked['max_length']!r}, which should be a whole number.")
    found: dict[str, Any] = {}
    if "num_beams" in asked:
        found["beam"] = asked["num_beams"]
    if "length_penalty" in asked:
        found["length_penalty"] = asked["length_penalty"]
    if "early_stopping" in asked:
        found["stopping"] = STOPPING[asked["early_stopping"]]
    if "max_new_tokens" in asked or "max_length" in asked:
        found["tokens"] = asked.get("max_new_tokens", asked.get("max_length", 0) - 1)  # theirs counts the start token
    if "bad_words_ids" in asked:
        found["bad_words"] = asked["bad_words_ids"]
    if asked.get("renormalize_logits"):
        found["renormalize"] = True
    if "forced_eos_token_id" in asked:
        found["forced_end"] = True
    return found


def write_defaults(found: Mapping[str, Any], settings: EncoderDecoderSettings) -> dict[str, Any]:
    """The generation_config.json that `defaults` reads as `found`."""
    theirs = {"beam": "num_beams", "length_penalty": "length_penalty", "bad_words": "bad_words_ids", "renormalize": "renormalize_logits"}
    config = {name: found[ours] for ours, name in theirs.items() if ours in found}
    if "stopping" in found:
        config["early_stopping"] = next(value for value, stopping in STOPPING.items() if stopping == found["stopping"])
    if "tokens" in found:
        config["max_length"] = found["tokens"] + 1
    if found.get("forced_end"):
        config["forced_eos_token_id"] = settings.end
    return config | {"decoder_start_token_id": settings.start, "eos_token_id": settings.end, "pad_token_id": settings.padding}
