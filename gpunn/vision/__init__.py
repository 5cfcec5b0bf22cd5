"""gpunn.vision: datasets, transforms, models and grids of images, under torchvision's names."""

from gpunn.vision import datasets as datasets
from gpunn.vision import models as models
from gpunn.vision import transforms as transforms
from gpunn.vision import utils as utils
