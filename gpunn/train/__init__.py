"""Aids for training loops."""

from gpunn.train.early_stopping import EarlyStopping as EarlyStopping
from gpunn.train.lr_finder import LearningRates as LearningRates
from gpunn.train.lr_finder import lr_find as lr_find
