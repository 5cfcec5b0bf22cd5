"""Recurrent layers. The public faces are the modules of gpunn/nn/recurrent.py."""
