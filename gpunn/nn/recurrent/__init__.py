"""Recurrent layers and cells. The public names are listed in gpunn/nn/__init__.py."""
