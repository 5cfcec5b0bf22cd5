import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError
from gpunn.vision.transforms import functional

GEOMETRY = ("crop", "hflip", "vflip", "center_crop", "affine", "rotate", "erase", "resize", "resized_crop", "pad")
COLOUR = ("adjust_brightness", "adjust_contrast", "adjust_saturation", "adjust_hue", "rgb_to_grayscale")
OTHERS = ("normalize", "to_tensor", "pil_to_tensor", "to_pil_image", "convert_image_dtype", "gaussian_blur")
PARTS = ("five_crop", "ten_crop", "to_grayscale", "get_dimensions", "get_image_size", "get_image_num_channels")


@pytest.mark.parametrize("name", (*GEOMETRY, *COLOUR, *OTHERS, *PARTS))
def test_torchvisions_names_are_there(name):
    function = getattr(functional, name)
    assert function.__name__ == name and function.__doc__


def test_arguments_by_name():
    t = gp.arange(16.0).reshape(1, 4, 4)
    assert functional.crop(img=t, top=1, left=1, height=2, width=2).tolist() == [[[5, 6], [9, 10]]]


def test_five_and_ten_parts(device):
    t = gp.arange(20.0, device=device).reshape(1, 4, 5)
    five = functional.five_crop(t, (2, 3))
    assert [part[0, 0, 0].item() for part in five] == [0, 2, 10, 12, 6]
    ten = functional.ten_crop(t, (2, 3), vertical_flip=True)
    assert [part[0, 0, 0].item() for part in ten] == [0, 2, 10, 12, 6, 15, 17, 5, 7, 11]
    assert functional.ten_crop(t, 2)[5][0, 0].tolist() == [4, 3]


def test_dimensions():
    assert functional.get_dimensions(gp.zeros(2, 3, 4, 5)) == [3, 4, 5]
    assert functional.get_image_size(gp.zeros(4, 5)) == [5, 4]
    assert functional.get_image_num_channels(gp.zeros(4, 5)) == 1
    with pytest.raises(ArgumentTypeError, match=r"a Tensor .* or an image"):
        functional.get_dimensions([1])
