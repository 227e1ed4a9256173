"""The Llama shape: rotary positions, root-mean-square norms, gated feed-forward, fewer heads of keys and values than of queries.

Llama (Touvron et al. 2023), Mistral (Jiang et al. 2023: a window), Qwen2 (2024: biases on queries, keys and values), Qwen3 (2025: normalized queries and
keys); SmolLM2 is a Llama. The tensors have the same names in all of them.
"""

from typing import Any

from workings.errors import BadInput
from workings.models.settings import TransformerSettings
from workings.weights.config_fields import Fields
from workings.weights.families import refuse_unless
from workings.weights.names import Entry, copy, linear, norm, plain

ARCHITECTURES = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
IGNORABLE = (r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq",)
"""Stored frequencies, in older files; they follow from the config."""

QWEN: dict[str, Any] = dict(max_position_embeddings=32768, num_key_value_heads=32, sliding_window=4096, max_window_layers=28, use_sliding_window=False)
DEFAULTS: dict[str, dict[str, Any]] = {
    "LlamaForCausalLM": dict(max_position_embeddings=2048),
    "MistralForCausalLM": dict(max_position_embeddings=4096 * 32, num_key_value_heads=8, sliding_window=4096),
    "Qwen2ForCausalLM": QWEN,
    "Qwen3ForCausalLM": QWEN | dict(head_dim=128),
}
"""What the foreign class takes a field for that its config.json lacks."""

TYPES = {"LlamaForCausalLM": "llama", "MistralForCausalLM": "mistral", "Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3"}
BIASES = {(False, False): "none", (True, False): "attention", (True, True): "all"}


def read_config(config: dict[str, Any]) -> tuple[str, TransformerSettings]:
    """The task "language" and the settings."""
    names = config.get("architectures") or [name for name, kind in TYPES.items() if kind == config.get("model_type")]
    architecture = names[0]
    fields = Fields(DEFAULTS[architecture] | config)
    heads, layers = fields.whole("num_attention_heads"), fields.whole("num_hidden_layers")
    fields.choice("hidden_act", {"silu": "silu", "swish": "silu"}, "silu")
    fields.one_sequence()
    fields.must("rope_interleaved", False)
    fields.must("use_mrope", False)
    fields.ignore("is_decoder", "is_llama_config", "max_sequence_length")
    settings = TransformerSettings(
        vocabulary=fields.whole("vocab_size"),
        context=fields.whole("max_position_embeddings"),
        width=fields.whole("hidden_size"),
        layers=layers,
        heads=heads,
        head_width=fields.whole("head_dim", 0, least=0),
        key_value_heads=fields.whole("num_key_value_heads", heads),
        ff_width=fields.whole("intermediate_size"),
        norm_epsilon=fields.number("rms_norm_eps", 1e-6),
        tied=fields.flag("tie_word_embeddings", False),
        biases=biases(fields, architecture),
        window=0 if architecture == "LlamaForCausalLM" else window(fields, architecture, layers),
        query_key_norm=architecture == "Qwen3ForCausalLM",
        phi="gated",
        norm="rms",
        position="rotary",
        **rope(fields),
    )
    fields.done()
    return "language", settings


def biases(fields: Fields, architecture: str) -> Any:
    """Which linear maps have a bias."""
    if architecture == "Qwen2ForCausalLM":
        return "qkv"
    if architecture == "MistralForCausalLM":
        return "none"
    attention = fields.flag("attention_bias", False)
    feed_forward = fields.flag("mlp_bias", False) if architecture == "LlamaForCausalLM" else False
    if (attention, feed_forward) not in BIASES:
        raise BadInput("config.json has mlp_bias = True with attention_bias = False, which is not supported here; it must be both, attention alone, or none.")
    return BIASES[attention, feed_forward]


def window(fields: Fields, architecture: str, layers: int) -> int:
    """How far back a token sees; one number for all layers, 0 for all the way."""
    width = fields.whole("sliding_window", 0)
    if architecture == "MistralForCausalLM":
        return width
    width = width if fields.flag("use_sliding_window") else 0
    first = fields.whole("max_window_layers", least=0)
    kinds = fields.take("layer_types", ["sliding_attention" if width and layer >= first else "full_attention" for layer in range(layers)])
    if kinds == ["full_attention"] * layers:
        return 0
    if kinds == ["sliding_attention"] * layers and width:
        return width
    mixed = "layer_types" if "layer_types" in fields.config else "max_window_layers"
    raise BadInput(f"config.json has {mixed} = {fields.config[mixed]!r}, which gives layers different windows; here all layers have the same one, or none.")


def rope(fields: Fields) -> dict[str, Any]:
    """The rotary settings, from `rope_parameters` (transformers 5) or from `rope_theta` and `rope_scaling` (4)."""
    theta = fields.number("rope_theta", 10_000.0)
    newer, older = fields.table("rope_parameters"), fields.table("rope_scaling")
    inner = Fields({"rope_theta": theta} | (older or newer))
    kind = inner.take("rope_type", inner.take("type", "default"))
    settings: dict[str, Any] = {"rope_theta": inner.number("rope_theta")}
    fields.must("partial_rotary_factor", 1.0)
    inner.must("partial_rotary_factor", 1.0)
    if kind == "llama3":
        settings |= dict(rope_scaling=kind, rope_factor=inner.number("factor"))
        settings |= dict(rope_low_frequency=inner.number("low_freq_factor"), rope_high_frequency=inner.number("high_freq_factor"))
        settings |= dict(rope_original_context=inner.whole("original_max_position_embeddings", fields.whole("max_position_embeddings")))
    elif kind == "linear":
        settings |= dict(rope_scaling=kind, rope_factor=inner.number("factor"))
        inner.ignore("original_max_position_embeddings")
    elif kind == "default":
        inner.ignore("original_max_position_embeddings", "factor")
    else:
        raise BadInput(f"config.json scales its rotary positions by {kind!r}, which is not supported here; what is: 'default', 'linear', 'llama3'.")
    inner.done()
    return settings


def entries(settings: TransformerSettings, architecture: str) -> list[Entry]:
    """The name map."""
    attention, feed_forward = settings.biases != "none", settings.biases == "all"
    named = [plain("model.embed_tokens.weight", "embedding.weight"), *norm("model.norm", "final_norm", bias=False)]
    for layer in range(settings.layers):
        theirs, ours = f"model.layers.{layer}", f"blocks.{layer}"
        named += norm(f"{theirs}.input_layernorm", f"{ours}.attention_norm", bias=False)
        for name, part in (("q", "query"), ("k", "key"), ("v", "value")):
            named += linear(f"{theirs}.self_attn.{name}_proj", f"{ours}.attention.{part}", attention)
        named += linear(f"{theirs}.self_attn.o_proj", f"{ours}.attention.out", settings.biases in ("all", "attention"))
        if settings.query_key_norm:
            named += norm(f"{theirs}.self_attn.q_norm", f"{ours}.attention.query_norm", bias=False)
            named += norm(f"{theirs}.self_attn.k_norm", f"{ours}.attention.key_norm", bias=False)
        named += norm(f"{theirs}.post_attention_layernorm", f"{ours}.feed_forward_norm", bias=False)
        for part in ("gate", "up", "down"):
            named += linear(f"{theirs}.mlp.{part}_proj", f"{ours}.feed_forward.{part}", feed_forward)
    if settings.tied:
        return [*named, copy("lm_head.weight", of="model.embed_tokens.weight")]
    return [*named, plain("lm_head.weight", "head.weight")]


FREE = ("tied", "head_width", "key_value_heads", "rope_theta", "rope_scaling", "rope_factor", "rope_low_frequency", "rope_high_frequency")


def home(settings: TransformerSettings) -> str:
    """The class that has a place for these settings: Qwen3 for normalized queries and keys, Qwen2 for biases qkv, Mistral for a window, else Llama."""
    if settings.query_key_norm:
        name, choices = "Qwen3ForCausalLM", dict(query_key_norm=True, window=settings.window, biases=("none", "attention"))
    elif settings.biases == "qkv":
        name, choices = "Qwen2ForCausalLM", dict(window=settings.window, biases="qkv")
    elif settings.window:
        name, choices = "MistralForCausalLM", dict(window=settings.window, biases="none")
    else:
        name, choices = "LlamaForCausalLM", dict(biases=("none", "attention", "all"))
    refuse_unless(settings, name, free=(*FREE, "rope_original_context"), phi="gated", norm="rms", position="rotary", **choices)
    if settings.width % settings.heads:
        raise BadInput(f"model.heads is {settings.heads}, for which {name} has no place: its width, {settings.width}, must divide by it.")
    return name


def write_config(settings: TransformerSettings, architecture: str) -> dict[str, Any]:
    """What `read_config` reads, with `rope_theta` and `rope_scaling`, which transformers 4 and 5 both understand."""
    s = settings
    config: dict[str, Any] = dict(
        model_type=TYPES[architecture],
        vocab_size=s.vocabulary,
        max_position_embeddings=s.context,
        hidden_size=s.width,
        num_hidden_layers=s.layers,
        num_attention_heads=s.heads,
        num_key_value_heads=s.key_value_heads,
        head_dim=s.head_width,
        intermediate_size=s.ff_width,
        hidden_act="silu",
        rms_norm_eps=s.norm_epsilon,
        tie_word_embeddings=s.tied,
        rope_theta=s.rope_theta,
        bos_token_id=None,
        eos_token_id=None,
    )
    if s.rope_scaling != "none":
        config["rope_scaling"] = {"rope_type": s.rope_scaling, "factor": s.rope_factor}
    if s.rope_scaling == "llama3":
        config["rope_scaling"] |= {"low_freq_factor": s.rope_low_frequency, "high_freq_factor": s.rope_high_frequency}
        config["rope_scaling"] |= {"original_max_position_embeddings": s.rope_original_context}
    if architecture in ("LlamaForCausalLM", "Qwen3ForCausalLM"):
        config["attention_bias"] = s.biases in ("all", "attention")
    if architecture == "LlamaForCausalLM":
        return config | {"mlp_bias": s.biases == "all"}
    if architecture == "MistralForCausalLM":
        return config | {"sliding_window": s.window or None}
    return config | {"use_sliding_window": s.window > 0, "sliding_window": s.window or None, "max_window_layers": 0 if s.window else s.layers}
