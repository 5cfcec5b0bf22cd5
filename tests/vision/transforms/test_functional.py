from gpunn.vision.transforms import functional

GEOMETRY = ("crop", "hflip", "vflip", "center_crop", "affine", "rotate", "erase", "resize")
COLOUR = ("adjust_brightness", "adjust_contrast", "adjust_saturation", "adjust_hue")


def test_torchvisions_names_are_there():
    names = (*GEOMETRY, *COLOUR, "normalize", "to_tensor", "gaussian_blur")
    assert all(callable(getattr(functional, name)) for name in names)
