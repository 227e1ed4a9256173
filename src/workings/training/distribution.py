"""One process or many: who takes which rows, and how gradients, weights and decisions come together."""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from workings.errors import BadInput, counted


class Ranks:
    """The processes that train together. Started by torchrun there are WORLD_SIZE of them, else one."""

    def __init__(self, device: torch.device, how: str):
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.device, self.sharded = device, self.world > 1 and how == "sharded"
        if self.world > 1 and device == torch.device("cuda"):
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
            torch.cuda.set_device(self.device)
        if self.world > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            atexit.register(dist.destroy_process_group)  # not at the end of a training: another may follow, and a group cannot be made twice by the same names

    @property
    def first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def check(self, batch: int, pieces: int) -> None:
        """Refuse batches that are smaller than the parts they are cut into."""
        parts = self.world * pieces
        if batch < parts:
            raise BadInput(f"training.batch {batch} cannot be cut into {parts} parts ({self.world} processes, {counted(pieces, 'piece')}); make it larger.")

    def rows(self, batch: int, pieces: int) -> Iterator[tuple[int, int]]:
        """(first, count) of each piece of this rank's share of a batch; all shares together are rows 0 .. batch. Of a few rows, a piece may have none."""
        parts = self.world * pieces
        edges = [batch * part // parts for part in range(self.rank * pieces, (self.rank + 1) * pieces + 1)]
        return ((start, end - start) for start, end in zip(edges, edges[1:], strict=False))

    def place(self, module: nn.Module) -> nn.Module:
        """The module on this rank's device; sharded, every rank keeps a part of each parameter, and gradients are summed, not averaged."""
        module.to(self.device)
        if self.sharded:
            from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

            for part in [*(block for blocks in module.children() if isinstance(blocks, nn.ModuleList) for block in members(blocks)), module]:
                if any(True for _ in part.parameters()):
                    fully_shard(part)
                    part.set_gradient_divide_factor(1.0)
                    part.set_force_sum_reduction_for_comms(True)  # gloo can do no other
            if callable(getattr(module, "heads", None)):  # a model that is asked for both its classifiers
                register_fsdp_forward_method(module, "heads")
        return module

    @contextmanager
    def gathered(self, module: nn.Module) -> Iterator[None]:
        """A block in which every rank has the whole of a sharded module, so that any of its methods can be called."""
        parts = [part for part in module.modules() if hasattr(part, "unshard")]
        for part in parts:
            part.unshard()
        yield
        for part in parts:
            part.reshard()

    def sum_gradients(self, parameters: list[nn.Parameter]) -> None:
        """Add up the gradients of all ranks, in one message (sharded modules have done so themselves)."""
        if self.world == 1 or self.sharded:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def sum(self, *values: float) -> list[float]:
        """The sums of numbers over all ranks."""
        if self.world == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.tolist()

    def agree(self, value: Any) -> Any:
        """What the first rank says."""
        if self.world == 1:
            return value
        said = [value]
        dist.broadcast_object_list(said, src=0)
        return said[0]


def members(blocks: nn.ModuleList) -> Iterator[nn.Module]:
    """What a list holds, and what the lists in it hold: a list has no forward pass, before which it could be gathered."""
    for block in blocks:
        yield from members(block) if type(block) is nn.ModuleList else [block]


def whole(tensor: Tensor) -> Tensor:
    """The full tensor of a sharded one, on every rank; others as they are."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(value: Tensor, parameter: Tensor) -> Tensor:
    """A full tensor, placed as the parameter that it belongs to."""
    value = value.to(parameter.device)
    if isinstance(parameter, DTensor) and value.shape == parameter.shape:
        return distribute_tensor(value, parameter.device_mesh, parameter.placements, src_data_rank=None)
    return value
