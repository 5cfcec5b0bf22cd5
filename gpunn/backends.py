"""gpunn.backends: switches of precision and tuning on the GPU, under PyTorch's names.

```
gp.backends.cudnn.allow_tf32 = False        # convolutions of float32 in full precision
gp.backends.cudnn.benchmark = True          # measure which tiles are the fastest for each shape
gp.backends.cuda.matmul.allow_tf32 = True   # products of float32 matrices in TF32
```
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gpunn import backend
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.kernels.settings import MODES, settings

DEBUG_MODES: Final = ("default", "warn", "error")


class Determinism:
    """What was asked for about repeatable results. gpunn gives them in any case, so that nothing depends on it."""

    def __init__(self) -> None:
        self.mode, self.warn_only = False, False


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same bits in each run. Accepted and remembered; it changes nothing, as this always holds in gpunn:

    no sum depends on the order in which threads come. Only with `backends.cudnn.benchmark` on, convolutions take the
    tile that was the fastest when it was measured, and two tiles may differ in the last digit.
    """
    determinism.mode, determinism.warn_only = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was last told; False at the start, as in PyTorch."""
    return determinism.mode


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What `use_deterministic_algorithms` was last told for `warn_only`."""
    return determinism.warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms` by a word or its number: 0 "default", 1 "warn", 2 "error"."""
    known: dict[int | str, int] = {name: i for i, name in enumerate(DEBUG_MODES)} | {i: i for i in range(3)}
    if not isinstance(debug_mode, (int, str)):
        raise ArgumentTypeError(f"debug_mode must be str or int, but got {type(debug_mode).__name__}")
    if debug_mode not in known:
        raise ArgumentError(f"invalid value of debug_mode, expected one of {DEBUG_MODES} or 0, 1, 2, got {debug_mode}")
    use_deterministic_algorithms(known[debug_mode] > 0, warn_only=known[debug_mode] == 1)


def get_deterministic_debug_mode() -> int:
    """0 "default", 1 "warn", 2 "error": see `set_deterministic_debug_mode`."""
    return 0 if not determinism.mode else 1 if determinism.warn_only else 2


PRECISIONS: Final = ("highest", "high", "medium")
ATTENTIONS: Final = ("flash", "mem_efficient", "math", "cudnn")


class Convolutions:
    """What holds for convolutions. (The kernels are gpunn's own; PyTorch's are those of cuDNN.)"""

    def __init__(self) -> None:
        self._enabled, self._deterministic = True, False

    def is_available(self) -> bool:
        """Whether there is a GPU for gpunn's kernels."""
        return backend.cuda_problem() is None

    def version(self) -> int | None:
        """None: cuDNN is not used."""
        return None

    @property
    def enabled(self) -> bool:
        """Accepted and remembered; gpunn's kernels are always used."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._enabled = _checked("cudnn.enabled", value)

    @property
    def deterministic(self) -> bool:
        """Accepted and remembered; it changes nothing, as in `use_deterministic_algorithms`."""
        return self._deterministic

    @deterministic.setter
    def deterministic(self, value: bool) -> None:
        self._deterministic = _checked("cudnn.deterministic", value)

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
    """What holds for products of matrices. `precision` is the name that PyTorch has for it."""

    precision = "highest"

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
        self.precision = "high" if value else "highest"


class Cuda:
    """What holds for all operations on a GPU."""

    matmul: Final = Products()

    def __init__(self) -> None:
        self._wanted = dict.fromkeys(ATTENTIONS, True)

    def enable_flash_sdp(self, enabled: bool) -> None:
        """A wish about the algorithm of attention, as the three after it. Remembered, without effect: there is one."""
        self._wanted["flash"] = bool(enabled)

    def enable_mem_efficient_sdp(self, enabled: bool) -> None:
        """See `enable_flash_sdp`."""
        self._wanted["mem_efficient"] = bool(enabled)

    def enable_math_sdp(self, enabled: bool) -> None:
        """See `enable_flash_sdp`."""
        self._wanted["math"] = bool(enabled)

    def enable_cudnn_sdp(self, enabled: bool) -> None:
        """See `enable_flash_sdp`."""
        self._wanted["cudnn"] = bool(enabled)

    def flash_sdp_enabled(self) -> bool:
        """What `enable_flash_sdp` was last told; True at the start."""
        return self._wanted["flash"]

    def mem_efficient_sdp_enabled(self) -> bool:
        """What `enable_mem_efficient_sdp` was last told; True at the start."""
        return self._wanted["mem_efficient"]

    def math_sdp_enabled(self) -> bool:
        """What `enable_math_sdp` was last told; True at the start."""
        return self._wanted["math"]

    def cudnn_sdp_enabled(self) -> bool:
        """What `enable_cudnn_sdp` was last told; True at the start."""
        return self._wanted["cudnn"]

    @contextmanager
    def sdp_kernel(
        self,
        enable_flash: bool = True,
        enable_math: bool = True,
        enable_mem_efficient: bool = True,
        enable_cudnn: bool = True,
    ) -> Iterator[None]:
        """A region in which the four wishes are these. Newer programs use `nn.attention.sdpa_kernel`."""
        before = self._wanted
        given = (enable_flash, enable_mem_efficient, enable_math, enable_cudnn)
        self._wanted = {name: bool(flag) for name, flag in zip(ATTENTIONS, given, strict=True)}
        try:
            yield
        finally:
            self._wanted = before


class Absent:
    """A kind of device that gpunn does not have, for programs that ask."""

    def is_available(self) -> bool:
        """False."""
        return False

    def is_built(self) -> bool:
        """False."""
        return False


def set_float32_matmul_precision(precision: str) -> None:
    """Let products of float32 on a GPU be rounded: "highest" is float32, "high" and "medium" are TF32.

    The same switch as `backends.cuda.matmul.allow_tf32`. Another word has no effect and warns, as in PyTorch.
    """
    if not isinstance(precision, str):
        raise ArgumentError(f"set_float32_matmul_precision expects a str, but got {type(precision).__name__}")
    if precision not in PRECISIONS:
        text = f"set_float32_matmul_precision: {precision!r} is not one of {PRECISIONS}; it has no effect"
        warnings.warn(text, stacklevel=2)
        return
    cuda.matmul.allow_tf32 = precision != "highest"
    cuda.matmul.precision = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was given; "highest" or "high" where `allow_tf32` was set."""
    return cuda.matmul.precision


def _checked(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ArgumentTypeError(f"backends.{name}: expected a bool, got {type(value).__name__}")
    return value


determinism: Final = Determinism()
cudnn: Final = Convolutions()
cuda: Final = Cuda()
mps: Final = Absent()  # Apple's GPUs
