"""Image transforms that work on whole batches, on either device, with parameters for each image."""

from gpunn.vision.transforms import functional as functional
