"""gpunn.backends: switches of precision and tuning on the GPU, under PyTorch's names.

```
gp.backends.cudnn.allow_tf32 = False        # convolutions of float32 in full precision
gp.backends.cudnn.benchmark = True          # measure which tiles are the fastest for each shape
gp.backends.cuda.matmul.allow_tf32 = True   # products of float32 matrices in TF32
```
"""

from __future__ import annotations

from typing import Final

from gpunn import backend
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.kernels.settings import MODES, settings


class Convolutions:
    """What holds for convolutions. (The kernels are gpunn's own; PyTorch's are those of cuDNN.)"""

    @property
    def allow_tf32(self) -> bool:
        """Whether operands of float32 may be rounded to TF32, 10 digits after the point; True at the start."""
        return settings.tf32_in_convolutions

    @allow_tf32.setter
    def allow_tf32(self, value: bool) -> None:
        settings.tf32_in_convolutions = _checked("cudnn.allow_tf32", value)

    @property
    def benchmark(self) -> bool:
        """Whether the first convolution of each shape measures several tiles, and later ones take the fastest."""
        return settings.tuning == "tune"

    @benchmark.setter
    def benchmark(self, value: bool) -> None:
        settings.tuning = "tune" if _checked("cudnn.benchmark", value) else "off"

    @property
    def tuning(self) -> str:
        """Where tiles come from: "off" (a model), "read" (earlier measurements), "tune" (measuring); gpunn's own."""
        return settings.tuning

    @tuning.setter
    def tuning(self, value: str) -> None:
        if value not in MODES:
            raise ArgumentError(f"backends.cudnn.tuning: expected one of {MODES}, got {value!r}")
        settings.tuning = value


class Products:
    """What holds for products of matrices."""

    @property
    def allow_tf32(self) -> bool:
        """Whether operands of float32 may be rounded to TF32, 10 digits after the point; False at the start.

        Holds for matmul, mm, bmm, addmm, linear, einsum and the like, for attention, and for products that other code
        of this process computes with CuPy.
        """
        return backend.is_tf32_in_products()

    @allow_tf32.setter
    def allow_tf32(self, value: bool) -> None:
        backend.allow_tf32_in_products(_checked("cuda.matmul.allow_tf32", value))


class Cuda:
    """What holds for all operations on a GPU."""

    matmul: Final = Products()


def _checked(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ArgumentTypeError(f"backends.{name}: expected a bool, got {type(value).__name__}")
    return value


cudnn: Final = Convolutions()
cuda: Final = Cuda()
