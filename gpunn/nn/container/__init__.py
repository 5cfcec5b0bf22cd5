"""Containers: modules and parameters in sequences and dictionaries. The public names are in gpunn/nn/__init__.py."""
