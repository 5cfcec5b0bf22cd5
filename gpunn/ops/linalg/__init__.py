"""Products of vectors, matrices and tensors. The public names are listed in gpunn/ops/__init__.py."""
