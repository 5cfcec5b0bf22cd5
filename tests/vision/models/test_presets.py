"""The names of trained weights, and what is done to images for them."""

import numpy as np
import pytest
from PIL import Image

import gpunn as gp
from gpunn.vision import models
from gpunn.vision.models.presets import ImageClassification
from gpunn.vision.transforms import functional as F

NAMES = [name for name in vars(models) if name.endswith("_Weights")]


def test_each_model_has_weights():
    wanted = {f"{name}_weights" for name in vars(models) if name.islower() and callable(getattr(models, name))}
    assert {name.lower() for name in NAMES} == wanted and len(NAMES) == 21


@pytest.mark.parametrize("name", NAMES)
def test_members(name):
    weights = getattr(models, name)
    assert weights.DEFAULT in weights and weights["IMAGENET1K_V1"].name == "IMAGENET1K_V1"
    is_new = name.startswith(("ResNet50", "ResNet101", "ResNet152", "ResNeXt50", "ResNeXt101_32", "Wide"))
    assert ("IMAGENET1K_V2" in weights.__members__) == is_new
    assert weights.DEFAULT.name == ("IMAGENET1K_V2" if is_new else "IMAGENET1K_V1")
    assert isinstance(weights.DEFAULT, models.WeightsEnum)
    assert repr(weights.DEFAULT) == str(weights.DEFAULT) == f"{name}.{weights.DEFAULT.name}"


def test_models_refuse_them():
    for ask in (
        lambda: models.resnet18(weights=models.ResNet18_Weights.DEFAULT),
        models.ResNet18_Weights.DEFAULT.get_state_dict,
    ):
        with pytest.raises(NotImplementedError, match=r"no trained weights come with gpunn.*gp\.load"):
            ask()


def test_what_is_done_to_images():
    image = np.random.default_rng(0).integers(0, 256, (3, 30, 40), np.uint8)
    preset = models.ResNet50_Weights.DEFAULT.transforms(crop_size=16, resize_size=20)
    given = gp.tensor(image)
    resized = F.center_crop(F.resize(given, [20], antialias=True), [16])
    wanted = (resized.numpy() / 255 - np.reshape(preset.mean, (3, 1, 1))) / np.reshape(preset.std, (3, 1, 1))
    found = preset(given)
    assert found.dtype is gp.float32 and found.shape == (3, 16, 16)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)
    from_pil = preset(Image.fromarray(image.transpose(1, 2, 0)))
    np.testing.assert_allclose(from_pil.numpy(), found.numpy(), atol=0.03)
    assert preset(given[None]).shape == (1, 3, 16, 16)


def test_options():
    assert repr(models.Inception_V3_Weights.DEFAULT.transforms()) == (
        "ImageClassification(\n    crop_size=[299]\n    resize_size=[342]\n    mean=[0.485, 0.456, 0.406]\n"
        "    std=[0.229, 0.224, 0.225]\n    interpolation=InterpolationMode.BILINEAR\n)"
    )
    assert models.VGG16_Weights.IMAGENET1K_FEATURES.transforms().std == [1 / 255] * 3
    assert isinstance(models.AlexNet_Weights.DEFAULT.transforms(), ImageClassification)
