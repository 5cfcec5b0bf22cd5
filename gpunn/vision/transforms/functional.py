"""The transforms as functions, under torchvision's names. Parameters may be given for each image of a batch."""

from gpunn.vision.transforms.colour import adjust_brightness as adjust_brightness
from gpunn.vision.transforms.colour import adjust_contrast as adjust_contrast
from gpunn.vision.transforms.colour import adjust_hue as adjust_hue
from gpunn.vision.transforms.colour import adjust_saturation as adjust_saturation
from gpunn.vision.transforms.filters import gaussian_blur as gaussian_blur
from gpunn.vision.transforms.filters import normalize as normalize
from gpunn.vision.transforms.filters import to_tensor as to_tensor
from gpunn.vision.transforms.geometry import affine as affine
from gpunn.vision.transforms.geometry import center_crop as center_crop
from gpunn.vision.transforms.geometry import crop as crop
from gpunn.vision.transforms.geometry import crop_and_flip as crop_and_flip
from gpunn.vision.transforms.geometry import erase as erase
from gpunn.vision.transforms.geometry import hflip as hflip
from gpunn.vision.transforms.geometry import resize as resize
from gpunn.vision.transforms.geometry import rotate as rotate
from gpunn.vision.transforms.geometry import vflip as vflip
