"""U-Nets in diffusers' layout: `UNet2DModel` with or without classes (Ho et al. 2020), `UNet2DConditionModel` with texts (Rombach et al. 2022)."""

from collections.abc import Mapping
from typing import Any

from workings.errors import BadInput
from workings.models.unet_settings import UNetSettings
from workings.weights.config_fields import Fields
from workings.weights.names import Entry, linear, norm, plain, split
from workings.weights.tensors import DIFFUSERS_FILE

PLAIN, TEXT = ARCHITECTURES = ("UNet2DModel", "UNet2DConditionModel")
WEIGHTS = DIFFUSERS_FILE
LIBRARY = "diffusers"

BLOCKS = {PLAIN: ("", "Attn"), TEXT: ("", "CrossAttn")}
"""How a level without attention and one with it begin their names."""
MIDDLES = {PLAIN: "UNetMidBlock2D", TEXT: "UNetMidBlock2DCrossAttn"}

FIXED: dict[str, tuple[Any, ...]] = dict(
    center_input_sample=(False,),
    time_embedding_type=("positional",),
    class_embed_type=(None,),
    act_fn=("silu", "swish"),
    mid_block_scale_factor=(1, 1.0),
)
FIXED_PLAIN: dict[str, tuple[Any, ...]] = dict(downsample_type=("conv",), upsample_type=("conv",))
FIXED_TEXT: dict[str, tuple[Any, ...]] = dict(
    num_class_embeds=(None,),
    only_cross_attention=(False,),
    mid_block_only_cross_attention=(None, False),
    reverse_transformer_layers_per_block=(None,),
    encoder_hid_dim=(None,),
    encoder_hid_dim_type=(None,),
    num_attention_heads=(None,),
    dual_cross_attention=(False,),
    addition_embed_type=(None,),
    addition_time_embed_dim=(None,),
    resnet_skip_time_act=(False,),
    resnet_out_scale_factor=(1, 1.0),
    time_embedding_act_fn=(None,),
    timestep_post_act=(None,),
    time_cond_proj_dim=(None,),
    conv_in_kernel=(3,),
    conv_out_kernel=(3,),
    projection_class_embeddings_input_dim=(None,),
    attention_type=("default",),
    class_embeddings_concat=(False,),
    cross_attention_norm=(None,),
)
"""Fields that would change the result, with the values that are the network here."""


def read_config(config: Mapping[str, Any]) -> tuple[str, UNetSettings]:
    """The settings of a config.json."""
    architecture = config.get("_class_name", PLAIN)
    with_text = architecture == TEXT
    fields = Fields(config)
    for name, values in (FIXED | (FIXED_TEXT if with_text else FIXED_PLAIN)).items():
        fields.must(name, *values)
    fields.ignore("num_train_timesteps", "use_linear_projection", "upcast_attention", "addition_embed_type_num_heads")
    widths = fields.wholes("block_out_channels", (320, 640, 1280, 1280) if with_text else (224, 448, 672, 896))
    attention = read_levels(fields, architecture, len(widths))
    middle = read_middle(fields, config, architecture)
    conditioning = fields.choice("resnet_time_scale_shift", {"default": "shift", "scale_shift": "scale-shift"}, "default")
    groups, labels = fields.whole("norm_num_groups", 32), 0 if with_text else fields.whole("num_class_embeds", 0)
    null = fields.flag("_null_class", False)
    if not with_text:
        unnormalized = conditioning == "scale-shift" and middle == "attention"  # diffusers then leaves the middle's norm out unless it is told otherwise
        fields.must("attn_norm_num_groups", groups, *([] if unnormalized else [None]))
        if unnormalized and config.get("attn_norm_num_groups") is None:
            raise BadInput(
                "config.json has resnet_time_scale_shift = 'scale_shift' and no attn_norm_num_groups: attention in the middle has no norm then, "
                "which is not supported here."
            )
    settings = UNetSettings(
        image_size=read_size(fields),
        channels=fields.whole("in_channels", 4 if with_text else 3),
        out_channels=fields.whole("out_channels", 4 if with_text else 3),
        classes=labels - null,
        null_class=null,
        text_width=fields.whole("cross_attention_dim", 1280) if with_text else 0,
        widths=widths,
        depth=fields.whole("layers_per_block", 2),
        attention=attention,
        middle=middle,
        heads=read_heads(fields, config, architecture, widths, {*attention, *([len(widths) - 1] if middle == "attention" else [])}),
        text_layers=fields.whole("transformer_layers_per_block", 1) if with_text else 1,
        groups=groups,
        norm_epsilon=fields.number("norm_eps", 1e-5),
        conditioning=conditioning,
        time_width=fields.whole("time_embedding_dim", 0),
        time_order="cosines first" if fields.flag("flip_sin_to_cos", True) else "sines first",
        time_shift=fields.whole("freq_shift", 0, least=0),
        halving_edge="both" if fields.whole("downsample_padding", 1, least=0) else "end",
    )
    fields.must("downsample_padding", 1, 0)
    fields.done()
    return "diffusion", settings


def read_size(fields: Fields) -> tuple[int, ...]:
    """Height and width, where the config says them; the network takes any."""
    size = fields.take("sample_size", 32)
    return tuple(size) if isinstance(size, (list, tuple)) else (size,)


def read_levels(fields: Fields, architecture: str, levels: int) -> tuple[int, ...]:
    """The levels with attention, which must be the same on the way down and up."""
    without, within = BLOCKS[architecture]
    down, up = (list(fields.take(f"{way}_block_types", [])) for way in ("down", "up"))
    names = {way: [f"{begin}{way}Block2D" for begin in (without, within)] for way in ("Down", "Up")}
    for name, given, known in (("down", down, names["Down"]), ("up", up, names["Up"])):
        if len(given) != levels or not set(given) <= set(known):
            raise BadInput(f"config.json has {name}_block_types = {given}, which is not supported here; it must be {levels} of {', '.join(known)}.")
    attends = [kind == names["Down"][1] for kind in down]
    if attends != [kind == names["Up"][1] for kind in reversed(up)]:
        raise BadInput(f"config.json has up_block_types = {up}, which is not supported here; attention must be at the levels where down_block_types has it.")
    return tuple(level for level, attend in enumerate(attends) if attend)


def read_middle(fields: Fields, config: Mapping[str, Any], architecture: str) -> Any:
    """What stands at the bottom."""
    fields.must("mid_block_type", MIDDLES[architecture])
    attends = fields.flag("add_attention", True) if architecture == PLAIN else True
    if "mid_block_type" in config and config["mid_block_type"] is None:
        return "none"
    return "attention" if attends else "convolution"


def read_heads(fields: Fields, config: Mapping[str, Any], architecture: str, widths: tuple[int, ...], attending: set[int]) -> tuple[int, ...]:
    """The heads of each level: what is called their width is that without texts, and their number with texts."""
    given = fields.take("attention_head_dim", 8)
    if architecture == TEXT:
        return (given,) if isinstance(given, int) else tuple(given)
    if "attention_head_dim" in config and config["attention_head_dim"] is None:
        return (1,)
    if any(widths[level] % given for level in attending):
        raise BadInput(f"config.json has attention_head_dim = {given}, which does not divide block_out_channels = {list(widths)}; that is not supported here.")
    return tuple(max(width // given, 1) for width in widths)


def home(settings: UNetSettings) -> str:
    """The class of diffusers that these settings are."""
    if settings.text_width and settings.middle == "convolution":
        raise BadInput(f"model.middle is 'convolution', for which {TEXT} has no place; it would have to be 'attention' or 'none'.")
    if not settings.text_width:
        head_width(settings)
    return TEXT if settings.text_width else PLAIN


def attending(settings: UNetSettings) -> list[int]:
    """The levels whose number of heads matters."""
    return sorted({*settings.attention, *([len(settings.widths) - 1] if settings.middle == "attention" else [])})


def head_width(settings: UNetSettings) -> int | None:
    """The width of every head, or None for one head of a level's whole width."""
    levels = attending(settings)
    found = {settings.widths[level] // settings.heads[level] for level in levels}
    if len(found) <= 1:
        return found.pop() if found else None
    if any(settings.heads[level] > 1 for level in levels):
        raise BadInput(
            f"model.heads is {list(settings.heads)}: heads of the widths {sorted(found)}, but {PLAIN} has one width for all; choose heads that give one."
        )
    return None


def write_config(settings: UNetSettings, architecture: str) -> dict[str, Any]:
    """A config.json of these settings."""
    s, last = settings, len(settings.widths) - 1
    without, within = BLOCKS[architecture]
    begins = [within if level in s.attention else without for level in range(last + 1)]
    common = {
        "_class_name": architecture,
        "sample_size": s.image_size[0] if s.image_size[0] == s.image_size[1] else list(s.image_size),
        "in_channels": s.channels,
        "out_channels": s.out_channels,
        "flip_sin_to_cos": s.time_order == "cosines first",
        "freq_shift": s.time_shift,
        "down_block_types": [f"{begin}DownBlock2D" for begin in begins],
        "mid_block_type": None if s.middle == "none" else MIDDLES[architecture],
        "up_block_types": [f"{begin}UpBlock2D" for begin in reversed(begins)],
        "block_out_channels": list(s.widths),
        "layers_per_block": s.depth,
        "downsample_padding": 1 if s.halving_edge == "both" else 0,
        "dropout": s.dropout,
        "act_fn": "silu",
        "norm_num_groups": s.groups,
        "norm_eps": s.norm_epsilon,
        "resnet_time_scale_shift": {"shift": "default", "scale-shift": "scale_shift"}[s.conditioning],
        "time_embedding_dim": None if s.time_width == 4 * s.widths[0] else s.time_width,
    }
    if architecture == TEXT:
        heads = {s.heads[level] for level in attending(s)}
        counts = heads.pop() if len(heads) == 1 else list(s.heads)
        return common | {"attention_head_dim": counts, "cross_attention_dim": s.text_width, "transformer_layers_per_block": s.text_layers}
    told = {"num_class_embeds": s.labels or None} | ({"_null_class": True} if s.null_class else {})
    groups = s.groups if s.conditioning == "scale-shift" else None
    return common | told | {"attention_head_dim": head_width(s), "add_attention": s.middle != "convolution", "attn_norm_num_groups": groups}


def entries(settings: UNetSettings, architecture: str) -> list[Entry]:
    """Every tensor of the file."""
    s, last = settings, len(settings.widths) - 1
    found = linear("conv_in", "enter") + linear("time_embedding.linear_1", "time.up") + linear("time_embedding.linear_2", "time.out")
    found += [plain("class_embedding.weight", "classes.weight")] if s.classes else []
    for level, width in enumerate(s.widths):
        down, up = (f"down_blocks.{level}", f"down.{level}"), (f"up_blocks.{last - level}", f"up.{level}")
        wider = level > 0 and s.widths[level - 1] != width
        found += level_entries(s, *down, [wider, *[False] * (s.depth - 1)], level in s.attention)
        found += level_entries(s, *up, [True] * (s.depth + 1), level in s.attention)
        if level < last:
            found += linear(f"{down[0]}.downsamplers.0.conv", f"{down[1]}.shrink.convolution")
        if level:
            found += linear(f"{up[0]}.upsamplers.0.conv", f"{up[1]}.grow.convolution")
    if s.middle != "none":
        found += level_entries(s, "mid_block", "middle", [False, False], attends=False)
    if s.middle == "attention":
        found += attention_entries(s, "mid_block.attentions.0", "middle.attentions.0")
    return found + norm("conv_norm_out", "norm") + linear("conv_out", "leave")


def level_entries(settings: UNetSettings, theirs: str, ours: str, wider: list[bool], attends: bool) -> list[Entry]:
    """The blocks of a level, of which those that change the width have a way around, and their attention."""
    found = []
    for number, shortcut in enumerate(wider):
        block, place = f"{theirs}.resnets.{number}", f"{ours}.blocks.{number}"
        found += norm(f"{block}.norm1", f"{place}.first_norm") + linear(f"{block}.conv1", f"{place}.first") + linear(f"{block}.time_emb_proj", f"{place}.told")
        found += norm(f"{block}.norm2", f"{place}.second_norm") + linear(f"{block}.conv2", f"{place}.second")
        found += linear(f"{block}.conv_shortcut", f"{place}.shortcut") if shortcut else []
        found += attention_entries(settings, f"{theirs}.attentions.{number}", f"{ours}.attentions.{number}") if attends else []
    return found


OLD = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
"""What old files call the maps of attention without texts."""
MAPS = dict(zip(OLD, ("query", "key", "value", "out"), strict=True))


def attention_entries(settings: UNetSettings, theirs: str, ours: str) -> list[Entry]:
    """Attention over pixels alone, or with a text."""
    if not settings.text_width:
        found = norm(f"{theirs}.group_norm", f"{ours}.norm")
        for name, old in OLD.items():
            names = [(f"{theirs}.{name}.{part}", f"{ours}.attention.{MAPS[name]}.{part}", f"{theirs}.{old}.{part}") for part in ("weight", "bias")]
            found += [plain(name, place, aliases=(older,)) for name, place, older in names]
        return found
    found = norm(f"{theirs}.norm", f"{ours}.norm") + pointwise(f"{theirs}.proj_in", f"{ours}.enter") + pointwise(f"{theirs}.proj_out", f"{ours}.leave")
    for number in range(settings.text_layers):
        layer, place = f"{theirs}.transformer_blocks.{number}", f"{ours}.layers.{number}"
        for order, (attention, part) in enumerate((("attn1", "attention"), ("attn2", "cross")), start=1):
            found += norm(f"{layer}.norm{order}", f"{place}.{part}_norm")
            for name, mine in MAPS.items():
                found += linear(f"{layer}.{attention}.{name}", f"{place}.{part}.{mine}", bias=mine == "out")
        found += norm(f"{layer}.norm3", f"{place}.feed_forward_norm")
        found += [split(f"{layer}.ff.net.0.proj.{part}", [f"{place}.feed_forward.{name}.{part}" for name in ("up", "gate")]) for part in ("weight", "bias")]
        found += linear(f"{layer}.ff.net.2", f"{place}.feed_forward.down")
    return found


def pointwise(theirs: str, ours: str) -> list[Entry]:
    """A map of every pixel: a convolution with a window of one pixel in most files, a matrix in some; written as the first."""
    weight = Entry(f"{theirs}.weight", (f"{ours}.weight",), read=lambda x: (x.flatten(1),), write=lambda x: x[:, :, None, None])
    return [weight, plain(f"{theirs}.bias", f"{ours}.bias")]
