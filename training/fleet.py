"""The processes that share a run: one on the CPU, or several that `accelerate launch` started, such as one for each GPU."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, slots=True)
class Fleet:
    """This process among those that share the run; gradients are averaged over all of them.

    Attributes:
        device: that it computes on.
        index, count: its number, and how many there are.
        accelerator: what connects them; None for a single process on the CPU.
    """

    device: torch.device
    index: int = 0
    count: int = 1
    accelerator: Accelerator | None = None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.index == 0

    def wrapped(self, model: nn.Module) -> nn.Module:
        """The model with gradients averaged over the processes."""
        if self.accelerator is None:
            return model
        prepared: nn.Module = self.accelerator.prepare_model(model)
        return prepared

    def agreed(self, value: float) -> float:
        """The first process's value: clocks differ."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        torch.distributed.broadcast(shared, 0)
        return float(shared)

    def any(self, flag: bool) -> bool:
        """Whether it is so in any of the processes: a signal may reach only some."""
        if self.count == 1:
            return flag
        shared = torch.tensor([int(flag)], device=self.device)
        torch.distributed.all_reduce(shared)
        return bool(shared)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the processes."""
        if self.count > 1:
            torch.distributed.all_reduce(values)
            values = values / self.count
        return values

    def gathered(self, values: Tensor) -> list[Tensor]:
        """Every process's tensor, in order; they may differ in length."""
        if self.count == 1:
            return [values]
        found: list[Tensor | None] = [None] * self.count
        torch.distributed.all_gather_object(found, values.cpu())
        return [one for one in found if one is not None]

    def wait(self) -> None:
        """Until all processes are here."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()

    def close(self) -> None:
        """Leaves the group of processes."""
        if self.accelerator is not None:
            self.accelerator.end_training()


def join_fleet() -> Fleet:
    """The processes that `accelerate launch` (or torchrun) started; alone, the GPU where there is one, else the CPU."""
    alone = int(os.environ.get("WORLD_SIZE", "1")) == 1
    if alone and not torch.cuda.is_available():
        return Fleet(torch.device("cpu"))
    from accelerate import Accelerator  # noqa: PLC0415  (a single process on the CPU needs none of it)

    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    return Fleet(accelerator.device, accelerator.process_index, accelerator.num_processes, accelerator)
