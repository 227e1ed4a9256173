"""GPT-2 (Radford et al. 2019): learned positions, norms before each part, biases everywhere; matrices are stored [inputs, outputs]."""

from typing import Any

from workings.errors import BadInput
from workings.models.settings import TransformerSettings
from workings.weights.config_fields import Fields
from workings.weights.families import refuse_unless
from workings.weights.names import Entry, copy, either, norm, plain, prefixed, split, split_transposed, transposed

ARCHITECTURES = ("GPT2LMHeadModel", "GPT2Model")
PREFIX = "transformer."
IGNORABLE = (r"(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)",)
"""Stored triangles of the causal mask, in files of the first years."""

PHI = {"gelu_new": "gelu-tanh", "gelu_pytorch_tanh": "gelu-tanh", "gelu": "gelu", "relu": "relu", "silu": "silu", "swish": "silu"}
DEFAULTS: dict[str, Any] = dict(n_positions=1024, n_inner=None, activation_function="gelu_new", layer_norm_epsilon=1e-5, tie_word_embeddings=True)


def read_config(config: dict[str, Any]) -> tuple[str, TransformerSettings]:
    """The task "language" and the settings."""
    fields = Fields(DEFAULTS | config)
    fields.must("scale_attn_by_inverse_layer_idx", False)
    fields.one_sequence()
    fields.ignore("n_ctx", "is_decoder", "reorder_and_upcast_attn")  # the order of the same products
    fields.ignore(*(f"summary_{name}" for name in ("type", "use_proj", "activation", "proj_to_labels", "first_dropout")))
    settings = TransformerSettings(
        vocabulary=fields.whole("vocab_size"),
        context=fields.whole("n_positions"),
        width=fields.whole("n_embd"),
        layers=fields.whole("n_layer"),
        heads=fields.whole("n_head"),
        ff_width=fields.whole("n_inner", 4 * fields.whole("n_embd")),
        phi=fields.choice("activation_function", PHI),
        norm_epsilon=fields.number("layer_norm_epsilon"),
        tau="1/sqrt(d_k)" if fields.flag("scale_attn_weights", True) else "1",
        tied=fields.flag("tie_word_embeddings"),
        position="learned",
        biases="all",
    )
    fields.done()
    if config.get("architectures") == ["GPT2Model"] and not settings.tied:
        raise BadInput("config.json is of a GPT2Model with tie_word_embeddings = False, which has no head to write with; export it as a GPT2LMHeadModel.")
    return "language", settings


def entries(settings: TransformerSettings, architecture: str) -> list[Entry]:
    """The name map; the prefix "transformer." is there in some files of either architecture and not in others."""
    inside = [plain("wte.weight", "embedding.weight"), plain("wpe.weight", "positions.weight"), *norm("ln_f", "final_norm")]
    for layer in range(settings.layers):
        theirs, ours = f"h.{layer}", f"blocks.{layer}"
        query_key_value = [f"{ours}.attention.{name}" for name in ("query", "key", "value")]
        inside += norm(f"{theirs}.ln_1", f"{ours}.attention_norm")
        inside.append(split_transposed(f"{theirs}.attn.c_attn.weight", [f"{name}.weight" for name in query_key_value]))
        inside.append(split(f"{theirs}.attn.c_attn.bias", [f"{name}.bias" for name in query_key_value]))
        inside += stored_transposed(f"{theirs}.attn.c_proj", f"{ours}.attention.out")
        inside += norm(f"{theirs}.ln_2", f"{ours}.feed_forward_norm")
        inside += stored_transposed(f"{theirs}.mlp.c_fc", f"{ours}.feed_forward.up")
        inside += stored_transposed(f"{theirs}.mlp.c_proj", f"{ours}.feed_forward.down")
    if architecture == "GPT2Model":
        return either(inside, PREFIX)
    head = copy("lm_head.weight", of="transformer.wte.weight") if settings.tied else plain("lm_head.weight", "head.weight")
    return [*either(prefixed(inside, PREFIX), PREFIX), head]


def stored_transposed(theirs: str, ours: str) -> list[Entry]:
    """The weight and the bias of a Conv1D, which is a linear map."""
    return [transposed(f"{theirs}.weight", f"{ours}.weight"), plain(f"{theirs}.bias", f"{ours}.bias")]


def home(settings: TransformerSettings) -> str:
    """GPT2LMHeadModel, or a refusal by the name of a switch."""
    must = dict(position="learned", biases="all", tau=("1/sqrt(d_k)", "1"), phi=tuple(dict.fromkeys(PHI.values())))
    must |= dict(key_value_heads=settings.heads, head_width=settings.width // settings.heads)
    refuse_unless(settings, "GPT2LMHeadModel", free=("tied", "rope_theta"), **must)
    return "GPT2LMHeadModel"


def write_config(settings: TransformerSettings, architecture: str) -> dict[str, Any]:
    """What `read_config` reads; dropout is of a model in use, 0."""
    s = settings
    theirs = {ours: name for name, ours in reversed(PHI.items())}  # of several names the first one
    return dict(
        model_type="gpt2",
        vocab_size=s.vocabulary,
        n_positions=s.context,
        n_embd=s.width,
        n_layer=s.layers,
        n_head=s.heads,
        n_inner=None if s.ff_width == 4 * s.width else s.ff_width,
        activation_function=theirs[s.phi],
        layer_norm_epsilon=s.norm_epsilon,
        scale_attn_weights=s.tau == "1/sqrt(d_k)",
        tie_word_embeddings=s.tied,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
