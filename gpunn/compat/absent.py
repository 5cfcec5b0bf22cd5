"""Modules that programs import and go on without: there, and but for a few names empty."""

from __future__ import annotations

from typing import Any, Final

from gpunn.compat import scripts
from gpunn.errors import UnsupportedError
from gpunn.nn import DataParallel


def no() -> bool:
    """False."""
    return False


def init_process_group(*arguments: Any, **options: Any) -> None:
    """Raises UnsupportedError: there is only this process."""
    raise UnsupportedError("distributed.init_process_group: gpunn trains in one process; start the program as one")


class OneProcess:
    """Raises UnsupportedError: there is only this process."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise UnsupportedError(f"{type(self).__name__}: gpunn trains in one process; start the program as one")


class DistributedDataParallel(OneProcess):
    """A model of which each process has a copy."""


class DistributedSampler(OneProcess):
    """The share of a dataset that a process sees."""


def destroy_process_group() -> None:
    """Nothing: there is no group."""


def log_api_usage_once(event: str) -> None:
    """Nothing: no log is kept."""


EMPTY: Final[dict[str, dict[str, Any]]] = {
    "torch._C": {"_log_api_usage_once": log_api_usage_once},
    "torch.distributed": {
        "is_available": no,
        "is_initialized": no,
        "init_process_group": init_process_group,
        "destroy_process_group": destroy_process_group,
    },
    "torch.fx": {"wrap": scripts.unmarked},
    "torch.jit": scripts.JIT,
    "torch.nn.parallel": {"DataParallel": DataParallel, "DistributedDataParallel": DistributedDataParallel},
    "torch.onnx": {},
    "torch.profiler": {},
    "torch.utils.data.distributed": {"DistributedSampler": DistributedSampler},
}
