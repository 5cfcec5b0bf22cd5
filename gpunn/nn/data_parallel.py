"""DataParallel on one device, for programs that wrap their model whether there are several GPUs or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpunn.backend import device
from gpunn.errors import UnsupportedError
from gpunn.nn.module import Module
from gpunn.tensor import Tensor


class DataParallel(Module):
    """`module`, whose inputs are moved to the device of its parameters; the state dict has "module." before each name.

    PyTorch's splits the batch among GPUs. gpunn's computes it on one, with the same numbers; more than one of
    `device_ids` raises UnsupportedError. `output_device` and `dim`, the dimension to split, count for nothing then.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[int | device] | None = None,
        output_device: int | device | None = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        if device_ids is not None and len(device_ids) > 1:
            raise UnsupportedError(
                f"DataParallel: gpunn computes a batch on one device, got device_ids={list(device_ids)}; name one"
            )
        self.module = module
        self.device_ids, self.output_device, self.dim = list(device_ids or ()), output_device, dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What `module` answers."""
        parameter = next(self.module.parameters(), None)
        if parameter is None:
            return self.module(*inputs, **kwargs)
        where = parameter.device
        return self.module(*(_moved(x, where) for x in inputs), **{k: _moved(x, where) for k, x in kwargs.items()})


def _moved(value: Any, where: device) -> Any:
    """`value` with the tensors in it on the device `where`."""
    if isinstance(value, Tensor):
        return value.to(where)
    if type(value) in (list, tuple):
        return type(value)(_moved(part, where) for part in value)
    if type(value) is dict:
        return {key: _moved(part, where) for key, part in value.items()}
    return value
