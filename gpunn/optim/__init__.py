"""Optimisers, under their PyTorch names."""

from gpunn.optim.adam import Adam as Adam
from gpunn.optim.adam import AdamW as AdamW
from gpunn.optim.optimizer import Optimizer as Optimizer
from gpunn.optim.sgd import SGD as SGD
