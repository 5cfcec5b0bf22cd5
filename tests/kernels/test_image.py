"""The kernels of image transforms in check mode, and in any order of threads. Images are ragged and tiny."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.vision.transforms import functional as T
from tests.kernels.orders import MANY, check_kernels


def of_images(op, dtype=gp.uint8):
    def run():
        values = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 5)).astype(np.float64)
        x = gp.tensor(values if dtype is gp.uint8 else values / 255, device="cuda").to(dtype)
        return op(x).array

    return run


RUNS = {
    "crop": of_images(lambda x: T.crop_and_flip(x, [-1, 1], 2, 3, 4, [0, 1], 1)),
    "nearest": of_images(lambda x: T.rotate(x, [20, 200]), gp.float16),
    "bilinear": of_images(lambda x: T.rotate(x, [20, 200], "bilinear", fill=(1, 2, 3))),
    "larger": of_images(lambda x: T.rotate(x, 30, "bilinear", expand=True)),
    "parts": of_images(lambda x: T.resized_crop(x, [0, 1], [1, 0], [3, 1], [2, 5], (2, 4))),
    "erase": of_images(lambda x: T.erase(x, 1, [0, 3], 2, 2, 5)),
    "contrast": of_images(lambda x: T.adjust_contrast(x, [0.5, 1.5])),
    "saturation": of_images(lambda x: T.adjust_saturation(x, 0.5), gp.float32),
    "hue": of_images(lambda x: T.adjust_hue(x, [0.2, -0.3])),
    "blur": of_images(lambda x: T.gaussian_blur(x, (5, 3), 1.0), gp.bfloat16),
    "normalize": of_images(lambda x: T.normalize(x, [0.5], [0.25])),
}


@pytest.mark.parametrize("name", RUNS)
def test_no_faults_and_no_order(name):
    check_kernels(RUNS[name])


@pytest.mark.sweep
@pytest.mark.parametrize("name", RUNS)
def test_a_thousand_orders(name):
    check_kernels(RUNS[name], MANY)
