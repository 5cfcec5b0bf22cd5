"""Shape operations and conversions. The public names are listed in gpunn/ops/__init__.py."""
