"""gpunn.save and gpunn.load: tensors in nested structures, in safetensors files with checksums, never through pickle."""

from gpunn.io.files import load as load
from gpunn.io.files import save as save
