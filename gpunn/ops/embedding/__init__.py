"""Rows of a table looked up by number. The public names are listed in gpunn/nn/functional.py."""
