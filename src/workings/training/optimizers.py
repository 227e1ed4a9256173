"""AdamW for everything, or Muon for matrices inside the layers."""

from torch import nn
from torch.optim import AdamW, Optimizer

from workings.training.muon import Muon
from workings.training.settings import OptimizerSettings


def make_optimizers(module: nn.Module, s: OptimizerSettings, coarse: bool = False) -> list[Optimizer]:
    """The optimizers of one player. Every group carries its highest rate as "peak", which the schedule scales.

    Decay groups: matrices and convolutions are decayed, vectors (biases, norms, tau) and scalars are not. Under muon, embeddings and heads stay with AdamW.
    coarse: as `Muon` takes it.
    """
    outside = {id(parameter) for name, layer in module.named_modules() if isinstance(layer, nn.Embedding) or name == "head" for parameter in layer.parameters()}
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    matrices = [p for p in trained if s.name == "muon" and p.ndim == 2 and id(p) not in outside]
    rest = [p for p in trained if not any(p is m for m in matrices)]
    groups = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": s.weight_decay, "peak": s.rate},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0, "peak": s.rate},
    ]
    groups = [group for group in groups if group["params"]]
    optimizers: list[Optimizer] = [AdamW(groups, lr=s.rate, betas=(s.beta1, s.beta2), eps=s.epsilon, fused=True)] if groups else []
    if matrices:
        optimizers.append(Muon([{"params": matrices, "peak": s.muon_rate}], lr=s.muon_rate, momentum=s.momentum, weight_decay=s.weight_decay, coarse=coarse))
    return optimizers
