"""Datasets of images, under torchvision's names."""

from gpunn.vision.datasets.cifar import CIFAR10 as CIFAR10
from gpunn.vision.datasets.digits import Digits as Digits
from gpunn.vision.datasets.folder import DatasetFolder as DatasetFolder
from gpunn.vision.datasets.folder import ImageFolder as ImageFolder
from gpunn.vision.datasets.mnist import MNIST as MNIST
from gpunn.vision.datasets.mnist import FashionMNIST as FashionMNIST
from gpunn.vision.datasets.vision import VisionDataset as VisionDataset
