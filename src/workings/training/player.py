"""A player in training: its network, its optimizers, its moving average, and its whole state as named tensors."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from workings.training.averaging import Average
from workings.training.distribution import Ranks, like, whole
from workings.training.optimizers import make_optimizers
from workings.training.schedules import rate_factor
from workings.training.settings import OptimizerSettings


class Player:
    """One network that learns."""

    def __init__(self, module: nn.Module, settings: OptimizerSettings, ranks: Ranks, coarse: bool = False):
        self.module, self.settings, self.ranks = ranks.place(module), settings, ranks
        self.parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.names = {id(parameter): name for name, parameter in module.named_parameters()}
        self.optimizers = make_optimizers(module, settings, coarse)
        self.average = Average(module, settings.average) if settings.average else None

    def learns(self, now: bool) -> None:
        """Whether gradients are wanted; those of players that only play along are not."""
        for parameter in self.parameters:
            parameter.requires_grad_(now)

    def gradient_norm(self, count: float) -> float:
        """Add up the gradients of all ranks; returns the norm of the mean over the `count` terms of the whole batch."""
        self.ranks.sum_gradients(self.parameters)
        return float(whole(torch.nn.utils.get_total_norm(self.gradients()))) / max(count, 1)

    def step(self, count: float, norm: float, progress: float) -> float:
        """Divide the summed gradient by the number of terms, clip it, and let the optimizers step; returns the learning rate."""
        limit = self.settings.clip
        torch._foreach_mul_(self.gradients(), (limit / norm if 0 < limit < norm else 1.0) / max(count, 1))
        factor = rate_factor(self.settings.schedule, progress, self.settings.warmup, self.settings.final)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            optimizer.step()
        self.clear()
        if self.average is not None:
            self.average.update()
        return self.optimizers[0].param_groups[0]["lr"]

    def gradients(self) -> list[Tensor]:
        """Those that there are."""
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def forget(self) -> None:
        """The optimizers begin anew, as if no gradient had been seen; weights and their average stay."""
        for optimizer in self.optimizers:
            optimizer.state.clear()

    def averaged(self) -> AbstractContextManager[None]:
        """A block in which the module has its averaged weights, where an average is kept."""
        return self.average.applied() if self.average is not None else nullcontext()

    def lent(self, weights: dict[str, Tensor]) -> AbstractContextManager[None]:
        """A block in which the module's parameters are these full tensors, by name; its buffers stay as they are."""
        other = Average(self.module, 0.0)
        for name, tensor in other.weights.items():
            tensor.copy_(like(weights[name].to(tensor.dtype), tensor))
        return other.applied()

    def weights(self) -> dict[str, Tensor]:
        """The full weights and buffers by name, tied ones under the first, as on no rank alone when sharded (every rank must ask)."""
        return {name: whole(tensor).detach() for name, tensor in tensors_of(self.module).items()}

    def state(self) -> dict[str, Tensor]:
        """Weights, optimizer state and average as named full tensors (every rank must ask)."""
        state = {f"weights/{name}": tensor for name, tensor in self.weights().items()}
        for optimizer in self.optimizers:
            for parameter, values in optimizer.state.items():
                state |= {f"optimizer/{self.names[id(parameter)]}/{key}": whole(value) for key, value in values.items()}
        if self.average is not None:
            state |= {f"average/{name}": whole(tensor) for name, tensor in self.average.weights.items()}
            state["updates"] = torch.tensor(self.average.updates)
        return state

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` gave, at this or another number of ranks."""
        for name, tensor in tensors_of(self.module).items():
            tensor.copy_(like(state[f"weights/{name}"], tensor))
        for optimizer in self.optimizers:
            for parameter in (p for group in optimizer.param_groups for p in group["params"]):
                place = f"optimizer/{self.names[id(parameter)]}/"
                optimizer.state[parameter] = {key.removeprefix(place): like(value, parameter) for key, value in state.items() if key.startswith(place)}
        if self.average is not None:
            self.average.updates = int(state["updates"])
            for name, tensor in self.average.weights.items():
                tensor.copy_(like(state[f"average/{name}"], tensor))


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers that a module saves, each once: a tensor with several names (tied weights) under its first."""
    first: dict[int, str] = {}
    named = module.state_dict(keep_vars=True)
    return {name: tensor for name, tensor in named.items() if first.setdefault(id(tensor), name) == name}
