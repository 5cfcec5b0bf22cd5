"""Which kernels a case launches on the GPU, and in which configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gpunn import backend, kernels
from gpunn.kernels.prepared import MAX_BLOCKS
from gpunn.kernels.source import kernel_file


@contextmanager
def recorded_launches(found: dict[str, int]) -> Iterator[None]:
    """Count the launches of gpunn's own kernels in `found`, by name, types, constants, blocks and threads."""
    launch = kernels.launch

    def recorded(file: str, kernel: str, threads: int, args: Any, *rest: Any, **named: Any) -> None:
        given = dict(zip(("constants", "shared"), rest, strict=False)) | named
        if threads > 0:
            label = _label(file, kernel, threads, args, given.get("constants", {}), given.get("shared", 0))
            found[label] = found.get(label, 0) + 1
        launch(file, kernel, threads, args, *rest, **named)

    kernels.launch = recorded
    try:
        yield
    finally:
        kernels.launch = launch


def _label(file: str, kernel: str, threads: int, args: Any, constants: Mapping[str, int | str], shared: int) -> str:
    """ "pool/max.forward <float32, KERNEL=2> 294 x 256", then the dynamic shared memory if there is any."""
    words = dict.fromkeys(str(a.dtype) for a in args if backend.is_cuda(a))
    words |= dict.fromkeys(f"{key}={value}" for key, value in constants.items() if key != "BLOCK")
    block = int(kernel_file(file).complete({key: str(value) for key, value in constants.items()})["BLOCK"])
    memory = f" + {shared / 1024:g} KB shared" if shared else ""
    return f"{file}.{kernel} <{', '.join(words)}> {min(-(-threads // block), MAX_BLOCKS)} x {block}{memory}"
