"""Normalisations. The public names are listed in gpunn/nn/functional.py."""
