"""The slow half of a launch, done once for each kernel and combination of types: check, compile, remember."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from gpunn import backend
from gpunn.errors import GpunnError, UnsupportedError
from gpunn.kernels.source import C_TYPES, Kernel, KernelFile, Parameter, kernel_file, source

OPTIONS: Final = ("-std=c++17",)  # CuPy adds the architecture, -ftz=true and its own include folders
MAX_BLOCKS: Final = 1 << 20  # kernels stride over the grid, so more would only cost

_NUMBERS: Final[dict[str, type[np.generic]]] = {
    "bool": np.bool_,
    "int": np.int32,
    "unsigned int": np.uint32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
    "float": np.float32,
    "double": np.float64,
}


class KernelArgumentError(GpunnError, TypeError, ValueError):
    """A launch whose arguments do not fit the kernel's signature: a mistake in gpunn or in code that extends it."""


class Prepared:
    """A compiled kernel that is ready to run: its function, its block, and which arguments become which C numbers."""

    __slots__ = ("_allowed", "_block", "_function", "_numbers")

    def __init__(
        self,
        function: Any,
        allowed: dict[int, int],
        block: int,
        numbers: tuple[tuple[int, Callable[[Any], Any]], ...],
    ) -> None:
        self._function, self._block, self._numbers = function, (block,), numbers
        self._allowed = allowed

    def run(self, threads: int, args: Sequence[Any], shared: int) -> None:
        """Launch a grid of at least `threads` threads, but not more than `MAX_BLOCKS` blocks, on the current stream."""
        if shared:
            self._allow(shared)
        packed = list(args)
        for i, number in self._numbers:
            packed[i] = number(packed[i])
        blocks = -(-threads // self._block[0])
        self._function((blocks if blocks < MAX_BLOCKS else MAX_BLOCKS,), self._block, packed, shared_mem=shared)

    def _allow(self, shared: int) -> None:
        """Ask the current GPU for dynamic shared memory: unasked it gives 48 KB less what the kernel declares."""
        number = backend.cuda_module().cuda.runtime.getDevice()
        if shared > self._allowed.get(number, 0):
            self._function.max_dynamic_shared_size_bytes = self._allowed[number] = shared


def prepare(stem: str, name: str, args: Sequence[Any], constants: Mapping[str, int | str]) -> Prepared:
    """The kernel `name` of `kernels/<stem>.cu`, compiled for arguments like `args`, or KernelArgumentError."""
    file = kernel_file(stem)
    kernel = file.kernels.get(name)
    if kernel is None:
        raise KernelArgumentError(f"{stem}.cu has no kernel {name}, only {', '.join(file.kernels)}")
    if len(args) != len(kernel.parameters):
        raise _misfit(file, kernel, f"takes {len(kernel.parameters)} arguments, got {len(args)}")
    bound = {key: str(word) for key, word in constants.items()}
    for parameter, arg in zip(kernel.parameters, args, strict=True):
        _check(file, kernel, parameter, arg, bound)
    configuration = file.complete(bound)
    function, allowed = function_of(backend.cuda_module(), stem, tuple(configuration.items()), name)
    numbers = tuple((i, _NUMBERS[p.type]) for i, p in enumerate(kernel.parameters) if p.kind == "number")
    return Prepared(function, allowed, int(configuration["BLOCK"]), numbers)


@cache
def function_of(
    cupy: Any, stem: str, configuration: tuple[tuple[str, str], ...], name: str
) -> tuple[Any, dict[int, int]]:
    """A kernel of that module, and by the number of a GPU the dynamic shared memory that it was asked to allow.

    One for launches with all types of numbers: CUDA keeps one limit for a kernel, which a second object would lower.
    """
    return compiled(cupy, stem, configuration).get_function(name), {}


@cache
def compiled(cupy: Any, stem: str, configuration: tuple[tuple[str, str], ...]) -> Any:
    """The module of `kernels/<stem>.cu` in one configuration; UnsupportedError on a GPU that is too old for it."""
    file = kernel_file(stem)
    capability = int(cupy.cuda.Device().compute_capability)
    if capability < file.arch:
        raise UnsupportedError(f"{stem}.cu needs compute capability {file.arch} or more, this GPU has {capability}")
    return cupy.RawModule(
        code=source(file, dict(configuration)), options=OPTIONS, enable_cooperative_groups=file.is_cooperative
    )


def not_contiguous(stem: str, name: str, args: Sequence[Any]) -> KernelArgumentError:
    """The error for arrays that are not C-contiguous: kernels do not see strides."""
    kernel = kernel_file(stem).kernels[name]
    for parameter, arg in zip(kernel.parameters, args, strict=False):
        if backend.is_cuda(arg) and not arg.flags.c_contiguous:
            text = f"{parameter.name} must be C-contiguous, got shape {arg.shape} with strides {arg.strides}"
            return _misfit(kernel_file(stem), kernel, text)
    return _misfit(kernel_file(stem), kernel, "every array must be C-contiguous")


def different_devices(stem: str, name: str, devices: Iterable[int]) -> KernelArgumentError:
    """The error for arrays of several GPUs."""
    return _misfit(kernel_file(stem), kernel_file(stem).kernels[name], f"arrays are on GPUs {sorted(set(devices))}")


def _check(file: KernelFile, kernel: Kernel, parameter: Parameter, arg: Any, bound: dict[str, str]) -> None:
    """Raise unless `arg` fits `parameter`; a type of the header is bound by the first array, or compared with it."""
    if parameter.kind == "number":
        _check_number(file, kernel, parameter, arg)
        return
    if not backend.is_cuda(arg):
        raise _misfit(file, kernel, f"{parameter.name} is an array, got {type(arg).__name__}")
    given = C_TYPES.get(arg.dtype.name, arg.dtype.name)
    if parameter.kind == "table":
        if given not in ("long long", "unsigned long long"):
            raise _misfit(file, kernel, f"{parameter.name} holds addresses, int64 or uint64; got {arg.dtype.name}")
        return
    words = next((w for names, w in file.choices if parameter.type in names), None)
    wanted = parameter.type if words is None else bound.setdefault(parameter.type, given)
    if given != wanted:
        raise _misfit(file, kernel, f"{parameter.name} is an array of {wanted}, got {given}")


def _check_number(file: KernelFile, kernel: Kernel, parameter: Parameter, arg: Any) -> None:
    c_type = _NUMBERS.get(parameter.type)
    if c_type is None:
        raise _misfit(file, kernel, f"{parameter.name} has type {parameter.type}; numbers are {', '.join(_NUMBERS)}")
    is_whole = issubclass(c_type, np.integer | np.bool_)
    if not isinstance(arg, int | float | np.number | np.bool_) or (is_whole and isinstance(arg, float | np.floating)):
        raise _misfit(file, kernel, f"{parameter.name} is a number of type {parameter.type}, got {arg!r}")


def _misfit(file: KernelFile, kernel: Kernel, what: str) -> KernelArgumentError:
    signature = ", ".join(f"{p.type}{'*' * (p.kind != 'number')} {p.name}" for p in kernel.parameters)
    return KernelArgumentError(f"{file.stem}.cu, {kernel.name}({signature}): {what}")
