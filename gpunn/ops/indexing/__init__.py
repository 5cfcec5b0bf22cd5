"""Reading and writing by index. The public names are listed in gpunn/ops/__init__.py."""
