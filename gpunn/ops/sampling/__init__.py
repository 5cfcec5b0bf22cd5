"""Random tensors. The public names are listed in gpunn/ops/__init__.py."""
