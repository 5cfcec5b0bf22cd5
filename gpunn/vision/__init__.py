"""gpunn.vision: image datasets and models, under torchvision's names."""

from gpunn.vision import datasets as datasets
from gpunn.vision import models as models
from gpunn.vision import transforms as transforms
