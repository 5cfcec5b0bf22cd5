"""Models for images."""

from gpunn.vision.models.lenet import LeNet5 as LeNet5
