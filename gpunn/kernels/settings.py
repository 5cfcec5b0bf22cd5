"""What users decide about kernels. The public face is gpunn/backends.py."""

from __future__ import annotations

from dataclasses import dataclass

MODES = ("off", "read", "tune")


@dataclass
class Settings:
    """The switches, and their values at the start."""

    tf32_in_convolutions: bool = True  # float32 rounded to 10 digits for the tensor cores; as in PyTorch
    library_products: bool = False  # products of captured steps by cuBLASLt (gpunn/blas.py), which no GPU has run yet
    tuning: str = "off"  # of the tiles of convolutions: by a model, from the cache of measurements, or by measuring


settings = Settings()
