"""Names that PyTorch's programs use and gpunn does not promise: types of tensors, threads, random states."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from gpunn import dtypes
from gpunn.backend import set_default_device
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.ops import get_rng_state, set_rng_state
from gpunn.ops.creation import tensor
from gpunn.tensor import Size, Tensor

NAMES: Final = {
    "BoolTensor": dtypes.bool_,
    "ByteTensor": dtypes.uint8,
    "CharTensor": dtypes.int8,
    "ShortTensor": dtypes.int16,
    "IntTensor": dtypes.int32,
    "LongTensor": dtypes.int64,
    "HalfTensor": dtypes.float16,
    "BFloat16Tensor": dtypes.bfloat16,
    "FloatTensor": dtypes.float32,
    "DoubleTensor": dtypes.float64,
}


class TypeOfTensors(type):
    """A class such as LongTensor: calling it makes a tensor of its dtype, all such tensors are instances of it."""

    dtype: dtype
    device: str

    def __call__(cls, *data: Any) -> Tensor:
        """Of a shape, `LongTensor(2, 3)`, with any numbers in it; or of values, `LongTensor([1, 2])`."""
        if len(data) == 1 and isinstance(data[0], Sequence) and not isinstance(data[0], (str, Size)):
            return tensor(data[0], dtype=cls.dtype, device=cls.device)  # not by way of float32, which rounds
        return Tensor(*data).to(device=cls.device, dtype=cls.dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype and instance.device.type == cls.device


def types_on(device: str) -> dict[str, TypeOfTensors]:
    """LongTensor and its like, on `device`."""
    return {name: TypeOfTensors(name, (), {"dtype": of, "device": device}) for name, of in NAMES.items()}


def set_default_tensor_type(t: TypeOfTensors | str) -> None:
    """Set the default dtype, and the default device, to those of a type such as torch.FloatTensor or its name."""
    if isinstance(t, str):
        name = t.rpartition(".")[2]
        if name not in NAMES:
            raise ArgumentError(f"set_default_tensor_type: invalid type {t!r}; use one of {', '.join(NAMES)}")
        t = (ON_GPU if ".cuda." in t else ON_CPU)[name]
    if not isinstance(t, TypeOfTensors):
        raise ArgumentTypeError(f"set_default_tensor_type: expected a type of tensors, got {t!r}")
    dtypes.set_default_dtype(t.dtype)
    set_default_device(t.device)


def new(self: Tensor, *data: Any) -> Tensor:
    """x.new(2, 3), x.new([1, 2]): as x.new_empty and x.new_tensor have it now."""
    kind = (ON_GPU if self.is_cuda else ON_CPU)[next(name for name, of in NAMES.items() if of is self.dtype)]
    made: Tensor = kind(*data)
    return made.to(self.device)


def get_num_threads() -> int:
    """The number of CPUs: NumPy's BLAS starts as many threads, unless its environment variables say otherwise."""
    return os.cpu_count() or 1


def set_num_threads(threads: int) -> None:
    """Accepted, without effect: the threads of NumPy's BLAS are set before it is loaded (OMP_NUM_THREADS)."""
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise ArgumentError(f"set_num_threads: expected a positive number of threads, got {threads!r}")


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, device_type: str = "cuda") -> Iterator[None]:
    """What is drawn inside does not count afterwards; all devices share one generator, so none needs to be named."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)


ON_CPU: Final = types_on("cpu")
ON_GPU: Final = types_on("cuda")
_FUNCTIONS: Final[tuple[Callable[..., Any], ...]] = (
    get_num_threads,
    set_num_threads,
    set_default_tensor_type,
)
TOP: Final[dict[str, Any]] = {**ON_CPU, **{function.__name__: function for function in _FUNCTIONS}}
IN_RANDOM: Final = {function.__name__: function for function in (fork_rng, get_rng_state, set_rng_state)}
