"""What the tests of the families share: a random model of `transformers` as the oracle, saved, read here, compared, written back.

- `theirs = oracle(GPT2LMHeadModel(GPT2Config(...)), seed)`: every number of it random;
- `found = import_from(theirs, tmp_path)`: `read_foreign` of what `save_pretrained` wrote;
- `tokens, visible, steps = padded(vocabulary, context, "left", seed)`: a batch for both;
- `close(logits, wanted.logits, visible)`, `close_hidden(record, wanted.hidden_states, visible)`;
- `close_gradients(found, theirs, logits, wanted.logits, visible)`;
- `greedy(found.model, prompt, count)`: what we write with the cache; `round_trip(found, tmp_path)`: written again it is the same.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from workings.generation.step import prepare
from workings.weights.config_fields import NO_EFFECT
from workings.weights.exporting import write_foreign
from workings.weights.families import family_of
from workings.weights.importing import Imported, read_foreign
from workings.weights.names import Entry

RTOL, ATOL = 1e-4, 1e-5
UNIMPORTANT = NO_EFFECT | {"_attn_implementation_autoset"}
"""Fields of a config that a round trip need not keep."""


@torch.no_grad()
def oracle(model: nn.Module, seed: int = 0) -> Any:
    """The model in evaluation mode, every number of it random, so that no bias is 0 and no gain is 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if not tensor.is_floating_point() or "inv_freq" in name:
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(0.5 + noise**2)
        elif tensor.dim() > 1:
            tensor.copy_(noise * max(tensor[0].numel(), 1) ** -0.5)
        else:
            tensor.copy_((1.0 if name.endswith("weight") else 0.0) + 0.3 * noise)
    return model.eval()


def import_from(model: Any, folder: Path, dtype: torch.dtype | None = None) -> Imported:
    """What we read of a model that transformers saved."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    model.save_pretrained(folder / "theirs")
    return read_foreign(folder / "theirs", dtype)


def padded(vocabulary: int, longest: int, padding: str, seed: int) -> tuple[Tensor, Tensor | None, Tensor]:
    """Random tokens [3, T] of different lengths, which of them are visible (None with padding "none"), and the position of each, counting visible ones."""
    generator = torch.Generator().manual_seed(seed)
    length = int(torch.randint(2, longest + 1, (), generator=generator))
    tokens = torch.randint(vocabulary, (3, length), generator=generator)
    if padding == "none":
        return tokens, None, torch.arange(length).expand(3, -1)
    counts = torch.tensor([length, 1, int(torch.randint(1, length + 1, (), generator=generator))])
    visible = torch.arange(length) < counts[:, None]
    visible = visible.flip(-1) if padding == "left" else visible
    return tokens, visible, (visible.long().cumsum(-1) - 1).clamp(min=0)


def greedy(model: nn.Module, prompt: Sequence[int], count: int) -> list[int]:
    """The likeliest continuation, token by token with the cache, as `workings write` goes on."""
    decoder = prepare(model, "none")
    with torch.inference_mode():
        logits = decoder.read([list(prompt)], count)
        tokens = [int(logits.argmax())]
        while len(tokens) < count:
            tokens.append(int(decoder.step(torch.tensor(tokens[-1:])).argmax()))
    return tokens


def close(ours: Tensor, theirs: Tensor, visible: Tensor | None = None) -> None:
    """The same numbers, where visible [B, T] says so (everywhere without it). ours, theirs: [B, T, ...]."""
    if visible is not None:
        ours, theirs = ours[visible], theirs[visible]
    torch.testing.assert_close(ours, theirs, rtol=RTOL, atol=ATOL)


def close_hidden(record: dict[str, Tensor], theirs: Sequence[Tensor], visible: Tensor | None = None) -> None:
    """Their hidden states are ours: what enters the first layer, what leaves each, and for the last what leaves the final norm."""
    last = len(theirs) - 1
    ours = [record["embedding"], *(record[f"hidden.{layer}"] for layer in range(last - 1)), record["output"]]
    for mine, state in zip(ours, theirs, strict=True):
        close(mine, state, visible)


def close_gradients(found: Imported, model: nn.Module, ours: Tensor, theirs: Tensor, visible: Tensor | None = None) -> None:
    """The gradients of one random weighting of the (visible) outputs are the same for every parameter, mapped by the entries that read the weights."""
    weights = torch.randn(theirs.shape, generator=torch.Generator().manual_seed(7)) / theirs[0].numel() ** 0.5
    if visible is not None:
        weights = weights * visible.reshape(*visible.shape, *[1] * (weights.dim() - visible.dim()))
    model.zero_grad(set_to_none=True)
    found.model.zero_grad(set_to_none=True)
    (theirs * weights).masked_fill(weights == 0, 0).sum().backward()
    (ours * weights).masked_fill(weights == 0, 0).sum().backward()
    wanted = mapped({name: p.grad for name, p in model.named_parameters() if p.grad is not None}, entries_of(found))
    mine = {name: p.grad for name, p in found.model.named_parameters() if p.grad is not None}
    assert mine.keys() == wanted.keys()
    for name, grad in mine.items():
        scale = wanted[name].abs().max().clamp(min=1)
        torch.testing.assert_close(grad / scale, wanted[name] / scale, rtol=RTOL, atol=ATOL, msg=lambda said, name=name: f"gradient of {name}: {said}")


def entries_of(found: Imported) -> list[Entry]:
    """The name map by which a model was read."""
    architecture = found.facts["architecture"]
    return family_of(architecture).entries(found.settings, architecture)


def mapped(theirs: dict[str, Tensor], entries: Sequence[Entry]) -> dict[str, Tensor]:
    """Their tensors (or gradients) under our names."""
    ours: dict[str, Tensor] = {}
    for entry in entries:
        name = next((name for name in (entry.theirs, *entry.aliases) if name in theirs), None)
        if name is not None and entry.ours:
            ours |= dict(zip(entry.ours, entry.read(theirs[name]), strict=True))
    return ours


def round_trip(found: Imported, folder: Path, unimportant: Sequence[str] = ()) -> None:
    """What was read from folder/theirs and is written again has the same tensors, bit for bit, and the same config as transformers sees it, but for these."""
    from transformers import AutoConfig

    family, architecture = family_of(found.facts["architecture"]), found.facts["architecture"]
    write_foreign(folder / "again", found.settings, found.model.state_dict(), architecture)
    before, after = load_file(folder / "theirs" / "model.safetensors"), load_file(folder / "again" / "model.safetensors")
    assert set(after) <= set(before)
    assert not set(before) - set(after) - {entry.theirs for entry in entries_of(found) if not entry.ours}
    for name, tensor in after.items():
        assert torch.equal(tensor, before[name]) and tensor.dtype == before[name].dtype, name
    assert read_foreign(folder / "again").settings == found.settings and family.home(found.settings)
    before, after = (AutoConfig.from_pretrained(folder / part).to_dict() for part in ("theirs", "again"))
    for field in (before.keys() | after.keys()) - UNIMPORTANT - set(unimportant):
        assert before.get(field) == after.get(field), field


def change_config(folder: Path, **fields: Any) -> None:
    """Set fields of a folder's config.json; None removes one."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))
