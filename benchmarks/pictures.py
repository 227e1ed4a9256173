"""Pictures a second beside transformers, with the same weights: ViT-Ti/16 and DeiT-Ti/16 at 224 in batches of 16, ResNet-18 and ResNet-50.

    python benchmarks/pictures.py [--models vit-tiny-16 deit-tiny-16 resnet-18 resnet-50] [--repetitions 5] [--no-compile] [--patience 60] [--json OUT]

Every mode of transformers runs (float32 and bfloat16, SDPA and eager attention, and compiled, its fastest attention; residual networks with
channels last), and the ratio is against its fastest one, in the same precision and in any. Loading, packing and compiling are not counted; what compiling
took is shown. Modes are interleaved, and the fastest repetition counts. Pictures are prepared tensors: reading files is not part of it.
"""

import argparse
import os
import warnings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torch
from common import Variant, interleave, machine, save, table, wait_for_quiet
from torch import Tensor, nn

from workings.models.build import build
from workings.models.packed import prepare
from workings.models.resnet_settings import RESNETS, resnet_settings
from workings.models.vision_settings import VISION_TRANSFORMERS, vision_settings
from workings.weights.families import family_of
from workings.weights.names import write_all

BATCHES = {"resnet-50": 8}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def peer_of(model: nn.Module, attention: str, dtype: torch.dtype) -> nn.Module:
    """The same model in transformers."""
    import transformers

    family = family_of("ResNetModel" if model.settings.__class__.__name__ == "ResNetSettings" else "ViTModel")
    architecture = family.home(model.settings)
    given = family.write_config(model.settings, architecture)
    config = transformers.AutoConfig.for_model(**given, **({"attn_implementation": attention} if attention else {}))
    peer = getattr(transformers, architecture)(config).eval()
    tensors, names = write_all(model.state_dict(), family.entries(model.settings, architecture)), peer.state_dict().keys()
    aliases = {entry.theirs: next(name for name in (entry.theirs, *entry.aliases) if name in names) for entry in family.entries(model.settings, architecture)}
    peer.load_state_dict({aliases[name]: tensor for name, tensor in tensors.items()})
    return peer.to(dtype)


def asked(call, pictures: Tensor):
    """One step: what is said of the pictures, in float32."""

    @torch.inference_mode()
    def step() -> Tensor:
        return call(pictures).float()

    return step


def variants(model: nn.Module, pictures: Tensor, compiled: bool) -> list[Variant]:
    """Both sides in all their modes."""
    attentions = ("sdpa", "eager") if hasattr(model, "cls") else ("",)

    def ours(dtype: torch.dtype):
        return asked(prepare(model, dtype), pictures)

    def theirs(dtype: torch.dtype, attention: str, compiled: bool):
        peer, x = peer_of(model, attention, dtype), pictures.to(dtype)
        if not attention:
            peer, x = peer.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        call = torch.compile(peer) if compiled else peer
        return asked(lambda x: call(x).logits, x)

    found = [Variant(f"workings {name}", lambda d=dtype: ours(d)) for name, dtype in PRECISIONS.items()]
    modes = [(name, attention, False) for name in PRECISIONS for attention in attentions]
    modes += [("bfloat16", attention, True) for attention in attentions[-1:]] if compiled else []
    for name, attention, is_compiled in modes:
        words = ", ".join(filter(None, (f"transformers {name}", attention, "compiled" if is_compiled else "")))
        found.append(Variant(words, lambda d=PRECISIONS[name], a=attention, c=is_compiled: theirs(d, a, c)))
    return found


def measure(name: str, repetitions: int, compiled: bool, patience: float) -> dict:
    """All modes of one model."""
    torch.manual_seed(0)
    model = build((resnet_settings if name in RESNETS else vision_settings)(name, classes=1000)).eval()
    count = BATCHES.get(name, 16)
    pictures = torch.randn(count, 3, 224, 224)
    modes = variants(model, pictures, compiled)
    share = wait_for_quiet(patience=patience)
    interleave(modes, repetitions)
    reference = next(mode for mode in modes if mode.name == "transformers float32" or mode.name.startswith("transformers float32, eager")).answers[0]
    rows = [["", "pictures/s", "largest difference", "first step, s"]]
    for mode in modes:
        difference = ((mode.answers[0] - reference).abs().max() / reference.std()).item()
        rows.append([mode.name, f"{count / mode.best:.1f}", f"{difference:.4f}", f"{mode.first_seconds:.1f}"])
    print(f"\n{name}, {count} pictures of 224 x 224; others use {share:.0%} of the machine\n{table(rows)}")
    fastest = {name: min(mode.best for mode in modes if mode.name.startswith(name)) for name in ("workings", "transformers")}
    ratios = {"best / best": fastest["transformers"] / fastest["workings"]}
    for precision in PRECISIONS:
        best = [min(mode.best for mode in modes if mode.name.startswith(f"{who} {precision}")) for who in ("workings", "transformers")]
        ratios[precision] = best[1] / best[0]
    print("\n" + "\n".join(f"{ratio:6.2f}x  {label}" for label, ratio in ratios.items()))
    speeds = {mode.name: count / mode.best for mode in modes}
    return {"model": name, "batch": count, "pictures_per_second": speeds, "ratios": ratios, "others_use": share}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["vit-tiny-16", "deit-tiny-16", "resnet-18", "resnet-50"], choices=[*VISION_TRANSFORMERS, *RESNETS])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--patience", type=float, default=60.0)
    parser.add_argument("--json")
    options = parser.parse_args()
    results = [measure(name, options.repetitions, options.compile, options.patience) for name in options.models]
    save(options.json, {"machine": machine(), "results": results})


if __name__ == "__main__":
    main()
