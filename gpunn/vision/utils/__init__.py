"""What torchvision.utils has for showing images."""

from gpunn.vision.utils.grid import make_grid as make_grid
from gpunn.vision.utils.grid import save_image as save_image
