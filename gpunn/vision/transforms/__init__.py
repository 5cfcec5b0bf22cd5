"""Image transforms under torchvision's names: for images of Pillow, tensors (C, H, W), and whole batches (N, C, H, W).

Batches may be on either device. Each image has random parameters of its own, from the default generator: the same on
both devices after the same `gpunn.manual_seed`, and in the worker processes of a DataLoader those of the worker's seed.
"""

from gpunn.vision.transforms import functional as functional
from gpunn.vision.transforms.appearance import ColorJitter as ColorJitter
from gpunn.vision.transforms.appearance import GaussianBlur as GaussianBlur
from gpunn.vision.transforms.appearance import Grayscale as Grayscale
from gpunn.vision.transforms.appearance import RandomErasing as RandomErasing
from gpunn.vision.transforms.appearance import RandomGrayscale as RandomGrayscale
from gpunn.vision.transforms.composition import Compose as Compose
from gpunn.vision.transforms.composition import Lambda as Lambda
from gpunn.vision.transforms.composition import RandomApply as RandomApply
from gpunn.vision.transforms.composition import RandomChoice as RandomChoice
from gpunn.vision.transforms.composition import RandomOrder as RandomOrder
from gpunn.vision.transforms.crops import CenterCrop as CenterCrop
from gpunn.vision.transforms.crops import FiveCrop as FiveCrop
from gpunn.vision.transforms.crops import Pad as Pad
from gpunn.vision.transforms.crops import RandomCrop as RandomCrop
from gpunn.vision.transforms.crops import RandomResizedCrop as RandomResizedCrop
from gpunn.vision.transforms.crops import Resize as Resize
from gpunn.vision.transforms.crops import TenCrop as TenCrop
from gpunn.vision.transforms.interpolation import InterpolationMode as InterpolationMode
from gpunn.vision.transforms.motions import RandomAffine as RandomAffine
from gpunn.vision.transforms.motions import RandomHorizontalFlip as RandomHorizontalFlip
from gpunn.vision.transforms.motions import RandomRotation as RandomRotation
from gpunn.vision.transforms.motions import RandomVerticalFlip as RandomVerticalFlip
from gpunn.vision.transforms.tensors import ConvertImageDtype as ConvertImageDtype
from gpunn.vision.transforms.tensors import Normalize as Normalize
from gpunn.vision.transforms.tensors import PILToTensor as PILToTensor
from gpunn.vision.transforms.tensors import ToPILImage as ToPILImage
from gpunn.vision.transforms.tensors import ToTensor as ToTensor
