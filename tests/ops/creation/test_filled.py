import numpy as np
import pytest

import gpunn as gp


@pytest.mark.parametrize(("make", "value"), [(gp.zeros, 0), (gp.ones, 1), (gp.empty, None)])
def test_size_in_all_its_forms(make, value, device):
    for x in (make(2, 3, device=device), make((2, 3), device=device), make(size=[2, 3], device=device)):
        assert x.shape == (2, 3) and x.dtype is gp.float32 and x.device.type == device
        assert value is None or (x.array == value).all()
    assert make(()).shape == () and make(0).shape == (0,)
    assert make(2, dtype=gp.int8).dtype is gp.int8
    assert make(2, dtype=float).dtype is gp.float64
    assert make(2, requires_grad=True).requires_grad


@pytest.mark.parametrize("make", [gp.zeros, gp.ones, gp.empty])
def test_size_errors(make):
    with pytest.raises(RuntimeError, match="negative dimension -1"):
        make(2, -1)
    with pytest.raises(TypeError, match="size must be ints"):
        make(2.0)
    with pytest.raises(TypeError, match="missing"):
        make()
    with pytest.raises(RuntimeError, match="floating point"):
        make(2, dtype=gp.int64, requires_grad=True)


def test_default_dtype_and_device(device):
    gp.set_default_dtype(gp.float64)
    try:
        assert gp.zeros(1).dtype is gp.float64
        with gp.device(device):
            assert gp.ones(1).device.type == device
    finally:
        gp.set_default_dtype(gp.float32)


def test_full(device):
    assert gp.full((2,), 3, device=device).dtype is gp.int64
    assert gp.full((2,), 3.0, device=device).dtype is gp.float32
    assert gp.full((2,), True).dtype is gp.bool
    assert gp.full((2,), gp.tensor(3.0, dtype=gp.float64)).dtype is gp.float64
    assert gp.full((2,), np.float32(2)).tolist() == [2, 2]
    assert gp.full((2,), 3.7, dtype=gp.int32).tolist() == [3, 3]
    assert gp.full((2,), -1, dtype=gp.uint8).tolist() == [255, 255]
    assert gp.full((), 1.5, dtype=gp.bfloat16).item() == 1.5
    for value, dtype in ((300, gp.uint8), (float("nan"), gp.int64)):
        with pytest.raises(RuntimeError, match="without overflow"):
            gp.full((2,), value, dtype=dtype)
    with pytest.raises(TypeError, match="expected a number"):
        gp.full((2,), "a")
    with pytest.raises(RuntimeError, match="0-dimensional"):
        gp.full((2,), gp.ones(2))


@pytest.mark.parametrize(
    ("make", "value"), [(gp.zeros_like, 0), (gp.ones_like, 1), (lambda x, **k: gp.full_like(x, 7, **k), 7)]
)
def test_like(make, value, device):
    x = gp.zeros(2, 3, dtype=gp.int16, device=device)
    y = make(x)
    assert y.shape == (2, 3) and y.dtype is gp.int16 and y.device == x.device and (y.array == value).all()
    assert make(x, dtype=gp.float16, requires_grad=True).requires_grad
    assert make(x, device="cpu").device == gp.device("cpu")


def test_like_keeps_the_layout(device):
    x = gp.zeros(2, 3, 4, 5, device=device)
    last = x.to(memory_format=gp.channels_last)
    assert gp.zeros_like(last).stride() == gp.empty_like(last).stride() == last.stride()
    assert gp.full_like(last, 2, memory_format=gp.contiguous_format).is_contiguous()
    assert gp.ones_like(x, memory_format=gp.channels_last).stride() == last.stride()
    assert gp.empty(2, 3, 4, 5, memory_format=gp.channels_last).stride() == last.stride()
    assert gp.zeros_like(gp.zeros(3, 2).t()).stride() == (1, 2)
    assert gp.zeros_like(gp.zeros(3).expand(2, 3)).stride() == (3, 1)
    with pytest.raises(RuntimeError, match="4 dimensions"):
        gp.empty(2, 3, memory_format=gp.channels_last)
    with pytest.raises(TypeError, match="must be a Tensor, not list"):
        gp.zeros_like([1])


def test_eye(device):
    for n, m in ((3, None), (2, 4), (3, 1), (0, None), (0, 2)):
        np.testing.assert_array_equal(gp.eye(n, m, device=device).cpu().array, np.eye(n, m))
    assert gp.eye(2, dtype=gp.bool).tolist() == [[True, False], [False, True]]
    assert gp.eye(2, dtype=gp.bfloat16).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(RuntimeError, match="m must be greater or equal to 0, got -1"):
        gp.eye(2, -1)
    with pytest.raises(TypeError, match="n must be ints"):
        gp.eye(2.0)


def test_a_device_that_is_not_there():
    with pytest.raises(RuntimeError, match='device "cuda"'):
        gp.zeros(2, device="cuda")


def test_the_sign_of_a_zero_stays(device):
    x = gp.ones(2, device=device)
    for made in (gp.full((2,), -0.0, device=device), gp.full_like(x, -0.0), x.new_full((2,), -0.0)):
        assert gp.signbit(made).tolist() == [True, True]
    assert not gp.signbit(gp.full((2,), 0.0, device=device)).any()
