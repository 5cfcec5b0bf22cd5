"""Activations as layers. The public names are listed in gpunn/nn/__init__.py."""
