"""The wanted texts are those of PyTorch 2.13, with "gpunn" for "torch"."""

import math

import pytest

import gpunn as gp
from gpunn import backend
from gpunn.tensor.display import OPTIONS


@pytest.fixture
def options():
    yield gp.set_printoptions
    gp.set_printoptions(profile="default")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (3, "tensor(3)"),
        (2.5, "tensor(2.5000)"),
        (3.0, "tensor(3.)"),
        (True, "tensor(True)"),
        ([True, False], "tensor([ True, False])"),
        ([-1, 20], "tensor([-1, 20])"),
        ([1.0, 2.0], "tensor([1., 2.])"),
        ([1.0, -20.5], "tensor([  1.0000, -20.5000])"),
        ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
        ([1.0, 1001.5], "tensor([1.0000e+00, 1.0015e+03])"),
        ([1.0, 1000.5], "tensor([1.0000e+00, 1.0005e+03])"),
        ([1.0, 999.5], "tensor([  1.0000, 999.5000])"),
        ([2e8], "tensor([2.0000e+08])"),
        ([1e8], "tensor([100000000.])"),
        ([99999999.0 / 2], "tensor([50000000.])"),
        ([math.inf, -math.inf, math.nan, 0.0], "tensor([inf, -inf, nan, 0.])"),
        ([math.nan, 1.0], "tensor([nan, 1.])"),
        ([math.nan, -1.5], "tensor([    nan, -1.5000])"),
        ([0.0, -0.0], "tensor([0., -0.])"),
        ([[1, 2], [3, 4]], "tensor([[1, 2],\n        [3, 4]])"),
        ([[[1], [2]], [[3], [4]]], "tensor([[[1],\n         [2]],\n\n        [[3],\n         [4]]])"),
        ([], "tensor([])"),
        ([[], []], "tensor([], size=(2, 0))"),
    ],
)
def test_elements(data, text):
    assert repr(gp.tensor(data)) == str(gp.tensor(data)) == text


def test_notes(device):
    x = gp.ones(2)
    assert repr(x.double()) == "tensor([1., 1.], dtype=gpunn.float64)"
    assert repr(x.int()) == "tensor([1, 1], dtype=gpunn.int32)"
    assert repr(x.bfloat16()) == "tensor([1., 1.], dtype=gpunn.bfloat16)"
    assert repr(gp.zeros(0, dtype=gp.int64)) == "tensor([], dtype=gpunn.int64)"
    assert repr(gp.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert repr(gp.ones(2, requires_grad=True)) == "tensor([1., 1.], requires_grad=True)"
    assert repr(gp.ones(2, requires_grad=True) + 1) == "tensor([2., 2.], grad_fn=<AddBackward0>)"
    where = ", device='cuda:0'" if device == "cuda" else ""
    assert repr(gp.ones(2, device=device)) == f"tensor([1., 1.]{where})"


def test_the_default_dtype_is_not_mentioned():
    gp.set_default_dtype(gp.float64)
    try:
        assert repr(gp.tensor(1.5)) == "tensor(1.5000)"
        assert repr(gp.tensor(1.5).float()) == "tensor(1.5000, dtype=gpunn.float32)"
    finally:
        gp.set_default_dtype(gp.float32)


def test_long_lines_are_broken():
    assert repr(gp.arange(30)) == (
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])"
    )
    wide = gp.ones(8, dtype=gp.float64, requires_grad=True) * 0.5
    assert repr(wide) == (
        "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],\n"
        "       dtype=gpunn.float64, grad_fn=<MulBackward0>)"
    )


def test_large_tensors_are_summarised(device):
    x = gp.arange(1001, device=device)
    where = ", device='cuda:0'" if device == "cuda" else ""
    assert repr(x) == f"tensor([   0,    1,    2,  ...,  998,  999, 1000]{where})"
    y = gp.arange(2000.0).view(1000, 2)
    assert repr(y) == (
        "tensor([[0.0000e+00, 1.0000e+00],\n        [2.0000e+00, 3.0000e+00],\n        [4.0000e+00, 5.0000e+00],\n"
        "        ...,\n        [1.9940e+03, 1.9950e+03],\n        [1.9960e+03, 1.9970e+03],\n"
        "        [1.9980e+03, 1.9990e+03]])"
    )


def test_only_what_is_shown_comes_to_the_host(device, monkeypatch):
    sizes = []
    monkeypatch.setattr(backend, "asnumpy", lambda a, real=backend.asnumpy: sizes.append(a.size) or real(a))
    repr(gp.zeros(1_000_000, device=device).view(1000, 1000))
    assert sizes == [36]


class TestOptions:
    def test_precision_and_sci_mode(self, options):
        options(precision=2)
        assert repr(gp.tensor([1.23456])) == "tensor([1.23])"
        options(sci_mode=True)
        assert repr(gp.tensor([1.0])) == "tensor([1.00e+00])"
        options()
        assert OPTIONS.sci_mode is None and OPTIONS.precision == 2

    def test_threshold_edgeitems_and_linewidth(self, options):
        options(threshold=5, edgeitems=1, linewidth=20)
        assert repr(gp.arange(6)) == "tensor([0,  ..., 5])"
        assert repr(gp.arange(5)) == "tensor([0, 1, 2, 3,\n        4])"
        options(edgeitems=0)
        assert repr(gp.arange(6)) == "tensor([...],\n       size=(6,))"

    def test_profiles(self, options):
        options(profile="full")
        assert "..." not in repr(gp.arange(1001))
        options(profile="short", linewidth=100)
        assert (OPTIONS.precision, OPTIONS.edgeitems, OPTIONS.threshold, OPTIONS.linewidth) == (2, 2, 1000, 100)
        with pytest.raises(ValueError, match="expected a profile among"):
            options(profile="long")


def test_format(device):
    assert f"{gp.tensor(3.14159, device=device):.2f}" == "3.14"
    assert f"{gp.tensor(3):>5}|" == "    3|"
    assert f"{gp.tensor(True):d}" == "1" and f"{gp.tensor(3.0)}" == "3.0"
    assert f"{gp.ones(1, requires_grad=True)[0]:.1f}" == "1.0"
    assert f"{gp.tensor([1.5])}" == "tensor([1.5000])"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{gp.tensor([1.5]):.2f}"


def test_a_view_that_lost_its_history():
    y = gp.ones(2, requires_grad=True) * 2
    piece = y.unbind()[0]
    y.mul_(2)
    assert repr(piece) == "tensor(4., grad_fn=<Invalid>)"
