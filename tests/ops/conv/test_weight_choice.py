"""Which kernels compute the gradient of a weight."""

from types import SimpleNamespace

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator
from gpunn.ops.conv import small_weight, weight_choice
from gpunn.ops.conv.geometry import convolution
from gpunn.ops.conv.tiles import Machine
from tests.kernels.test_conv import on_device


class Shape:
    """An array of which the model asks the shape and dtype, and whether channels are last."""

    def __init__(self, like, shape):
        self.shape, self.dtype, self.device = shape, like.dtype, like.device
        self.nbytes, self.ndim = int(np.prod(shape)) * like.dtype.itemsize, len(shape)
        self.strides = tuple(np.cumprod((like.dtype.itemsize, *shape[:0:-1]))[::-1].tolist())
        self.size, self.flags = int(np.prod(shape)), SimpleNamespace(c_contiguous=True)


def plan(x, w, settings, dtype="float32", on_tensor_cores=False):
    """The plan for images of this shape and a weight of that; None if others are faster."""
    rank = len(x) - 2
    geo = convolution("conv", np.broadcast_to(0.0, x), np.empty(w), None, settings, rank)
    with emulator.enable():
        like = backend.cuda_module().empty(1, getattr(gp, dtype).numpy)
        g = Shape(like, (x[0], w[0], *geo.out))
        return weight_choice.small_plan(g, Shape(like, x), geo, on_tensor_cores)


LENET = [((64, 1, 28, 28), (6, 1, 5, 5), (1, 2, 1, 1)), ((64, 6, 14, 14), (16, 6, 5, 5), (1, 0, 1, 1))]
COLOURED = [((64, 3, 224, 224), (64, 3, 7, 7), (2, 3, 1, 1)), ((128, 3, 32, 32), (16, 3, 3, 3), (1, 1, 1, 1))]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
@pytest.mark.parametrize("shapes", [*LENET, COLOURED[1]], ids=str)
def test_few_channels_take_their_own_kernel_in_full_precision(shapes, dtype):
    assert plan(*shapes, dtype) is not None
    assert plan(*COLOURED[0], dtype) is not None or dtype == "float64"  # whose patches are twice as large


def test_tensor_cores_give_way_where_they_would_be_mostly_empty():
    assert plan(*LENET[1], "float16", on_tensor_cores=True) is not None
    assert plan(*COLOURED[1], "float32", on_tensor_cores=True) is not None
    assert plan(*COLOURED[0], "float16", on_tensor_cores=True) is None  # much work, all channels of dy


@pytest.mark.parametrize(
    "shapes",
    [
        ((64, 64, 56, 56), (64, 64, 3, 3), (1, 1, 1, 1)),
        ((64, 16, 32, 32), (16, 16, 3, 3), (1, 1, 1, 1)),
        ((64, 8, 32, 32), (64, 8, 31, 31), (1, 15, 1, 1)),  # its patch does not fit
        ((1, 1, 2**30), (4, 1, 5), (1, 0, 1, 1)),
        ((64, 32, 28, 28), (32, 1, 3, 3), (1, 1, 1, 32)),  # depthwise
    ],
    ids=str,
)
def test_others_do_not(shapes):
    assert plan(*shapes) is None


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("shapes", LENET + COLOURED, ids=str)
def test_plans_fit(shapes, size):
    """In shared memory, in whole warps, in the positions of a tile; and the best is the one with the fewest slots."""
    x, w, settings = shapes
    geo = convolution("conv", np.broadcast_to(0.0, x), np.empty(w), None, settings, 2)
    every = list(small_weight._plans(geo, w[1], size))
    slots, best = small_weight.best_plan(geo, w[0], w[1], size)
    assert slots == min(p.slots(geo, w[0], w[1], size) for p in every) == best.slots(geo, w[0], w[1], size)
    for p in every:
        assert p.shared <= small_weight.SHARED and p.high * p.wide <= small_weight.MOST
        assert small_weight.BLOCK % p.lanes == 0 and p.lanes % 32 == 0
        assert p.pitch >= small_weight._reach(geo, p.high, p.wide)[1]


def test_the_taps_of_a_filter_lie_in_different_banks():
    x, w, settings = LENET[0]
    geo = convolution("conv", np.broadcast_to(0.0, x), np.empty(w), None, settings, 2)
    for p in small_weight._plans(geo, 1, 4):
        places = {(i * p.pitch + j) % 32 for i in range(5) for j in range(5)}
        assert len(places) == 25


def test_more_work_takes_more_time():
    assert weight_choice.seconds(100, 10**6, Machine()) < weight_choice.seconds(200, 10**6, Machine())
    assert weight_choice.tile_slots(16, 32) == weight_choice.tile_slots(32, 32) < weight_choice.tile_slots(32, 33)


@pytest.mark.parametrize("last", [False, True])
def test_the_kernel_is_taken(last, launches):
    """By F.conv2d's gradient, for LeNet-5's layers; its result is that of NumPy."""
    rng = np.random.default_rng(0)
    for (_, *x), w, (_, padding, *_) in LENET:
        images, weight = [rng.standard_normal(s).astype(np.float32) for s in ((2, *x), w)]
        grads = []
        for device in ("cpu", "cuda"):
            with emulator.enable():
                a, b = gp.tensor(images, device=device), gp.tensor(weight, device=device, requires_grad=True)
                if last:
                    a = a.contiguous(memory_format=gp.channels_last)
                y = gp.conv2d(a, b, padding=padding)
                grads.append(gp.autograd.grad([(y * y).sum()], [b])[0].cpu().numpy())
        np.testing.assert_allclose(*grads, rtol=1e-4, atol=1e-3)
    assert launches.count("weight_small") == len(LENET) and "weight_parts" not in launches


def test_the_model_knows_channels_last():
    """What lies in the order of tensor cores already need not be moved."""
    x, w, settings = COLOURED[0]
    geo = convolution("conv", np.broadcast_to(0.0, x), np.empty(w), None, settings, 2)
    host = np.zeros((1, 8, 4, 4), np.float32), np.zeros((1, 8, 4, 4), np.float32)
    with emulator.enable():
        times = [
            weight_choice.tensor_seconds(*[on_device(a, last) for a in host], geo, Machine()) for last in (False, True)
        ]
    assert times[1] < times[0]
