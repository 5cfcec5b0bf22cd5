"""Reductions, scans, sorting and searching. The public names are listed in gpunn/ops/__init__.py."""
