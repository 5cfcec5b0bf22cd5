"""gpunn.save and gpunn.load: nested structures of tensors in safetensors files with checksums, never pickle."""

from gpunn.io.files import load as load
from gpunn.io.files import save as save
