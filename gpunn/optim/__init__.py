"""Optimisers, under their PyTorch names."""

from gpunn.optim import lr_scheduler as lr_scheduler
from gpunn.optim import swa_utils as swa_utils
from gpunn.optim.adafactor import Adafactor as Adafactor
from gpunn.optim.adam import Adam as Adam
from gpunn.optim.adam import AdamW as AdamW
from gpunn.optim.adam_variants import Adamax as Adamax
from gpunn.optim.adam_variants import NAdam as NAdam
from gpunn.optim.adam_variants import RAdam as RAdam
from gpunn.optim.adaptive import Adadelta as Adadelta
from gpunn.optim.adaptive import Adagrad as Adagrad
from gpunn.optim.adaptive import RMSprop as RMSprop
from gpunn.optim.asgd import ASGD as ASGD
from gpunn.optim.lbfgs import LBFGS as LBFGS
from gpunn.optim.muon import Muon as Muon
from gpunn.optim.optimizer import Optimizer as Optimizer
from gpunn.optim.optimizer import required as required
from gpunn.optim.rprop import Rprop as Rprop
from gpunn.optim.sgd import SGD as SGD
