"""Which kernels a convolution takes on the GPU."""

import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, backends, emulator, kernels
from gpunn.nn import functional as F
from gpunn.ops.conv import tensor_cores
from gpunn.ops.conv.geometry import convolution
from tests.harness import TOLERANCE, run

OF_CONVOLUTIONS = {
    *("correlate", "correlate_small", "correlate_depthwise", "correlate_tensor", "pointwise_tensor"),
    *("weight_parts", "weight_depthwise", "weight_tensor", "pointwise_weight", "weight_sum"),
    *("pack_turned", "pack_padded", "pack_filter"),
}


def takes(x, w, dtype="float16", groups=1):
    x, w = np.empty(x, getattr(gp, dtype).numpy), np.empty(w)
    geo = convolution("conv", x, w, None, (1, 0, 1, groups), 2)
    with emulator.enable():
        on_gpu = backend.cuda_module().empty(x.shape, x.dtype)
        return tensor_cores.can_take(on_gpu, geo, w.shape[0] // groups, w.shape[1], x.shape[0] * w.size * 10**3)


@pytest.fixture
def full_precision():
    backends.cudnn.allow_tf32 = False
    yield
    backends.cudnn.allow_tf32 = True


def test_tensor_cores_take_halves_and_by_default_float32():
    for dtype, answer in (("float16", True), ("bfloat16", True), ("float32", True), ("float64", False)):
        assert takes((2, 64, 9, 9), (64, 64, 3, 3), dtype) == answer


@pytest.mark.usefixtures("full_precision")
def test_float32_only_where_tf32_is_allowed():
    assert not takes((2, 64, 9, 9), (64, 64, 3, 3), "float32")
    assert takes((2, 64, 9, 9), (64, 64, 3, 3), "float16")


def test_too_little_for_tensor_cores():
    assert not takes((2, 64, 9, 9), (8, 64, 3, 3))  # few channels out
    assert not takes((2, 3, 9, 9), (64, 3, 3, 3))  # few products
    assert takes((2, 3, 9, 9), (64, 3, 7, 7))
    assert not takes((1, 16, 9, 9), (16, 16, 3, 3))  # little work
    assert takes((2, 64, 9, 9), (64, 32, 3, 3), groups=2)
    assert not takes((2, 72, 9, 9), (72, 36, 3, 3), groups=2)  # groups are not whole chunks


ONE_ELEMENT = [((2, 32, 16), (16, 32, 1)), ((2, 16, 7, 6), (35, 16, 1, 1)), ((1, 40, 2, 2, 4), (32, 40, 1, 1, 1))]


@pytest.mark.parametrize(
    ("x", "w", "groups"),
    [
        ((2, 16, 7, 6), (16, 16, 3, 3), 1),
        ((1, 32, 6, 6), (32, 16, 2, 3), 2),
        ((2, 48, 4, 4), (32, 48, 1, 1), 1),
        ((2, 33, 7, 5), (35, 33, 1, 1), 1),
    ],
)
@pytest.mark.parametrize("name", ["float16", "float32"])
@pytest.mark.parametrize("layout", [gp.contiguous_format, gp.channels_last], ids=str)
def test_convolution_and_gradients_on_tensor_cores(x, w, groups, name, layout, monkeypatch):
    monkeypatch.setattr(tensor_cores, "LITTLE", 0)
    rng = np.random.default_rng(0)
    dtype = getattr(gp, name)
    inputs = [rng.standard_normal(s).astype(dtype.numpy).astype(np.float64) for s in (x, w, w[:1])]

    def conv(a, b, bias):
        a, b, bias = [t.to(dtype) if t.device.type == "cuda" else t for t in (a, b, bias)]
        y = F.conv2d(a.contiguous(memory_format=layout), b, bias, padding=int(w[-1] > 1), groups=groups)
        grads = gp.autograd.grad([y], [a, b, bias], [gp.ones_like(y)])
        assert layout is gp.contiguous_format or y.is_contiguous(memory_format=layout)
        return y, *grads

    wanted = run(conv, inputs, "cpu")
    with emulator.enable():
        found = run(conv, inputs, "cuda")
    limit = 4 * max(TOLERANCE[name], 2.0**-10)
    for mine, exact in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine.astype(np.float64), exact, rtol=limit, atol=limit * np.abs(exact).max())


def launched(run, monkeypatch):
    """The names of the kernels that `run` launches on the emulated GPU."""
    names, launch = set(), kernels.launch

    def note(file, kernel, *rest):
        names.add(kernel)
        launch(file, kernel, *rest)

    with emulator.enable(), monkeypatch.context() as patch:
        patch.setattr(kernels, "launch", note)
        run()
    return names


@pytest.mark.parametrize(("x", "w"), ONE_ELEMENT, ids=str)
def test_a_filter_of_one_element_is_a_product_of_matrices(x, w, monkeypatch):
    """Images of whole chunks are taken as they are, channels first or last; others and, for dx, filters are turned."""
    monkeypatch.setattr(tensor_cores, "LITTLE", 0)
    monkeypatch.setattr(tensor_cores, "FEW_PRODUCTS", 16)
    conv = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[len(x) - 2]

    def run(a):
        b = gp.ones(*w, device="cuda", dtype=gp.float16, requires_grad=True)
        y = conv(a.to(gp.float16).requires_grad_(), b)
        gp.autograd.grad([y], [b], [gp.ones_like(y)])

    names = launched(lambda: run(gp.ones(*x, device="cuda")), monkeypatch)
    turned = {"pack_turned"} if math.prod(x[2:]) % 8 else set()
    assert names & OF_CONVOLUTIONS == {"pointwise_tensor", "pointwise_weight", "weight_sum", "pack_filter"} | turned
    if len(x) == 4:
        names = launched(
            lambda: run(gp.ones(*x, device="cuda").contiguous(memory_format=gp.channels_last)), monkeypatch
        )
        assert "pointwise_tensor" in names and "correlate_tensor" not in names


def test_the_bias_is_added_by_the_kernel_of_the_convolution(monkeypatch):
    """In each family: one launch more or less with a bias would be one that adds it."""
    monkeypatch.setattr(tensor_cores, "LITTLE", 0)
    for x, w, groups in (
        ((1, 4, 4, 4), (3, 4, 2, 2), 1),
        ((1, 4, 4, 4), (4, 1, 2, 2), 4),
        ((1, 32, 4, 4), (40, 32, 2, 2), 1),
        ((1, 32, 4, 4), (40, 32, 1, 1), 1),
    ):

        def run(bias, x=x, w=w, groups=groups):
            images, weight = gp.ones(*x, device="cuda"), gp.ones(*w, device="cuda")
            F.conv2d(images, weight, gp.ones(w[0], device="cuda") if bias else None, groups=groups)

        assert launched(lambda run=run: run(True), monkeypatch) == launched(lambda run=run: run(False), monkeypatch)
