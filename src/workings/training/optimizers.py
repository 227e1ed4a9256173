"""AdamW for everything, Muon for matrices inside the layers and, where wanted, for the filters of convolutions, or gradient descent (statement 6.1b)."""

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from workings.training.muon import Muon
from workings.training.settings import OptimizerSettings

OUTSIDE = ("head", "classifier")
"""What a model calls its last matrix, whose rows are tokens or classes."""


def make_optimizers(module: nn.Module, s: OptimizerSettings, coarse: bool = False) -> list[Optimizer]:
    """The optimizers of one player. Every group carries its highest rate as "peak", which the schedule scales.

    Decay groups: matrices and convolutions are decayed, vectors (biases, norms, tau) and scalars are not. Under muon, embeddings, heads and
    classifiers stay with AdamW, and so do filters unless `filters` says otherwise.
    coarse: as `Muon` takes it.
    """
    outside = {
        id(parameter) for name, layer in module.named_modules() if isinstance(layer, nn.Embedding) or name in OUTSIDE for parameter in layer.parameters()
    }
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    turned = {"adamw": (2,), "muon": (2, 4)}[s.filters] if s.name == "muon" else ()
    matrices = [p for p in trained if p.ndim in turned and id(p) not in outside]
    rest = [p for p in trained if not any(p is m for m in matrices)]
    scales = layer_scales(module, s.layer_decay)
    decayed, plain = [p for p in rest if p.ndim >= 2], [p for p in rest if p.ndim < 2]
    groups = [group | {"weight_decay": s.weight_decay} for group in by_scale(decayed, scales, s.rate)]
    groups += [group | {"weight_decay": 0.0} for group in by_scale(plain, scales, s.rate)]
    if s.name == "sgd":
        return [SGD(groups, lr=s.rate, momentum=s.momentum)]
    optimizers: list[Optimizer] = [AdamW(groups, lr=s.rate, betas=(s.beta1, s.beta2), eps=s.epsilon, fused=True)] if groups else []
    if matrices:
        groups = by_scale(matrices, scales, s.muon_rate)
        optimizers.append(Muon(groups, lr=s.muon_rate, momentum=s.momentum, weight_decay=s.weight_decay, coarse=coarse))
    return optimizers


def layer_scales(module: nn.Module, decay: float) -> dict[int, float]:
    """What each parameter's rate is multiplied by: decay^(L - l) in layer l = 0 ... L - 1, decay^(L + 1) below all layers, 1 above them (Clark et al. 2020).

    Layers are those of a `blocks`; below them are the parameters beside it: embeddings, positions and their norm, but not `final_norm`.
    """
    scales = {id(parameter): 1.0 for parameter in module.parameters()}
    if decay == 1:
        return scales
    for name, stack in module.named_modules():
        if not isinstance(stack, nn.ModuleList) or name.rpartition(".")[2] != "blocks":
            continue
        parent = module.get_submodule(name.rpartition(".")[0])
        below = [parameter for part, child in parent.named_children() if part not in ("blocks", "final_norm", "head") for parameter in child.parameters()]
        scales |= {id(parameter): decay ** (len(stack) + 1) for parameter in below}
        scales |= {id(parameter): decay ** (len(stack) - layer) for layer, block in enumerate(stack) for parameter in block.parameters()}
    return scales


def by_scale(parameters: list[nn.Parameter], scales: dict[int, float], rate: float) -> list[dict]:
    """Groups of parameters with one rate each, the highest first."""
    found = sorted({scales[id(parameter)] for parameter in parameters}, reverse=True)
    return [{"params": [p for p in parameters if scales[id(p)] == scale], "peak": rate * scale} for scale in found]
