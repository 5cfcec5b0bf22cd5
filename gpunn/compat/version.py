"""torch.version: which PyTorch gpunn looks like."""

from typing import Final

TORCHVISION: Final = "0.28.0"
__version__ = "2.13.0"
cuda: Final = None  # the release that PyTorch was built for; gpunn is not built
hip: Final = None
git_version: Final = "gpunn"
debug: Final = False
