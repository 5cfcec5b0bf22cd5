"""The Transformer: its layers, stacks of them, encoder and decoder. Public names are listed in gpunn/nn/__init__.py."""
