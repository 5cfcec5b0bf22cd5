"""gpunn.cuda.amp: mixed precision on GPUs, under the names that PyTorch had before torch.amp."""

from __future__ import annotations

from typing import Any

from gpunn import amp, backend, dtypes
from gpunn.dtypes import dtype


class autocast(amp.autocast):  # noqa: N801 - PyTorch's name
    """gpunn.autocast("cuda", …)."""

    def __init__(self, enabled: bool = True, dtype: dtype = dtypes.float16, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """gpunn.amp.GradScaler("cuda", …)."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def custom_fwd(fwd: Any = None, *, cast_inputs: dtype | None = None) -> Any:
    """gpunn.amp.custom_fwd for "cuda"."""
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Any) -> Any:
    """gpunn.amp.custom_bwd for "cuda"."""
    return amp.custom_bwd(bwd, device_type="cuda")


def amp_definitely_not_available() -> bool:
    """Whether there is no GPU, so that autocast and GradScaler disable themselves."""
    return backend.cuda_problem() is not None
