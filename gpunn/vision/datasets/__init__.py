"""Datasets of images."""

from gpunn.vision.datasets.digits import Digits as Digits
from gpunn.vision.datasets.mnist import MNIST as MNIST
