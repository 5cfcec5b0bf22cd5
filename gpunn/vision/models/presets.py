"""torchvision's names for trained weights, with what is done to images for them. The weights are not here."""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Any, Final, NamedTuple

from gpunn.errors import UnsupportedError
from gpunn.nn import Module
from gpunn.tensor import Tensor
from gpunn.vision.transforms import functional as F
from gpunn.vision.transforms.interpolation import InterpolationMode

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the colours of ImageNet


class ImageClassification(Module):
    """What is done to an image before a model sees it: resize, cut out the middle, floats in [0, 1], normalise."""

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: tuple[float, ...] = MEAN,
        std: tuple[float, ...] = DEVIATION,
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.crop_size, self.resize_size = [crop_size], [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation, self.antialias = interpolation, antialias

    def forward(self, img: Any) -> Tensor:
        """A PIL image, or uint8 or floats (…, 3, H, W), → (…, 3, crop_size, crop_size), float32."""
        img = F.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        image = img if isinstance(img, Tensor) else F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(image), self.mean, self.std)

    def __repr__(self) -> str:
        names = ("crop_size", "resize_size", "mean", "std", "interpolation")
        options = "".join(f"    {name}={getattr(self, name)}\n" for name in names)
        return f"{type(self).__name__}(\n{options})"


class Preset(NamedTuple):
    """The arguments of ImageClassification."""

    crop_size: int = 224
    resize_size: int = 256
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = DEVIATION


class WeightsEnum(Enum):
    """The trained weights that torchvision has for a model. A model that is asked for them raises UnsupportedError."""

    value: Preset

    @property
    def transforms(self) -> partial[ImageClassification]:
        """`weights.transforms()` is what is done to images for these weights; it takes other options, too."""
        return partial(ImageClassification, **self.value._asdict())

    def get_state_dict(self, progress: bool = True, check_hash: bool = False) -> dict[str, Tensor]:
        """Raises UnsupportedError: files of weights can be read, with `gp.load`, but are not fetched."""
        raise UnsupportedError(f"{self}: no trained weights come with gpunn; load a file of them: gp.load(path)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


OLD, NEW = Preset(), Preset(resize_size=232)
OF_VGG16: Final = Preset(mean=(0.48235, 0.45882, 0.40784), std=(1 / 255,) * 3)  # of the authors, before the classifier


def _of(model: str, first: Preset = OLD, more: dict[str, Preset] | None = None, default: Preset | None = None) -> Any:
    """The weights of a `model`: the first by the name IMAGENET1K_V1, and by DEFAULT, unless others are that."""
    presets = {"IMAGENET1K_V1": first, **(more or {}), "DEFAULT": default or first}
    make: Any = WeightsEnum
    return make(f"{model}_Weights", presets, module=__name__)


def _twice(model: str) -> Any:
    """The weights of a `model` that was trained anew, and better."""
    return _of(model, OLD, {"IMAGENET1K_V2": NEW}, NEW)


AlexNet_Weights: Final = _of("AlexNet")
GoogLeNet_Weights: Final = _of("GoogLeNet")
Inception_V3_Weights: Final = _of("Inception_V3", Preset(299, 342))
ResNet18_Weights: Final = _of("ResNet18")
ResNet34_Weights: Final = _of("ResNet34")
ResNet50_Weights: Final = _twice("ResNet50")
ResNet101_Weights: Final = _twice("ResNet101")
ResNet152_Weights: Final = _twice("ResNet152")
ResNeXt50_32X4D_Weights: Final = _twice("ResNeXt50_32X4D")
ResNeXt101_32X8D_Weights: Final = _twice("ResNeXt101_32X8D")
ResNeXt101_64X4D_Weights: Final = _of("ResNeXt101_64X4D", NEW)
Wide_ResNet50_2_Weights: Final = _twice("Wide_ResNet50_2")
Wide_ResNet101_2_Weights: Final = _twice("Wide_ResNet101_2")
VGG11_Weights: Final = _of("VGG11")
VGG11_BN_Weights: Final = _of("VGG11_BN")
VGG13_Weights: Final = _of("VGG13")
VGG13_BN_Weights: Final = _of("VGG13_BN")
VGG16_Weights: Final = _of("VGG16", OLD, {"IMAGENET1K_FEATURES": OF_VGG16})
VGG16_BN_Weights: Final = _of("VGG16_BN")
VGG19_Weights: Final = _of("VGG19")
VGG19_BN_Weights: Final = _of("VGG19_BN")
