"""Schedulers of learning rates, under their PyTorch names."""

from gpunn.optim.lr_scheduler.combined import ChainedScheduler as ChainedScheduler
from gpunn.optim.lr_scheduler.combined import SequentialLR as SequentialLR
from gpunn.optim.lr_scheduler.cosine import CosineAnnealingLR as CosineAnnealingLR
from gpunn.optim.lr_scheduler.cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from gpunn.optim.lr_scheduler.cycles import CyclicLR as CyclicLR
from gpunn.optim.lr_scheduler.cycles import OneCycleLR as OneCycleLR
from gpunn.optim.lr_scheduler.functions import LambdaLR as LambdaLR
from gpunn.optim.lr_scheduler.functions import MultiplicativeLR as MultiplicativeLR
from gpunn.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
from gpunn.optim.lr_scheduler.ramps import LinearLR as LinearLR
from gpunn.optim.lr_scheduler.ramps import PolynomialLR as PolynomialLR
from gpunn.optim.lr_scheduler.scheduler import LRScheduler as LRScheduler
from gpunn.optim.lr_scheduler.scheduler import _LRScheduler as _LRScheduler
from gpunn.optim.lr_scheduler.steps import ConstantLR as ConstantLR
from gpunn.optim.lr_scheduler.steps import ExponentialLR as ExponentialLR
from gpunn.optim.lr_scheduler.steps import MultiStepLR as MultiStepLR
from gpunn.optim.lr_scheduler.steps import StepLR as StepLR
