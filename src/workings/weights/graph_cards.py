"""The README.md beside an exported graph: what goes in, what comes out, and ten lines of Python that run it."""

from typing import Any

from workings.data.picture_settings import Preparation
from workings.models.architectures import name_of
from workings.settings import from_dict
from workings.weights.folder import Saved
from workings.weights.graphs import Graph

ONNX = {
    "imports": "import numpy\nimport onnxruntime",
    "define": "\ndef run(session, *inputs):\n    return session.run(None, dict(zip([given.name for given in session.get_inputs()], inputs)))\n\n",
    "call": "run({}, {})",
    "open": 'onnxruntime.InferenceSession("{}")',
    "file": "{}model.onnx",
    "array": "numpy.array({}, numpy.int64)",
    "ones": "numpy.ones_like({})",
    "join": "numpy.concatenate([{}], axis=1)",
}
TORCH = {
    "imports": "import torch",
    "define": "",
    "call": "{}({})",
    "open": 'torch.export.load("{}").module()',
    "file": "{}program.pt2",
    "array": "torch.tensor({})",
    "ones": "torch.ones_like({})",
    "join": "torch.cat([{}], dim=1)",
}
"""How each kind of file is opened, and what arrays are called there."""

WRITE = """\
{imports}
from tokenizers import Tokenizer
{define}
model, tokenizer = {open}, Tokenizer.from_file("tokenizer.json")
tokens = new = {array}
past = {zeros}
for _ in range({count}):
    logits, *past = {call}
    new = logits[:, -1:].argmax(-1)
    tokens = {join}
print(tokenizer.decode(tokens[0].tolist(), skip_special_tokens=False))
"""

TRANSLATE = """\
{imports}
from transformers import AutoTokenizer
{define}
encoder, decoder = {open}, {open_decoder}
tokenizer = AutoTokenizer.from_pretrained(".")
source = {array}
mask, tokens = {ones_source}, {start}
new, past = tokens, {zeros}
_, *read = {call_encoder}
for _ in range({count}):
    logits, *past = {call}
    new = logits[:, -1:].argmax(-1)
    tokens = {join}
    if int(new[0, 0]) == {end}:
        break
print(tokenizer.decode(tokens[0].tolist(), skip_special_tokens=True))
"""

READ = """\
{imports}
from tokenizers import Tokenizer
{define}
model, tokenizer = {open}, Tokenizer.from_file("tokenizer.json")
tokenizer.enable_padding(pad_id={pad})
texts = tokenizer.encode_batch(["One text.", "Another, longer text."])
tokens = {array}
mask = {masks}
{segments}said = {call}
print(said[0].shape){pooling}
"""

SEE = """\
{imports}
from PIL import Image
{define}
model = {open}
picture = Image.open("picture.jpg").convert("{mode}")
{prepare}
said = {call}
print({answer})
"""


def onnx_card(saved: Saved, graphs: list[Graph], difference: float) -> str:
    """README.md beside `model.onnx`."""
    return card(saved, graphs, difference, ONNX, "ONNX", "onnxruntime")


def program_card(saved: Saved, graphs: list[Graph], difference: float) -> str:
    """README.md beside `program.pt2`."""
    warning = "A .pt2 file is torch's own, and torch unpickles parts of it: load it only from people whom you trust."
    return card(saved, graphs, difference, TORCH, "torch.export", "torch", warning)


def card(saved: Saved, graphs: list[Graph], difference: float, form: dict[str, str], standard: str, runs: str, warning: str = "") -> str:
    """The page: a program, then a table for each file."""
    make = {"transformer": write, "encoder": read, "encoder-decoder": translate}.get(name_of(saved.model.settings), see)
    parts = [f"# {saved.task}: {name_of(saved.model.settings)}, as {standard}", warning]
    parts += [f"Made by `workings export`, float32. At sizes that were not traced, {runs} differed from the model by at most {difference:.0e}, relative."]
    runs_alone = make is see or saved.tokenizer is not None
    parts += [f"```python\n{make(saved, graphs, form)}```"] if runs_alone else []
    parts += [table(graph, form) for graph in graphs]
    return "\n\n".join(filter(None, parts)) + "\n"


def table(graph: Graph, form: dict[str, str]) -> str:
    """Names and shapes of what goes in and comes out, in their order."""
    rows = [("in", name, str(dtype).removeprefix("torch."), dims) for name, (dtype, dims) in graph.inputs.items()]
    rows += [("out", name, "float32", dims) for name, dims in graph.outputs.items()]
    lines = [f"| {way} | `{name}` | {dtype} | [{', '.join(map(str, dims))}] |" for way, name, dtype, dims in rows]
    return "\n".join([f"## {form['file'].format(graph.part)}", "", "| | name | type | shape |", "|---|---|---|---|", *lines])


def call(form: dict[str, str], session: str, *values: str) -> str:
    """Python that runs a file once."""
    return form["call"].format(session, ", ".join(values))


def empty_past(graph: Graph, form: dict[str, str], which: str = "") -> str:
    """Python for a cache without columns, of one row."""
    shapes = [dims for name, (_, dims) in graph.inputs.items() if name.startswith("past_key_values") and which in name]
    heads = [(dims[1], dims[3]) for dims in shapes]
    one = "torch.zeros(1, heads, 0, width)" if form is TORCH else "numpy.zeros((1, heads, 0, width), numpy.float32)"
    repeated = f"{heads[:2]} * {len(heads) // 2}"
    return f"[{one} for heads, width in {repeated}]"


def opened(graph: Graph, form: dict[str, str]) -> str:
    """Python that opens a file."""
    return form["open"].format(form["file"].format(graph.part))


def write(saved: Saved, graphs: list[Graph], form: dict[str, str]) -> str:
    """Greedy writing, one token at a time."""
    (graph,) = graphs
    return WRITE.format(
        imports=form["imports"],
        define=form["define"],
        open=opened(graph, form),
        array=form["array"].format('[tokenizer.encode("Once upon a time").ids]'),
        zeros=empty_past(graph, form),
        count=min(40, max(1, graph.longest // 2)),
        call=call(form, "model", "new", form["ones"].format("tokens"), "*past"),
        join=form["join"].format("tokens, new"),
    )


def translate(saved: Saved, graphs: list[Graph], form: dict[str, str]) -> str:
    """Greedy translation."""
    encoder, decoder = graphs
    s: Any = saved.model.settings
    return TRANSLATE.format(
        imports=form["imports"],
        define=form["define"],
        open=opened(encoder, form),
        open_decoder=opened(decoder, form),
        array=form["array"].format('[tokenizer("A sentence to translate.").input_ids]'),
        ones_source=form["ones"].format("source"),
        start=form["array"].format(f"[[{s.start}]]"),
        zeros=empty_past(decoder, form, ".decoder."),
        call_encoder=call(form, "encoder", "source", "mask"),
        call=call(form, "decoder", "new", form["ones"].format("tokens"), "mask", "*past", "*read"),
        count=min(128, decoder.longest),
        end=s.end,
        join=form["join"].format("tokens, new"),
    )


def read(saved: Saved, graphs: list[Graph], form: dict[str, str]) -> str:
    """Vectors or logits of two texts; for vectors also how one is made of a text."""
    (graph,) = graphs
    segments = "token_type_ids" in graph.inputs
    given = ["tokens", "mask", "segments"] if segments else ["tokens", "mask"]
    way = saved.facts.get("embedding") or {}
    pooling = ""
    if graph.outputs.keys() & {"last_hidden_state"}:
        mean = "(said[0] * mask[..., None]).sum(1) / mask.sum(1)[:, None]"
        pooling = f"\nvectors = {'said[0][:, 0]' if way.get('pooling') == 'cls' else mean}"
        pooling += "\nvectors = vectors / (vectors**2).sum(1)[:, None] ** 0.5" if way.get("normalize") else ""
    return READ.format(
        imports=form["imports"],
        define=form["define"],
        open=opened(graph, form),
        pad=getattr(saved.tokenizer, "named", {}).get("pad") or 0,
        array=form["array"].format("[text.ids for text in texts]"),
        masks=form["array"].format("[text.attention_mask for text in texts]"),
        segments=f"segments = {form['array'].format('[text.type_ids for text in texts]')}\n" if segments else "",
        call=call(form, "model", *given),
        pooling=pooling,
    )


def see(saved: Saved, graphs: list[Graph], form: dict[str, str]) -> str:
    """The likeliest class of a picture, or the shape of its vectors."""
    (graph,) = graphs
    s: Any = saved.model.settings
    size = getattr(s, "image_size", (224, 224))
    how = from_dict(Preparation, saved.facts["preparation"]) if "preparation" in saved.facts else Preparation(channels=s.channels, size=size)
    return SEE.format(
        imports="import numpy\n" + form["imports"].removeprefix("import numpy\n"),
        define=form["define"],
        open=opened(graph, form),
        mode="RGB" if how.channels == 3 else "L",
        prepare="\n".join(preparing(how)) + ("\npixels = torch.from_numpy(pixels)" if form is TORCH else ""),
        call=call(form, "model", "pixels"),
        answer="said[0].argmax(-1)" if s.classes else "said[0].shape",
    )


def preparing(how: Preparation) -> list[str]:
    """Python that makes pixels [1, C, H, W] of a picture, as the model wants them."""
    filter = f"Image.Resampling.{how.filter.upper()}"
    lines = []
    if how.resize == "stretch":
        lines += [f"picture = picture.resize(({how.size[1]}, {how.size[0]}), {filter})"]
    if how.resize == "shortest":
        lines += [f"size = [{how.size[0]} * side // min(picture.size) for side in picture.size]", f"picture = picture.resize(size, {filter})"]
    if how.crop:
        height, width = how.crop
        lines += [f"left, top = (picture.width - {width}) // 2, (picture.height - {height}) // 2"]
        lines += [f"picture = picture.crop((left, top, left + {width}, top + {height}))"]
    lines += [f"pixels = numpy.asarray(picture, dtype=numpy.float32).reshape(picture.height, picture.width, {how.channels}) * {how.scale!r}"]
    lines += [f"pixels = ((pixels - {list(how.mean)}) / {list(how.std)}).transpose(2, 0, 1)[None].astype(numpy.float32)"]
    return lines
