"""`workings import`, `export` and `push`: models of other systems in, models of ours out."""

from pathlib import Path
from typing import Literal

from workings.cli.shape import make_app
from workings.errors import command

import_app = make_app(
    "import",
    "workings import openai-community/gpt2",
    "workings import downloads/SmolLM2-135M --to models/smol --dtype bfloat16",
)

export_app = make_app(
    "export",
    "workings export runs/NAME --to hf",
    "workings export models/gpt2 --to hf --out exports/gpt2",
    "workings export models/gpt2 --to onnx",
)

push_app = make_app(
    "push",
    "workings push runs/NAME USER/NAME",
    "workings push models/gpt2 USER/my-gpt2 --public",
)


@import_app.default
def import_(
    name: str, /, *, to: str | None = None, dtype: Literal["float32", "bfloat16", "int8"] | None = None, overwrite: bool = False, quiet: bool = False
) -> None:
    """Make a model folder from another system's model.

    What is read: GPT-2, Llama, Mistral, Qwen, BERT, RoBERTa, Marian, ViT, DeiT, ResNet; the U-Nets of diffusers with their noise schedules; and single files
    of LeNet, ResNets for CIFAR, a VAE of MNIST, and tiny autoencoders (TAESD).
    The numbers stay as they are; what the model needs that is not supported here is refused by name. Every verb also takes such a folder directly.

    Args:
        name: A folder as save_pretrained writes it, a file that is known by its tensors, or a model's name on the Hugging Face hub.
            HF_HUB_OFFLINE=1 keeps to the hub's cache.
        to: The new model folder. [default: models/NAME]
        dtype: What the weights are turned into; int8 keeps matrices in a quarter of the file. [default: as they are stored; float16 as float32]
        overwrite: Replace the model that is already in --to.
        quiet: Print nothing but what is wrong.
    """
    from workings import verbs
    from workings.tasks.kinds import command_to_try

    imported = verbs.import_model(name, to=to, dtype=dtype, overwrite=overwrite)
    if quiet:
        return
    print("\n".join(imported.lines()))
    print(f"\nDone: {imported.folder}\n")
    to_try = None if imported.missing else command_to_try(imported.task, imported.folder)
    for verb in filter(None, (to_try, f"export {imported.folder} --to hf")):
        print(f"  {command(verb)}")


@export_app.default
def export(model: str, /, *, to: str, out: str | None = None, overwrite: bool = False) -> None:
    """Write a model in a form that other systems load.

    hf: a folder for transformers, whose AutoModel and AutoTokenizer then give the same numbers. A switch that has no place there is refused by its name.
    onnx: model.onnx for onnxruntime, for every batch and length, with the key-value cache as inputs and outputs (encoder_model.onnx and decoder_model.onnx
    for translation). torch: the same as program.pt2, which torch.export.load reads where this package is not installed.

    Args:
        model: A run's folder or a model's folder.
        to: hf, onnx (needs pip install 'workings[onnx]') or torch.
        out: Where to write. [default: exports/NAME-FORM]
        overwrite: Replace the export that is already in --out.
    """
    from workings import verbs

    print(verbs.export(model, to=to, out=out, overwrite=overwrite))


@push_app.default
def push(model: str, name: str, /, *, public: bool = False, message: str = "") -> None:
    """Send a model's folder to the Hugging Face hub, its card included.

    What is sent is the folder as it is; read its README.md first. Log in once with `hf auth login`.

    Args:
        model: A run's folder (its best model is sent) or a model's folder.
        name: The repository, USER/NAME; it is made if there is none.
        public: A repository that is made for it can be seen by everyone.
        message: Of the commit.
    """
    from workings import verbs

    print(verbs.push(Path(model), name, private=not public, message=message))
